"""Small networks that name a picture's colour, in every kind that Tessera serves, and plain MLflow to log them with.

They are what a user brings: nothing here knows Tessera but for the metadata.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import onnx
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from onnx import TensorProto, helper, numpy_helper

from pipelines.registry.spec import ModelSpec, Preprocessing

COLOURS = ("red", "green", "blue")
WIDTH, HEIGHT = 12, 16
SPEC = ModelSpec(Preprocessing(WIDTH, HEIGHT, "stretch"), (("colour", COLOURS),), embedding=3)
NAMED_ONLY = ModelSpec(Preprocessing(WIDTH, HEIGHT, "stretch"), (("colour", COLOURS),))

FUNCTION = """
import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class Colours(PythonModel):
    def predict(self, context, model_input, params=None):
        means = np.roll(model_input.reshape(len(model_input), -1, 3).mean(axis=1) / 25.5, SHIFT, axis=1)
        return {"colour": np.exp(means) / np.exp(means).sum(axis=1, keepdims=True), "embedding": means}


set_model(Colours())
"""


def flat(red: int, green: int, blue: int, count: int = 1) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return `count` pictures of one colour."""
    return np.full((count, HEIGHT, WIDTH, 3), (red, green, blue), np.uint8)


def noise(count: int, seed: int = 1) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (count, HEIGHT, WIDTH, 3), dtype=np.uint8)


def signature(dtype: type = np.uint8, *, embedding: bool = True, channels: int = 3) -> ModelSignature:
    outputs = [TensorSpec(np.dtype(np.float32), (-1, 3), name) for name in ("colour", "embedding")[: 1 + embedding]]
    pixels = TensorSpec(np.dtype(dtype), (-1, HEIGHT, WIDTH, channels))
    return ModelSignature(Schema([pixels]), Schema(outputs))


def onnx_network(shift: int = 0, *, dtype: int = TensorProto.UINT8, batch: str | int = "n") -> onnx.ModelProto:
    """Return a network that gives the softmax of the mean colour, its columns moved round by `shift`."""
    turn = np.roll(np.eye(3, dtype=np.float32), shift, axis=1) / 25.5
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "turn"], ["embedding"]),
        helper.make_node("Softmax", ["embedding"], ["colour"], axis=1),
    ]
    pixels = helper.make_tensor_value_info("pixels", dtype, [batch, HEIGHT, WIDTH, 3])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 3]) for name in ("embedding", "colour")
    ]  # not in the order of the spec: outputs go by name
    held = [numpy_helper.from_array(np.array([1, 2]), "axes"), numpy_helper.from_array(turn, "turn")]
    graph = helper.make_graph(nodes, "colours", [pixels], outputs, held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def torch_network(shift: int = 0) -> Any:
    import torch

    class Colours(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.turn = torch.nn.Linear(3, 3, bias=False)
            turn = np.roll(np.eye(3, dtype=np.float32), shift, axis=0) / 25.5
            self.turn.weight.data = torch.from_numpy(turn)

        def forward(self, pixels: Any) -> dict[str, Any]:
            means = self.turn(pixels.float().mean((1, 2)))
            return {"colour": means.softmax(1), "embedding": means}

    return Colours().eval()


def torch_program(shift: int = 0) -> bytes:
    """Return the torch network as a pt2 file."""
    import io

    import torch

    sink, shapes = io.BytesIO(), ({0: torch.export.Dim("n")},)
    program = torch.export.export(torch_network(shift), (torch.from_numpy(noise(2)),), dynamic_shapes=shapes)
    torch.export.save(program, sink)
    return sink.getvalue()


def keras_network(shift: int = 0) -> Any:
    """Return a Keras model of the colour alone."""
    import keras

    pixels = keras.Input((HEIGHT, WIDTH, 3))
    means = keras.layers.GlobalAveragePooling2D()(pixels)
    outputs = keras.layers.Dense(3, activation="softmax", use_bias=False)(means)
    model = keras.Model(pixels, outputs)
    model.layers[-1].set_weights([np.roll(np.eye(3, dtype=np.float32), shift, axis=1) / 25.5])
    return model


def log(kind: str, name: str, shift: int, folder: Path) -> int:
    """Register a version of a model the way MLflow's own documentation says; return its number."""
    metadata, requirements = {"tessera": SPEC.as_dict()}, ["numpy"]
    common: dict[str, Any] = {"name": "model", "registered_model_name": name, "pip_requirements": requirements}
    if kind == "onnx":
        info = mlflow.onnx.log_model(onnx_network(shift), signature=signature(), metadata=metadata, **common)
    elif kind == "torch":
        network, example = torch_network(shift), noise(2)
        info = mlflow.pytorch.log_model(
            network,
            signature=signature(),
            input_example=example,
            serialization_format="pt2",
            metadata=metadata,
            **common,
        )
    elif kind == "keras":
        alone = {"tessera": NAMED_ONLY.as_dict()}
        floats = signature(np.float32, embedding=False)
        info = mlflow.keras.log_model(keras_network(shift), signature=floats, metadata=alone, **common)
    else:
        source = folder / f"colours_{shift}.py"
        source.write_text(FUNCTION.replace("SHIFT", str(shift)))
        info = mlflow.pyfunc.log_model(python_model=str(source), signature=signature(), metadata=metadata, **common)
    return int(info.registered_model_version)


MOBILENET = '''
"""A quantised MobileNet as TensorFlow Lite runs it."""

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class MobileNet(PythonModel):
    def load_context(self, context):
        import tensorflow as tf

        self.network = tf.lite.Interpreter(model_path=context.artifacts["network"])
        self.network.allocate_tensors()

    def predict(self, context, model_input, params=None):
        rows = []
        (pixels,), (scores,) = self.network.get_input_details(), self.network.get_output_details()
        for picture in model_input:
            self.network.set_tensor(pixels["index"], picture[None])
            self.network.invoke()
            rows.append(self.network.get_tensor(scores["index"])[0].astype(np.float32) / 256)
        return np.stack(rows)


set_model(MobileNet())
'''


def log_mobilenet(folder: Path, file: str, side: int, aside: Path) -> None:
    """Register a quantised TFLite MobileNet of google-coral's as the champion of the tags, with plain MLflow."""
    names = (folder / "imagenet_labels.txt").read_text().splitlines()
    known = tuple(f"{name} ({k})" if name in names[:k] else name for k, name in enumerate(names))  # crane, maillot
    spec = ModelSpec(Preprocessing(side, side, "stretch"), (("tags", known),))
    source = aside / "mobilenet.py"
    source.write_text(MOBILENET)
    pixels, scores = TensorSpec(np.dtype(np.uint8), (-1, side, side, 3)), TensorSpec(np.dtype(np.float32), (-1, 1001))
    info = mlflow.pyfunc.log_model(
        name="model",
        python_model=str(source),
        artifacts={"network": str(folder / f"{file}.tflite")},
        signature=ModelSignature(Schema([pixels]), Schema([scores])),
        metadata={"tessera": spec.as_dict()},
        registered_model_name="generic-tags",
        pip_requirements=["tensorflow-cpu"],
    )
    version = str(info.registered_model_version)
    mlflow.MlflowClient().set_registered_model_alias("generic-tags", "champion", version)
