"""Intake: takes a source's picture files into `images` and `image_sources`, each once, and accounts for all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime

import pyarrow as pa

from pipelines.imaging import Format
from pipelines.ingest import image_sources, images
from pipelines.ingest.image_sources import Met, Terms
from pipelines.lake.errors import Rejected
from pipelines.lake.materialize import Keys, Staged, name_of, publish, stage, upsert
from pipelines.lake.objects import sha256
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal, Step
from pipelines.lake.store import DataFile

_SHARD_BYTES = 16 << 20  # of encoded pictures in one file: the unit of work and of memory
_COMMIT_SHARDS = 8  # in one commit, which costs a look at all that is there: the most that a killed run does again

Rows = list[dict[str, object]]


@dataclass(frozen=True)
class Item:
    """One file that a source offers; `read` may raise Rejected.

    `stamp` is what the source itself says of the file's version (a checksum, size and time, an ETag): with an
    equal stamp the bytes are taken to be the same and not read again. `format` is needed only where the bytes
    do not say it; `terms` and `expires_at` where they differ from those of the source.
    """

    key: str
    stamp: str
    read: Callable[[], bytes]
    format: Format | None = None
    expires_at: datetime | None = None
    terms: Terms | None = None


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
    staged: list[Staged] = field(default_factory=list)
    writer: Executor | None = None  # where files are written while the next pictures are read
    _here: set[str] = field(default_factory=set)
    _elsewhere: Collection[str] = frozenset()  # what the intake holds that this one is a part of
    _images: Rows = field(default_factory=list)
    _sources: dict[str, dict[str, object]] = field(default_factory=dict)
    _bytes: int = 0
    _writing: tuple[Future[DataFile], list[str]] | None = None

    @classmethod
    def open(cls, journal: Journal, source: str, terms: Terms, step: Step) -> Intake:
        """Return an intake that knows what the lake holds."""
        keys = Keys(images.TABLE)
        keys.follow(journal.store.snapshot(images.TABLE))
        return cls(source, terms, image_sources.met(journal.store, source), keys, step)

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
        is_same = known is not None and known.stamp == item.stamp and known.image_id in self.keys.values
        return known.image_id if known and is_same else None

    def _read(self, item: Item) -> str:
        data = item.read()
        image_id = sha256(data)
        if not (image_id in self.keys.values or self._is_here(image_id)):
            self._images.append(images.row(image_id, data, item.format))
            self._bytes += len(data)
        terms = item.terms or self.terms
        if item.expires_at:
            terms = replace(terms, expires_at=item.expires_at)
        self._sources[item.key] = image_sources.row(self.source, item.key, item.stamp, image_id, terms)
        return image_id

    def _is_here(self, image_id: str) -> bool:
        return image_id in self._here or image_id in self._elsewhere

    def _count(self, image_id: str) -> None:
        if self._is_here(image_id):
            self.step.duplicates += 1
        elif image_id in self.keys.values:
            self.step.unchanged += 1
        else:
            self.step.new += 1
        self._here.add(image_id)

    @property
    def is_full(self) -> bool:
        return self._bytes >= _SHARD_BYTES

    def flush(self, journal: Journal) -> None:
        """Write the pictures that were kept to a file that no reader sees yet, and let go of them."""
        self._settle()  # one file is being written, and one is being filled: that bounds the memory
        if self._images:
            ids = [str(row["image_id"]) for row in self._images]
            rows = pa.Table.from_pylist(self._images, images.TABLE.schema)
            work = (journal.store, images.TABLE, rows, name_of(ids))
            if self.writer:
                self._writing = self.writer.submit(stage, *work), ids
            else:
                self.staged.append((stage(*work), ids))
        self._images, self._bytes = [], 0
        journal.progress(self.step.step, self.step.rows_in, None)

    def _settle(self) -> None:
        if self._writing:
            file, ids = self._writing
            self.staged.append((file.result(), ids))
        self._writing = None

    def commit(self, journal: Journal) -> None:
        """Commit what was kept: pictures first, so that no source row points to a picture that is not there."""
        self.flush(journal)
        self._settle()
        if self.staged:
            came = publish(journal.store, journal.run, self.staged, self.keys)
            others = sum(len(ids) for _, ids in self.staged) - len(came)  # another run took these in meanwhile
            self.step.new -= others
            self.step.unchanged += others
        if self._sources:
            rows = pa.Table.from_pylist(list(self._sources.values()), image_sources.TABLE.schema)
            upsert(journal.store, journal.run, image_sources.TABLE, rows)
        self.staged, self._sources = [], {}

    def part(self) -> Intake:
        """Return an intake for files that come in together or not at all: `add` it, or let go of it."""
        return Intake(self.source, self.terms, self.met, self.keys, Step(self.step.step), _elsewhere=self._here)

    def add(self, part: Intake) -> None:
        """Keep what a part holds for the next commit, and account for it; its rejects stay with it."""
        for count in ("rows_in", "new", "unchanged", "rejected", "absent", "duplicates"):
            setattr(self.step, count, getattr(self.step, count) + getattr(part.step, count))
        self._here |= part._here
        self._images += part._images
        self._bytes += part._bytes
        self._sources |= part._sources
        self.staged += part.staged


def ingest(journal: Journal, source: str, terms: Terms, items: Iterable[Item]) -> Intake:
    """Take a source's files in. Memory holds one shard of pictures, and an identity and a name per picture.

    A file that is no acceptable picture becomes a reject and costs only itself.
    """
    with journal.step(f"{source} images") as step, ThreadPoolExecutor(1, "intake") as writer:
        intake = Intake.open(journal, source, terms, step)
        intake.writer = writer
        for item in items:
            intake.take(item)
            if intake.is_full:
                intake.flush(journal)
            if len(intake.staged) >= _COMMIT_SHARDS:
                intake.commit(journal)
        intake.commit(journal)
    return intake
