"""Parts: the rows of a table in files cut by source, so that only those with changes are written anew."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.executor import cores
from pipelines.lake.materialize import path_of, stage
from pipelines.lake.store import Change, DataFile, Snapshot, Store
from pipelines.lake.table import Table
from pipelines.recommend.kernels import Ints
from pipelines.recommend.pieces import Mask
from pipelines.recommend.remembered import Codes

_SOURCES = 2048  # in a file, about
_MOST_BITS = 16

Rows = Callable[[int, int], pa.Table]  # the rows of the sources from one place up to another


@dataclass
class Parts:
    """The files of a table: which sources go where, and the rows of those that have to be written.

    `ids` (n, 32) of the sources, in order; `prints` (n, m) tell what the rows of each say; `is_changed` those that
    differ from what the files `known` hold (None: nothing is), and `gone` the ids of sources that were there.
    """

    store: Store
    table: Table
    rows: Rows
    ids: Codes
    prints: Ints
    is_changed: Mask
    gone: Codes
    known: frozenset[str] | None

    def __post_init__(self) -> None:
        self.bits = min(max(0, (len(self.ids) // _SOURCES).bit_length()), _MOST_BITS)
        self.bounds = np.searchsorted(self._buckets(self.ids), np.arange((1 << self.bits) + 1))
        self.staged = dict[int, DataFile]()
        self.made = frozenset[str]()  # the files there are once the last plan is carried out

    def plan(self, own: Snapshot) -> Change | None:
        """Return the change from what a snapshot holds to what it should hold, None where they are the same."""
        kept = self._kept(own)
        missing = [bucket for bucket in range(1 << self.bits) if bucket not in kept]
        with ThreadPoolExecutor(cores()) as pool:
            files = [file for file in pool.map(self._stage, missing) if file.rows]
        paths = {file.path for file in files}
        removed = own.files.keys() - set(kept.values()) - paths
        added = [file for file in files if file.path not in own.files]
        self.made = frozenset({*kept.values(), *paths} - {""})
        return Change(added, sorted(removed)) if added or removed else None

    def _kept(self, own: Snapshot) -> dict[int, str]:
        """Return the file of each bucket that holds what it should: none where others have written meanwhile."""
        if own.files.keys() != self.known:
            return {}
        touched = {*self._buckets(self.ids[self.is_changed]).tolist(), *self._buckets(self.gone).tolist()}
        held = dict(filter(None, map(self._bucket_of, own.files)))
        empty = dict.fromkeys(np.flatnonzero(np.diff(self.bounds) == 0).tolist(), "")
        return {bucket: path for bucket, path in (empty | held).items() if bucket not in touched}

    def _bucket_of(self, path: str) -> tuple[int, str] | None:
        bits, bucket, *_ = path.rpartition("/")[2].split("-")
        return (int(bucket), path) if int(bits) == self.bits else None

    def _buckets(self, ids: Codes) -> Ints:
        """Return which file each source goes into, by the first bits of its id."""
        first = ids[:, 0].astype(np.int64) << 8 | ids[:, 1]
        return first >> (_MOST_BITS - self.bits)

    def _stage(self, bucket: int) -> DataFile:
        if bucket not in self.staged:
            first, last = self.bounds[bucket : bucket + 2].tolist()
            told = self.ids[first:last].tobytes() + self.prints[first:last].tobytes()
            name = f"{self.bits}-{bucket}-{hashlib.sha256(told).hexdigest()[:32]}"
            rows = self.rows(first, last)
            is_any = rows.num_rows > 0
            self.staged[bucket] = (
                stage(self.store, self.table, rows, name) if is_any else DataFile(path_of(self.table, name), 0, 0)
            )
        return self.staged[bucket]
