"""Small registered models: each label's probability follows from a picture's mean colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from pipelines.inference.scoring import ModelPlace
from pipelines.registry import ModelVersion, Registry
from pipelines.registry.spec import ModelSpec, Preprocessing

WIDTH, HEIGHT = 12, 16
LABELS = {"piece": ("Tee", "Jeans"), "season": ("Summer", "Fall", "Winter")}
ATTRIBUTES = {
    "massive_attr": tuple(f"attribute {i}" for i in range(1000)),
    "categories": tuple(f"kind {i}" for i in range(50)),
}


def register(
    registry: Registry, name: str, labels: Mapping[str, Sequence[str]], seed: int = 1, alias: str = "champion"
) -> ModelVersion:
    """Register a new version with these labels by group, or with an embedding alone; let the alias point at it."""
    spec = ModelSpec(
        Preprocessing(WIDTH, HEIGHT, "stretch"),
        tuple((group, tuple(words)) for group, words in labels.items()),
        embedding=None if labels else 3,
    )
    version = registry.log_onnx(name, network(spec, seed), spec)
    registry.set_alias(name, alias, version.version)
    return version


def network(spec: ModelSpec, seed: int) -> bytes:
    random = np.random.default_rng(seed)
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["means"], keepdims=0),
    ]
    held = [numpy_helper.from_array(np.array([1, 2]), "axes")]
    for output, width in spec.widths.items():
        weights: Any = random.normal(0, 0.01, (3, width)).astype(np.float32)
        held.append(numpy_helper.from_array(weights, f"{output} weights"))
        nodes.append(helper.make_node("MatMul", ["means", f"{output} weights"], [f"{output} sums"]))
        nodes.append(helper.make_node("Sigmoid", [f"{output} sums"], [output]))
    pixels = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", HEIGHT, WIDTH, 3])
    outputs = [helper.make_tensor_value_info(o, TensorProto.FLOAT, ["n", width]) for o, width in spec.widths.items()]
    graph = helper.make_graph(nodes, "colours", [pixels], outputs, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    data: bytes = model.SerializeToString()
    return data


def place(registry: Registry, reference: str) -> ModelPlace:
    """Return a registered model, on the CPU."""
    return ModelPlace(registry, registry.resolve(reference), "cpu")
