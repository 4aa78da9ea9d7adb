"""How rows come to be.

`PerImage`: one function over every image, made once per image and recipe. `WholeTable`: one function that brings the
table up to date by itself, for rows that lean on each other. There is no third kind.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from operator import itemgetter
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import imaging
from pipelines.executor import completed
from pipelines.imaging import Format
from pipelines.lake import rejects
from pipelines.lake.errors import ContractBroken, Rejected
from pipelines.lake.materialize import Keys, name_of, path_of, publish, remove, stage, supersede
from pipelines.lake.recipe import Run, recipe
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal, Step, peak_memory_bytes
from pipelines.lake.store import DataFile, Store
from pipelines.lake.table import Table

_FAILED = "producer_failed"  # the code failed on the image; may be mended, so such images are tried every night

Row = dict[str, Any]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Image:
    """A decoded image: `pixels` (h, w, 3) uint8 sRGB over white, `alpha` (h, w) uint8 or None when opaque."""

    image_id: str
    pixels: Pixels
    alpha: Pixels | None


@dataclass(frozen=True)
class PerImage:
    """Rows from one image at a time: `function(image, params)` yields them.

    The first input of the table holds the images: columns `image_id` and `data`. Large pictures are reduced
    to a smaller side of at least `min_side` pixels while they are decoded (None: never).
    """

    function: Callable[[Image, Any], Iterable[Row]]
    params: Any
    version: int
    min_side: int | None = None

    @property
    def fingerprint(self) -> dict[str, Any]:
        return {"params": asdict(self.params), "min_side": self.min_side}


@dataclass(frozen=True)
class WholeTable:
    """Rows made of whole tables: `function(journal, table, params)` opens the step and commits what differs."""

    function: Callable[[Journal, Table, Any], None]
    params: Any
    version: int

    @property
    def fingerprint(self) -> dict[str, Any]:
        return {"params": asdict(self.params)}


@dataclass(frozen=True)
class Shard:
    """The pending images of one image file: a worker reads that file itself and writes one file of rows."""

    store: Store
    table: Table
    path: str
    ids: frozenset[str]
    driver_pid: int = field(default_factory=os.getpid)


@dataclass(frozen=True)
class Made:
    """What a worker sends back: names and counts, never rows or pixels."""

    shard: Shard
    file: DataFile
    cpu_seconds: float
    peak_memory_bytes: int

    @property
    def rejects(self) -> list[Reject]:
        return [Reject(**reject) for reject in self.file.notes.get("rejects", [])]

    @property
    def ids(self) -> frozenset[str]:
        return self.shard.ids - {reject.key for reject in self.rejects}


def materialize(journal: Journal, table: Table, executor: Executor, max_defect_share: float) -> None:
    """Bring a table up to date in the way of its producer. Raises ContractBroken."""
    if isinstance(table.produce, WholeTable):
        table.produce.function(journal, table, table.produce.params)
    else:
        _materialize_images(journal, table, executor, max_defect_share)


def _materialize_images(journal: Journal, table: Table, executor: Executor, max_defect_share: float) -> None:
    """Make the rows of every image that has none under the current recipe.

    Finished shards are committed as they come, so that a killed run resumes where it stopped; when the recipe
    changed, the new rows replace the old ones in one commit at the end. Raises ContractBroken when more than
    `max_defect_share` of the images could not be made into rows.
    """
    store, run = journal.store, journal.run
    with journal.step(table.name) as step:
        keys = Keys(table, folder=f"{recipe(table)}/")
        before = store.snapshot(table)
        images = _images(store, run, table)
        ids = set().union(*images.values())
        failed = _failed_before(store, table, ids)
        done = keys.follow(before) & ids
        _prune(store, run, keys, ids)
        shards = _pending(store, table, images, done | failed.keys())
        step.rows_in, step.unchanged = len(ids), len(done)
        stale = any(not path.startswith(keys.folder) for path in before.files)
        made = _counted(journal, step, completed(executor, make, shards), sum(len(shard.ids) for shard in shards))
        finished = list(made) if stale else _committed(store, run, keys, made)
        failed |= {reject.key: reject for result in finished for reject in result.rejects}
        rejects.record(store, run, table.name, failed.values(), recipe(table), looked_at=_judged(store, table, ids))
        step.rejected = len(failed)
        step.gate(step.rejected, max_defect_share)
        if stale:  # not before the gate: what would replace good rows must be good
            supersede(store, run, [(result.file, result.ids) for result in finished], keys)


def _prune(store: Store, run: Run, keys: Keys, ids: set[str]) -> None:
    """Take out the rows of images that are gone: deleted by their owner, or expired."""
    gone = keys.values - ids
    if gone:
        gone -= _newest_ids(store, keys.table)
    if gone:
        doomed = pa.array(sorted(gone))
        remove(store, run, keys.table, lambda rows: pc.is_in(rows["image_id"], doomed))


def _counted(journal: Journal, step: Step, results: Iterable[Made], pending: int) -> Iterator[Made]:
    for made in results:
        step.new += len(made.ids)
        step.cpu_seconds += made.cpu_seconds
        step.peak_memory_bytes = max(step.peak_memory_bytes, made.peak_memory_bytes)
        yield made
        journal.progress(step.step, step.new, pending)


def _committed(store: Store, run: Run, keys: Keys, results: Iterable[Made]) -> Iterator[Made]:
    """Commit each shard as it comes."""
    for made in results:
        publish(store, run, [(made.file, made.ids)], keys)
        yield made


def _images(store: Store, run: Run, table: Table) -> dict[str, list[str]]:
    """Return the image files of the pinned version with the ids in each."""
    images = table.inputs[0]
    held = store.snapshot(images, store.pin(run, images, reader=table.name))
    return {
        path: rows["image_id"].to_pylist() for path, rows in sorted(held.fragments(["image_id"]), key=itemgetter(0))
    }


def _failed_before(store: Store, table: Table, ids: set[str]) -> dict[str, Reject]:
    """Return the images that cannot be made into rows; those where the code failed are tried again."""
    standing = rejects.standing(store, table.name, recipe(table))
    return {reject.key: reject for reject in standing if reject.key in ids and reject.reason != _FAILED}


def _judged(store: Store, table: Table, ids: set[str]) -> set[str]:
    """Return the images whose rejects this run decides: those it saw, and those that are gone."""
    others = {reject.key for reject in rejects.standing(store, table.name, recipe(table))} - ids
    return ids | (others - _newest_ids(store, table) if others else set())


def _newest_ids(store: Store, table: Table) -> set[str]:
    """Return the images there are now: a night beside this one may have taken some in after our pin."""
    fragments = store.snapshot(table.inputs[0]).fragments(["image_id"])
    return set().union(*(rows["image_id"].to_pylist() for _, rows in fragments))


def _pending(store: Store, table: Table, images: dict[str, list[str]], settled: set[str]) -> list[Shard]:
    todo = ((path, frozenset(ids) - settled) for path, ids in images.items())
    return [Shard(store, table, path, ids) for path, ids in todo if ids]


def make(shard: Shard) -> Made:
    """Make the rows of one shard, in a worker. A file left by a killed run is taken as it is."""
    cpu, name = time.thread_time(), name_of(shard.ids)
    file = _left_behind(shard, name) or _stage(shard, name)
    # A thread of the driver is measured with the driver; only another process has to report its own.
    elsewhere = os.getpid() != shard.driver_pid
    return Made(shard, file, time.thread_time() - cpu if elsewhere else 0.0, peak_memory_bytes())


def _left_behind(shard: Shard, name: str) -> DataFile | None:
    """Return what a killed run left; not where the code had failed on an image, for that may be mended."""
    file = shard.store.staged(shard.table, path_of(shard.table, name))
    failed = file is not None and any(reject["reason"] == _FAILED for reject in file.notes.get("rejects", []))
    return None if failed else file


def _stage(shard: Shard, name: str) -> DataFile:
    rows: list[Row] = []
    failed: list[Row] = []
    for image_id, format_, data in _encoded(shard):
        try:
            rows.extend(_rows(shard.table, image_id, format_, data))
        except Rejected as error:
            failed.append(asdict(Reject(image_id, error.reason, error.detail)))
        except (ContractBroken, ImportError, MemoryError, OSError):  # no fault of the image
            raise
        except Exception as error:  # one bad item costs itself only; many of them trip the gate
            detail = f"{shard.table.name} could not be made: {type(error).__name__}: {error}"
            failed.append(asdict(Reject(image_id, _FAILED, detail)))
    return stage(shard.store, shard.table, pa.Table.from_pylist(rows, shard.table.schema), name, {"rejects": failed})


def _encoded(shard: Shard) -> Iterator[tuple[str, Format, bytes]]:
    images, columns = shard.table.inputs[0], ["image_id", "format", "data"]
    for batch in shard.store.open(images, shard.path).iter_batches(batch_size=64, columns=columns):
        for image_id, format_, data in zip(batch[0].to_pylist(), batch[1].to_pylist(), batch[2], strict=True):
            if image_id in shard.ids:
                yield image_id, format_, data.as_py()


def _rows(table: Table, image_id: str, format_: Format, data: bytes) -> list[Row]:
    produce = cast(PerImage, table.produce)
    picture = imaging.decode(data, produce.min_side, format_)
    rows = list(produce.function(Image(image_id, picture.pixels, picture.alpha), produce.params))
    if not rows:  # or the image would be pending for ever
        raise Rejected("no_rows", f"{table.name} found nothing to say of the image.")
    return rows
