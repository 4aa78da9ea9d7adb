"""Scoring: stored images through a model, a batch at a time, each image's answers its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pipelines import imaging
from pipelines.executor import cores
from pipelines.imaging import Unreadable
from pipelines.inference.backends import Device, Model, load
from pipelines.lake.rejects import Reject
from pipelines.producers import Encoded
from pipelines.registry import ModelVersion, Registry
from pipelines.registry.spec import ModelSpec

Scores = Mapping[str, npt.NDArray[np.float32]]  # output → (n, width), in the order of the images
Pixels = npt.NDArray[np.uint8]
In = TypeVar("In")
Out = TypeVar("Out")
_BATCH = {"cpu": 64, "cuda": 1024}  # images that are scored, and become rows, together


@dataclass(frozen=True)
class ScoreParams:
    """The model that scores: version and digest are 0 and empty until a night binds the table to one."""

    model_name: str
    model_version: int = 0
    digest: str = ""


@dataclass(frozen=True)
class ModelPlace:
    """Where a worker finds the model, and the device it runs it on."""

    registry: Registry
    model: ModelVersion
    device: Device = "cpu"

    @property
    def spec(self) -> ModelSpec:
        return self.model.spec

    def load(self) -> Model:
        """Return the model; it is loaded once in a process."""
        return load(self.registry.fetch(self.model), self.model.spec, self.device, self.model.title)


@dataclass(frozen=True)
class Scored:
    """Some images: the ids of those that were scored, their scores, and the others' reasons."""

    image_ids: Sequence[str]
    scores: Scores
    rejects: Sequence[Reject]


def scored(images: Iterable[Encoded], place: ModelPlace) -> Iterator[Scored]:
    """Yield the images batch by batch, scored, or rejected where they cannot be decoded.

    On a CPU the thread that asks decodes and scores in turn: there is one for each core. For a GPU other threads
    decode, at most two batches ahead.
    """
    model = place.load()
    size = _BATCH["cuda" if model.device == "cuda" else "cpu"]
    with ExitStack() as stack:
        if model.device == "cuda":
            seen = _ahead(stack.enter_context(ThreadPoolExecutor(cores())), _shown(place.spec), images, 2 * size)
        else:
            seen = map(_shown(place.spec), images)
        while batch := list(islice(seen, size)):
            yield _scored(model, batch)


def _scored(model: Model, batch: Sequence[tuple[str, Pixels | Reject]]) -> Scored:
    good = [(image_id, pixels) for image_id, pixels in batch if not isinstance(pixels, Reject)]
    rejects = [reject for _, reject in batch if isinstance(reject, Reject)]
    scores = model.predict(np.stack([pixels for _, pixels in good])) if good else {}
    return Scored([image_id for image_id, _ in good], scores, rejects)


def _shown(spec: ModelSpec) -> Callable[[Encoded], tuple[str, Pixels | Reject]]:
    """Return the function that makes an image what the model is shown, or says why it cannot."""
    shown = spec.preprocessing

    def show(image: Encoded) -> tuple[str, Pixels | Reject]:
        try:
            return image.image_id, shown.apply(imaging.decode(image.data, shown.min_side, image.format).pixels)
        except Unreadable as error:
            return image.image_id, Reject(image.image_id, error.reason, error.detail)

    return show


def _ahead(pool: ThreadPoolExecutor, function: Callable[[In], Out], items: Iterable[In], most: int) -> Iterator[Out]:
    """Map over a pool in order, with at most so many results waiting."""
    waiting: deque[Future[Out]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
