"""EfficientNet-B0 as Keras publishes it, from a file of weights to ONNX.

Run as a program of its own, `python -m pipelines.inference.backends.efficientnet WEIGHTS.h5 MODEL.onnx`, for Keras
takes its backend from the environment once: torch, whose exporter needs nothing more.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pipelines.lake.errors import CannotRun

SIDE, CLASSES = 224, 1_000  # pixels both ways; the classes of ImageNet-1k
_SECONDS = 600


def convert(weights: Path, model: Path) -> None:
    """Write the network with these weights as ONNX: uint8 (N, 224, 224, 3) in, `tags` (N, 1000) out. Raises CannotRun.

    Its own rescaling is part of it.
    """
    command = [sys.executable, "-m", __name__, str(weights), str(model)]
    known = {name: value for name, value in os.environ.items() if not name.startswith(("KERAS_", "TESSERA_"))}
    done = subprocess.run(  # noqa: S603  # our own module
        command, env=known | {"KERAS_BACKEND": "torch"}, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise CannotRun(
            f"the weights {weights} are none of Keras' EfficientNet-B0 for ImageNet ({last[:200]}). "
            "Name the file efficientnetb0.h5 with TESSERA_TAG_WEIGHTS, or register a model generic-tags of your own."
        )


def _convert(weights: Path, model: Path) -> None:
    import keras
    import torch

    network = keras.applications.EfficientNetB0(weights=None, classes=CLASSES)
    network.load_weights(str(weights))
    network.eval()

    class Shown(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return self.network(pixels.float(), training=False)  # type: ignore[no-any-return]

    pixels = torch.zeros((2, SIDE, SIDE, 3), dtype=torch.uint8)
    shapes = ({0: torch.export.Dim("n")},)
    with torch.no_grad():
        found = torch.onnx.export(
            Shown().eval(), (pixels,), input_names=["pixels"], output_names=["tags"], dynamo=True, dynamic_shapes=shapes
        )
    if found is None:
        raise RuntimeError("the network could not be exported")
    found.save(str(model))


if __name__ == "__main__":
    _convert(*map(Path, sys.argv[1:3]))
