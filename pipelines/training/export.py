"""Exporting: a trained network to one ONNX file, and back.

The file carries the weights in half precision under the network's own names, so that it is small and training can go
on from it; the runtime widens them once, as it loads.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import numpy as np
import onnx
import onnx_ir
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx_ir.passes import common
from onnxscript import optimizer

from pipelines.training.network import Network

_SMALL = 64  # numbers of a tensor; shorter ones (shapes, constants) are left as they are
_HALF = ".half"


def rounded(network: Network) -> Network:
    """Round the weights to what half precision holds, in place, so that what is judged is what is shipped."""
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point() and value.numel() >= _SMALL:
                value.copy_(value.half().float())
    return network


def to_onnx(network: Network, width: int, height: int) -> bytes:
    """Return the network as ONNX: uint8 `pixels` (N, height, width, 3) in, probabilities and `embedding` out."""
    names = [*network.heads, "embedding"]
    pixels = torch.zeros((2, height, width, 3), dtype=torch.uint8)
    shapes = ({0: torch.export.Dim("n")},)
    with _quiet(), torch.no_grad():
        program = torch.export.export(network.eval(), (pixels,), dynamic_shapes=shapes)
        found = torch.onnx.export(
            program, input_names=["pixels"], output_names=names, dynamo=True, optimize=False, dynamic_shapes=shapes
        )
    if found is None:
        raise RuntimeError("the network could not be exported to ONNX")
    return bytes(_halved(_folded(found.model)).SerializeToString())


def twin(network: Network, width: int, height: int) -> bytes:
    """Return the network as a torch program (pt2), for devices that torch serves better."""
    pixels, sink = torch.zeros((2, height, width, 3), dtype=torch.uint8), io.BytesIO()
    with _quiet(), torch.no_grad():
        program = torch.export.export(network.eval(), (pixels,), dynamic_shapes=({0: torch.export.Dim("n")},))
        torch.export.save(program, sink)
    return sink.getvalue()


def load_weights(network: Network, model: bytes) -> Network:
    """Put the weights of an exported file into a network of the same shape. Raises RuntimeError for another's."""
    held = {tensor.name: tensor for tensor in onnx.load_from_string(model).graph.initializer}
    weights = {}
    for name, value in network.state_dict().items():
        tensor = held.get(f"{name}{_HALF}") or held.get(name)
        weights[name] = value if tensor is None else torch.from_numpy(numpy_helper.to_array(tensor).copy())
        if tensor is None and value.is_floating_point():
            raise RuntimeError(f"the file holds no weights {name}: it was made of another network")
    network.load_state_dict(weights)
    return network.eval()


def _folded(model: onnx_ir.Model) -> onnx.ModelProto:
    """Fold what the exporter left to be computed, or the runtime fuses nothing and takes three times as long.

    The exporter's own optimizing would fuse the norms' weights away, from which training could not go on.
    """
    optimizer.fold_constants(model)
    return onnx_ir.to_proto(common.RemoveUnusedNodesPass()(model).model)


def _halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the large tensors in half precision, each behind a cast to full."""
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= _SMALL:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}{_HALF}"))
            casts.append(helper.make_node("Cast", [f"{name}{_HALF}"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    for node in nodes:
        del node.metadata_props[:]  # where in the source each came from: a third of the file
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's chatter off stdout, whose last line is for machines, and its warnings out of the log."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
