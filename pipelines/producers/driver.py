"""What the driver does: it says what is pending, has it made in shards, and commits each as it comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.executor import completed, on_gpu
from pipelines.lake import rejects
from pipelines.lake.materialize import Keys, Staged, publish, remove, supersede
from pipelines.lake.recipe import recipe
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal, Step
from pipelines.lake.table import Table
from pipelines.producers import covered
from pipelines.producers.isolation import isolated
from pipelines.producers.kinds import Companion, WholeTable
from pipelines.producers.worker import FAILED, Made, Shard, make, process, producer

SHARD_IMAGES = 1024  # the most in one task

Finished = tuple[Shard, Made]


def materialize(journal: Journal, table: Table, executor: Executor, max_defect_share: float) -> None:
    """Bring a table, and its companions, up to date in the way of its producer. Raises ContractBroken, CannotRun.

    A companion is made with the table that names it: by itself there is nothing to do.
    """
    if isinstance(table.produce, WholeTable):
        table.produce.function(journal, table, table.produce.params)
    elif not isinstance(table.produce, Companion):
        with journal.step(table.name) as step:
            _Night(journal, table, step, max_defect_share).bring_up_to_date(executor)


def forget(journal: Journal, table: Table) -> None:
    """Take the rows of images that are gone, by whatever recipe, out of a table that cannot be made tonight."""
    for each in (*producer(table).companions, table):
        held = set(Keys(each).follow(journal.store.snapshot(each)))  # before the images are looked at: some may come
        if gone := held - covered.newest(journal.store, table):
            remove(journal.store, journal.run, each, partial(_among, pa.array(sorted(gone))))


def _among(images: pa.Array, rows: pa.Table) -> pa.ChunkedArray:
    return pc.is_in(rows["image_id"], images)


@dataclass
class _Night:
    """One night's work on a table that is made in shards of images."""

    journal: Journal
    table: Table
    step: Step
    max_defect_share: float
    is_stale: bool = False  # there are rows of another recipe
    failed: dict[str, Reject] = field(default_factory=dict)
    _cpu: dict[str, float] = field(default_factory=dict)  # seconds that a worker had used when last heard of

    def __post_init__(self) -> None:
        self.store, self.run = self.journal.store, self.journal.run
        self.tables = (*producer(self.table).companions, self.table)  # in the order in which they are committed
        self.keys = [Keys(table, folder=f"{recipe(table)}/") for table in self.tables]

    def bring_up_to_date(self, executor: Executor) -> None:
        """Make the rows of every covered image that has none under the current recipe.

        Finished shards are committed as they come, so that a killed run resumes where it stopped; when the recipe
        changed, the new rows replace the old ones in one commit at the end. Companions are committed before the
        table itself: what it holds, they hold too. Raises ContractBroken when more than `max_defect_share` of the
        images could not be made into rows.
        """
        files, ids = covered.pinned(self.store, self.run, self.table)
        done = self._look(ids)
        pending = ids - done - self.failed.keys()
        self.step.rows_in, self.step.unchanged = len(ids), len(done)
        shards = (shard for path, images in files.items() for shard in self._cut(path, images, pending))
        made = self._counted(_made(executor, shards, producer(self.table).needs_gpu), len(pending))
        finished = list(made if self.is_stale else self._committed(made))
        self._settle(ids, finished)
        if self.is_stale:  # not before the gate: what would replace good rows must be good
            for place, keys in enumerate(self.keys):
                supersede(self.store, self.run, [_staged(one, place) for one in finished], keys)

    def _look(self, ids: set[str]) -> set[str]:
        """Return the images that have rows; take out the rows of others, and recall what cannot be made."""
        for keys in self.keys:
            before = self.store.snapshot(keys.table)
            self.is_stale |= any(not path.startswith(keys.folder) for path in before.files)
            keys.follow(before)
            self._prune(keys, ids)
        standing = rejects.standing(self.store, self.table.name, recipe(self.table))
        self.failed = {one.key: one for one in standing if one.key in ids and one.reason != FAILED}
        return self.keys[-1].values & ids

    def _prune(self, keys: Keys, ids: set[str]) -> None:
        """Take out the rows of images that are gone: deleted by their owner, expired, or covered no more."""
        gone = keys.values - ids
        if gone:
            gone -= covered.newest(self.store, self.table)
        if gone:
            remove(self.store, self.run, keys.table, partial(_among, pa.array(sorted(gone))))

    def _cut(self, path: str, images: list[str], pending: set[str]) -> Iterator[Shard]:
        """Yield the shards of one image file: cut by place, so that a repeat cuts it alike."""
        for start in range(0, len(images), SHARD_IMAGES):
            stop = min(start + SHARD_IMAGES, len(images))
            if ids := pending.intersection(images[start:stop]):
                yield Shard(self.store, self.table, path, start, stop, frozenset(ids))

    def _counted(self, results: Iterable[Finished], pending: int) -> Iterator[Finished]:
        for shard, made in results:
            self.step.new += len(_good(shard, made))
            self.step.peak_memory_bytes = max(self.step.peak_memory_bytes, made.peak_memory_bytes)
            self._charge(made)
            yield shard, made
            self.journal.progress(self.step.step, self.step.new, pending)

    def _charge(self, made: Made) -> None:
        """Add the processor time of a worker since it was last heard of; the driver's own is measured by the step."""
        if made.worker and made.worker != process():
            began, ended = made.cpu_seconds
            heard = self._cpu.get(made.worker, began)
            self._cpu[made.worker] = max(heard, ended)
            self.step.cpu_seconds += max(0.0, ended - heard)

    def _committed(self, results: Iterable[Finished]) -> Iterator[Finished]:
        """Commit each shard as it comes."""
        for one in results:
            for place, keys in enumerate(self.keys):
                publish(self.store, self.run, [_staged(one, place)], keys)
            yield one

    def _settle(self, ids: set[str], finished: Iterable[Finished]) -> None:
        """Account for what could not be made. Raises ContractBroken when it is too much."""
        self.failed |= {reject.key: reject for _, made in finished for reject in made.rejects}
        name, made_by = self.table.name, recipe(self.table)
        others = {reject.key for reject in rejects.standing(self.store, name, made_by)} - ids
        judged = ids | (others - covered.newest(self.store, self.table) if others else set())
        rejects.record(self.store, self.run, name, self.failed.values(), made_by, looked_at=judged)
        self.step.rejected = len(self.failed)
        self.step.gate(self.step.rejected, self.max_defect_share)


def _made(executor: Executor, shards: Iterable[Shard], needs_gpu: bool) -> Iterator[Finished]:
    return completed(on_gpu(executor) if needs_gpu else executor, make, shards, rescue=isolated)


def _good(shard: Shard, made: Made) -> frozenset[str]:
    """Return the images that have rows."""
    return shard.ids - {reject.key for reject in made.rejects}


def _staged(finished: Finished, place: int) -> Staged:
    shard, made = finished
    return made.files[place], _good(shard, made)
