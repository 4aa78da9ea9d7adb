"""The weights in a quantised TFLite file of MobileNetV2, such as google-coral's, as floats."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.lake.errors import CannotRun

Layer = tuple[NDArray[np.float32], NDArray[np.float32]]  # kernel (out, in / groups, h, w), bias (out)
_KERNEL, _BIAS = "weights_quant", "BatchNorm_Fold/bias"


def convolutions(path: Path) -> list[Layer]:
    """Return the convolutions of the body, norms folded in, in the order of the network. Raises CannotRun."""
    import tensorflow as tf

    try:
        interpreter = tf.lite.Interpreter(str(path))
        found = list(_layers(interpreter))
    except (ValueError, KeyError, StopIteration) as error:
        raise CannotRun(f"{path} is no quantised TFLite file of a MobileNetV2: {error!s:.200}") from error
    return found


def _layers(interpreter: Any) -> Iterator[Layer]:
    details = sorted(interpreter.get_tensor_details(), key=lambda tensor: int(tensor["index"]))
    kernels = [tensor for tensor in details if _KERNEL in tensor["name"] and "Logits" not in tensor["name"]]
    biases = {
        tensor["name"].rpartition(";")[2].removesuffix(_BIAS): tensor
        for tensor in details
        if tensor["dtype"] is np.int32 and tensor["name"].endswith(_BIAS)
    }
    for kernel in kernels:
        part = kernel["name"].rpartition(";")[2].partition(_KERNEL)[0]
        values = _floats(interpreter, kernel)
        # TFLite: (out, h, w, in), of depthwise ones (1, h, w, out)
        order = (3, 0, 1, 2) if part.endswith("depthwise/") else (0, 3, 1, 2)
        yield np.ascontiguousarray(values.transpose(order)), _floats(interpreter, biases[part])


def _floats(interpreter: Any, tensor: dict[str, Any]) -> NDArray[np.float32]:
    scale, zero = tensor["quantization"]
    values: NDArray[np.float32] = ((interpreter.get_tensor(tensor["index"]).astype(np.float64) - zero) * scale).astype(
        np.float32
    )
    return values
