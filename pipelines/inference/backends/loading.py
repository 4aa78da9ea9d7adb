"""Loading: one model once per process, by what its folder holds and the device it is for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Literal, Protocol

from pipelines.inference.backends.batches import Batch, Scores, Served
from pipelines.inference.backends.device import Device, batch_size, chosen
from pipelines.registry.manifest import Manifest
from pipelines.registry.spec import ModelSpec

_HELD = 4  # models in memory at once
_LOADING = Lock()


class Model(Protocol):
    """A loaded model."""

    device: str

    def predict(self, batch: Batch) -> dict[str, Scores]:
        """Return each output's (n, width) float32 for (n, height, width, 3) uint8. Raises CannotRun, ContractBroken."""
        ...


def load(folder: Path, spec: ModelSpec, device: Device = "auto", title: str = "") -> Model:
    """Return the model of a folder that the registry fetched; a second call in this process gets the same one.

    `title` is what errors call it. Raises CannotRun where it cannot be loaded.
    """
    with _LOADING:
        return _load(folder, spec, chosen(device), title or folder.name)


@lru_cache(maxsize=_HELD)
def _load(folder: Path, spec: ModelSpec, device: Literal["cpu", "cuda"], title: str) -> Served:
    manifest = Manifest.read(folder, title)
    return _LOADERS[manifest.kind](folder, manifest, spec, device, title)


def _onnx(folder: Path, manifest: Manifest, spec: ModelSpec, device: Literal["cpu", "cuda"], title: str) -> Served:
    from pipelines.inference.backends import onnx_session

    if device == "cuda" and manifest.twin:
        return _on_cuda(folder / manifest.twin, manifest, spec, title)
    if device == "cuda" and not onnx_session.has_cuda():
        _warn(title, "its version holds no network.pt2 and ONNX Runtime here knows no GPU")
        device = "cpu"
    session = onnx_session.opened(folder / manifest.file, spec, device, title)
    fixed = session.fixed_batch
    size = fixed or batch_size(spec, device)
    return Served(session, spec, device, size, title, is_fixed=fixed is not None, least=fixed or 1)


def _torch(folder: Path, manifest: Manifest, spec: ModelSpec, device: Literal["cpu", "cuda"], title: str) -> Served:
    from pipelines.inference.backends import program

    if device == "cuda":
        return _on_cuda(folder / manifest.file, manifest, spec, title)
    return Served(
        program.on_cpu(folder / manifest.file, title, floats=manifest.takes_floats),
        spec,
        device,
        batch_size(spec, device),
        title,
    )


def _on_cuda(path: Path, manifest: Manifest, spec: ModelSpec, title: str) -> Served:
    from pipelines.inference.backends.cuda import CudaNetwork
    from pipelines.inference.backends.program import opened

    network = CudaNetwork(opened(path, title), title, floats=manifest.takes_floats)
    return Served(network, spec, "cuda", batch_size(spec, "cuda"), title, is_fixed=True)


def _keras(folder: Path, manifest: Manifest, spec: ModelSpec, device: Literal["cpu", "cuda"], title: str) -> Served:
    from pipelines.inference.backends import keras_model

    if device == "cuda":
        _warn(title, "the TensorFlow here is the one for CPUs")
    network = keras_model.opened(folder / manifest.file, title, floats=manifest.takes_floats)
    return Served(network, spec, "cpu", batch_size(spec, "cpu"), title)


def _pyfunc(folder: Path, manifest: Manifest, spec: ModelSpec, _: Literal["cpu", "cuda"], title: str) -> Served:
    import numpy as np

    from pipelines.registry.function import load_function

    predict, dtype, alone = load_function(folder, title), np.float32 if manifest.takes_floats else np.uint8, Lock()

    def network(batch: Batch) -> object:
        with alone:  # nobody asked its author to think of threads
            return predict(batch.astype(dtype))

    return Served(network, spec, "cpu", batch_size(spec, "cpu"), title)


def _warn(title: str, why: str) -> None:
    logging.getLogger(__name__).warning("%s runs on the CPU: %s.", title, why)


_LOADERS: dict[str, Callable[[Path, Manifest, ModelSpec, Literal["cpu", "cuda"], str], Served]] = {
    "onnx": _onnx,
    "torch": _torch,
    "keras": _keras,
    "pyfunc": _pyfunc,
}
