"""ONNX Runtime: one session shared by all threads, each pass on the thread that asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime

from pipelines.inference.backends.batches import Batch
from pipelines.lake.errors import CannotRun
from pipelines.registry.spec import ModelSpec

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"
_ERRORS_ONLY = 3


def has_cuda() -> bool:
    return _CUDA in onnxruntime.get_available_providers()


class OnnxNetwork:
    """An ONNX network; `fixed_batch` is the only number of pictures it takes, None where it takes any."""

    def __init__(self, session: Any, names: list[str] | None) -> None:
        self._session, self._names = session, names
        (self._input,) = session.get_inputs()
        self._dtype = np.float32 if self._input.type == "tensor(float)" else np.uint8
        first = self._input.shape[0]
        self.fixed_batch = first if isinstance(first, int) else None

    def __call__(self, batch: Batch) -> Any:
        found = self._session.run(self._names, {self._input.name: batch.astype(self._dtype, copy=False)})
        return dict(zip(self._names, found, strict=True)) if self._names else found


def opened(path: Path, spec: ModelSpec, device: Literal["cpu", "cuda"], title: str) -> OnnxNetwork:
    """Return the network of an ONNX file. Raises CannotRun."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # the executor has a thread for every core
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ERRORS_ONLY
    providers = [_CUDA, _CPU] if device == "cuda" else [_CPU]
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # its own kinds share no base
        raise CannotRun(f"{title} is no network that ONNX Runtime can load: {error!s:.300}") from error
    if len(session.get_inputs()) != 1:
        raise CannotRun(f"{title} has {len(session.get_inputs())} inputs; Tessera gives a model one, its pictures.")
    outputs = {output.name for output in session.get_outputs()}
    names = list(spec.widths)
    return OnnxNetwork(session, names if outputs.issuperset(names) else None)
