"""CIFAR-10 into the lake: its pictures as every other source's, and what they show as rows of `cifar10_labels`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.ingest.cifar10 import batches, labels
from pipelines.ingest.cifar10.batches import Batch
from pipelines.ingest.image_sources import Terms
from pipelines.ingest.intake import Intake, Item
from pipelines.ingest.intake import ingest as take_in
from pipelines.lake import rejects
from pipelines.lake.errors import Rejected
from pipelines.lake.materialize import upsert
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal

TERMS = Terms(allow_training=True, attribution="CIFAR-10 (Krizhevsky, 2009)")


@dataclass(frozen=True)
class Cifar10Params:
    """What is taken in."""

    include_test: bool = True  # the test batch too; mosaics and models must leave its rows alone


def ingest(journal: Journal, path: Path, params: Cifar10Params, source: str = "cifar10") -> None:
    """Take the copy of CIFAR-10 at `path` (a folder or a tar) in: its pictures, and what each row shows.

    Raises CannotRun when there is none, ContractBroken when a file of it is missing (before anything is taken in), a
    batch is not what it should be (those before it are kept).
    """
    batches.check(path)
    deck = Deck()
    shots = take_in(journal, source, TERMS, deck.items(batches.read(path, params.include_test)))
    with journal.step(f"{source} rows") as step:
        step.rows_in = len(deck.marks)
        good, bad = deck.rows(shots)
        step.rejected = len(bad)
        came = upsert(journal.store, journal.run, labels.TABLE, good)
        step.new, step.unchanged = came.new.num_rows + came.changed.num_rows, came.unchanged
        rejects.record(journal.store, journal.run, source, [*shots.rejects.values(), *bad])


@dataclass
class Deck:
    """The rows of all batches on their way: their pictures pass through, what they show is kept."""

    marks: dict[str, tuple[str, int]] = field(default_factory=dict)  # key → split, number

    def items(self, found: Iterator[Batch]) -> Iterator[Item]:
        """Yield the pictures of each batch, read only where the lake has not met the batch as it is."""
        for batch in found:
            for index, number in enumerate(batch.labels):
                key = batch.key(index)
                self.marks[key] = batch.split, number
                yield Item(key, batch.stamp, partial(_picture, batch.rows, index), format="cifar10")

    def rows(self, shots: Intake) -> tuple[pa.Table, list[Reject]]:
        """Return the rows of `cifar10_labels`, in the order of their keys, and what can be none."""
        good: list[dict[str, object]] = []
        bad: list[Reject] = []
        for key, (split, number) in sorted(self.marks.items()):
            try:
                good.append(_row(key, split, number, shots))
            except Rejected as error:
                bad.append(Reject(key, error.reason, error.detail))
        return pa.Table.from_pylist(good, labels.TABLE.schema), bad


def _picture(rows: NDArray[np.uint8], index: int) -> bytes:
    return bytes(rows[index])


def _row(key: str, split: str, number: int, shots: Intake) -> dict[str, object]:
    if not 0 <= number < len(labels.LABELS):
        raise Rejected("label_out_of_range", f"{key}: its label is {number}; there are 0 to {len(labels.LABELS) - 1}.")
    if key not in shots.image_ids:
        raise Rejected("image_unreadable", f"{key}: its picture was rejected; see its own reject.")
    return labels.row(shots.source, key, shots.image_ids[key], split, number)
