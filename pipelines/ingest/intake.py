"""Intake: takes a source's picture files into `images` and `image_sources`, each once, and accounts for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pyarrow as pa

from pipelines.ingest import image_sources, images
from pipelines.ingest.image_sources import Met, Terms
from pipelines.lake.errors import Rejected
from pipelines.lake.materialize import Keys, name_of, publish, stage, upsert
from pipelines.lake.objects import sha256
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal, Step

_SHARD_BYTES = 16 << 20  # of encoded pictures in one file: the unit of work, of retry and of memory

Rows = list[dict[str, object]]


@dataclass(frozen=True)
class Item:
    """One file that a source offers; `read` may raise Rejected.

    `stamp` is what the source itself says of the file's version (a checksum, size and time, an ETag): with an
    equal stamp the bytes are taken to be the same and not read again.
    """

    key: str
    stamp: str
    read: Callable[[], bytes]


@dataclass
class Intake:
    """What became of a source's files: the account, the image of each key, the rejects."""

    source: str
    terms: Terms
    met: dict[str, Met]
    keys: Keys
    step: Step
    image_ids: dict[str, str] = field(default_factory=dict)
    rejects: dict[str, Reject] = field(default_factory=dict)
    _here: set[str] = field(default_factory=set)
    _images: Rows = field(default_factory=list)
    _sources: Rows = field(default_factory=list)
    _bytes: int = 0

    def take(self, item: Item) -> None:
        """Account for one file, and keep what is new of it for the next commit."""
        self.step.rows_in += 1
        try:
            image_id = self._known(item) or self._read(item)
        except Rejected as error:
            self.step.rejected += 1
            self.rejects[item.key] = Reject(item.key, error.reason, f"{item.key}: {error.detail}")
        else:
            self.image_ids[item.key] = image_id
            self._count(image_id)

    def _known(self, item: Item) -> str | None:
        known = self.met.get(item.key)
        return known.image_id if known and known.stamp == item.stamp else None

    def _read(self, item: Item) -> str:
        data = item.read()
        image_id = sha256(data)
        if image_id not in self.keys.values and image_id not in self._here:
            self._images.append(images.row(image_id, data))
            self._bytes += len(data)
        self._sources.append(image_sources.row(self.source, item.key, item.stamp, image_id, self.terms))
        return image_id

    def _count(self, image_id: str) -> None:
        if image_id in self._here:
            self.step.duplicates += 1
        elif image_id in self.keys.values:
            self.step.unchanged += 1
        else:
            self.step.new += 1
        self._here.add(image_id)

    @property
    def is_full(self) -> bool:
        return self._bytes >= _SHARD_BYTES

    def commit(self, journal: Journal) -> None:
        """Commit what was kept: pictures first, so that no source row points to a picture that is not there."""
        store, run = journal.store, journal.run
        if self._images:
            ids = [str(row["image_id"]) for row in self._images]
            rows = pa.Table.from_pylist(self._images, images.TABLE.schema)
            publish(store, run, stage(store, images.TABLE, rows, name_of(ids)), ids, self.keys)
        if self._sources:
            upsert(store, run, image_sources.TABLE, pa.Table.from_pylist(self._sources, image_sources.TABLE.schema))
        self._images, self._sources, self._bytes = [], [], 0
        journal.progress(self.step.step, self.step.rows_in, None)


def ingest(journal: Journal, source: str, terms: Terms, items: Iterable[Item]) -> Intake:
    """Take a source's files in. Memory holds one shard of pictures, and an identity and a name per picture.

    A file that is no acceptable picture becomes a reject and costs only itself.
    """
    store, keys = journal.store, Keys(images.TABLE)
    keys.follow(store.snapshot(images.TABLE))
    with journal.step(f"{source} images") as step:
        intake = Intake(source, terms, image_sources.met(store, source), keys, step)
        for item in items:
            intake.take(item)
            if intake.is_full:
                intake.commit(journal)
        intake.commit(journal)
    return intake
