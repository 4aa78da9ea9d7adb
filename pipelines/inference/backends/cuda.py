"""Torch on a GPU: one program, captured as a CUDA graph for one batch size, fed with uint8 from pinned memory.

Threads share the stream: while one thread's pictures are computed, another fills its pinned buffer. Convolutions run
in bfloat16 and channels_last, answers are float32.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Queue
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch.export import passes
from torch.utils import _pytree as tree

from pipelines.inference.backends.batches import Batch

_RING = 3  # batches on their way at once
_WARM = 3  # passes before a graph is captured, for libraries that choose their kernels by trying


@dataclass
class _Slot:
    """Pinned memory for one batch: where it waits to be copied over, and the answers come back to."""

    pixels: torch.Tensor
    answers: list[torch.Tensor]
    done: torch.cuda.Event


@dataclass
class _Graph:
    """A captured pass over a fixed number of pictures, with the memory it reads and writes."""

    pixels: torch.Tensor
    answers: list[torch.Tensor]
    layout: tree.TreeSpec
    replay: Callable[[], None]
    slots: Queue[_Slot]


class CudaNetwork:
    """A program on the GPU; safe to call from many threads. Every batch of a size gets the very same kernels."""

    def __init__(self, program: torch.export.ExportedProgram, title: str, *, floats: bool) -> None:
        self._title, self._floats = title, floats
        module = passes.move_to_device_pass(program, "cuda").module()
        self._eager = _unasserted(module).to(memory_format=torch.channels_last)
        self._module: Callable[[torch.Tensor], Any] = torch.compile(self._eager, dynamic=False)
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._lock = Lock()
        self._graphs: dict[int, _Graph] = {}

    def __call__(self, batch: Batch) -> Any:
        with self._lock:
            graph = self._graphs.get(len(batch)) or self._captured(batch)
        slot = graph.slots.get()
        try:
            np.copyto(slot.pixels.numpy(), batch)
            with self._lock, torch.cuda.stream(self._stream):
                self._enqueue(graph, slot)
            slot.done.synchronize()  # lets other threads go on
            return tree.tree_unflatten([answer.numpy().copy() for answer in slot.answers], graph.layout)
        finally:
            graph.slots.put(slot)

    def _enqueue(self, graph: _Graph, slot: _Slot) -> None:
        graph.pixels.copy_(slot.pixels, non_blocking=True)
        graph.replay()
        for answer, pinned in zip(graph.answers, slot.answers, strict=True):
            pinned.copy_(answer, non_blocking=True)
        slot.done.record(self._stream)

    def _captured(self, batch: Batch) -> _Graph:
        """Return the graph for batches of this shape; those of other sizes are let go with their memory."""
        self._graphs.clear()
        torch.cuda.empty_cache()
        pixels = torch.zeros(batch.shape, dtype=torch.uint8, device="cuda")
        with torch.cuda.stream(self._stream):
            for _ in range(_WARM):
                self._warm(pixels)
            self._stream.synchronize()
            captured = torch.cuda.CUDAGraph()
            # Other threads may allocate meanwhile; it is none of this capture's business.
            with torch.cuda.graph(captured, stream=self._stream, capture_error_mode="thread_local"):
                answers, layout = tree.tree_flatten(self._pass(pixels))
        slots: Queue[_Slot] = Queue()
        for _ in range(_RING):
            slots.put(_slot(pixels, answers))
        graph = self._graphs[len(batch)] = _Graph(pixels, answers, layout, captured.replay, slots)
        return graph

    def _warm(self, pixels: torch.Tensor) -> None:
        try:
            self._pass(pixels)
        except torch.cuda.OutOfMemoryError:
            raise
        except Exception as error:  # no compiler on this machine, or none that knows this GPU
            if self._module is self._eager:
                raise
            logging.getLogger(__name__).warning("%s runs uncompiled: %.200s", self._title, error)
            self._module = self._eager
            self._pass(pixels)

    def _pass(self, pixels: torch.Tensor) -> Any:
        with torch.no_grad(), torch.autocast("cuda", torch.bfloat16):
            found = self._module(pixels.float() if self._floats else pixels)
        return tree.tree_map(lambda answer: answer.float(), found)


def _slot(pixels: torch.Tensor, answers: list[torch.Tensor]) -> _Slot:
    def pinned(like: torch.Tensor) -> torch.Tensor:
        return torch.empty(like.shape, dtype=like.dtype, pin_memory=True)

    done = torch.cuda.Event()  # type: ignore[no-untyped-call]
    return _Slot(pinned(pixels), [pinned(answer) for answer in answers], done)


def _unasserted(module: Any) -> Any:
    """Take out of a program its notes on which tensor is float32: under autocast some are bfloat16."""
    for node in list(module.graph.nodes):
        if node.op == "call_function" and "_assert_tensor_metadata" in str(node.target):
            module.graph.erase_node(node)
    with suppress(AttributeError):
        module.recompile()
    return module
