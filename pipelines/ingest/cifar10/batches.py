"""Batches: what CIFAR-10's six pickles hold, checked: pictures as rows of bytes, and a number for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.imaging.cifar10 import ROW_BYTES
from pipelines.ingest.cifar10.archive import files
from pipelines.ingest.cifar10.labels import LABELS
from pipelines.ingest.cifar10.unpickle import text, unpickle
from pipelines.lake.errors import ContractBroken
from pipelines.lake.objects import sha256

TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"
META = "batches.meta"


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch.

    Attributes:
        name: data_batch_1 … data_batch_5, test_batch.
        stamp: SHA-256 of its file's bytes.
        rows: (n, 3072) uint8: red, green, blue, each plane row by row. Batches may be short.
        labels: n numbers; those of sound rows are 0..9.
    """

    name: str
    stamp: str
    rows: NDArray[np.uint8]
    labels: list[int]

    @property
    def split(self) -> str:
        return "test" if self.name == TEST else "train"

    def key(self, index: int) -> str:
        """Return the name of a row, which no order of files or rows taken in changes."""
        return f"{self.name}/{index:05d}"


def check(path: Path) -> None:
    """Look at all of a copy once. Raises ContractBroken when a file is missing, or there twice, or meta differs."""
    found: list[str] = []
    for name, read in files(path):
        if name == META:
            _check_meta(unpickle(read(), f"{META} in {path}"), path)
        found.append(name)
    for name in (META, *TRAIN, TEST):
        if found.count(name) != 1:
            how = "more than once" if name in found else "not at all"
            raise ContractBroken(
                f"{path} holds {name} {how}. Nothing was taken in: is it a whole copy of CIFAR-10's python version?"
            )


def _check_meta(meta: dict[str, object], path: Path) -> None:
    """Compare the names of the labels. How many rows a batch has is not read there: short copies say it wrongly."""
    names = meta.get("label_names")
    if not isinstance(names, list) or tuple(text(name) for name in names) != LABELS:
        raise ContractBroken(
            f"{META} in {path} gives the labels other names than {', '.join(LABELS)}: its numbers would be misread. "
            "Nothing was taken in."
        )


def read(path: Path, include_test: bool = True) -> Iterator[Batch]:
    """Yield the batches at `path`, one in memory at a time, in the order in which they lie there.

    Raises ContractBroken, naming the batch, when one is not what it should be; those before it were sound.
    """
    wanted = {*TRAIN, TEST} if include_test else set(TRAIN)
    for name, content in files(path):
        if name in wanted:
            yield _batch(name, content(), path)


def _batch(name: str, data: bytes, path: Path) -> Batch:
    held = unpickle(data, f"{name} in {path}")
    rows, labels = held.get("data"), held.get("labels")
    if not isinstance(rows, np.ndarray) or rows.shape[1] != ROW_BYTES:
        raise _broken(name, path, f"its data is no array of rows of {ROW_BYTES:,} bytes")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise _broken(name, path, "its labels are no list of whole numbers")
    if len(labels) != len(rows):
        raise _broken(name, path, f"it has {len(rows)} pictures and {len(labels)} labels")
    names = held.get("filenames", labels)  # not used, but they must agree
    if not isinstance(names, list) or len(names) != len(rows):
        raise _broken(name, path, f"it has {len(rows)} pictures and not as many file names")
    return Batch(name, sha256(data), rows, labels)


def _broken(name: str, path: Path, how: str) -> ContractBroken:
    return ContractBroken(f"{name} in {path}: {how}. Nothing of it was taken in: fetch it again.")
