"""Batches: the folders of the inbox, which of them are whole, and which have been taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyarrow as pa

from pipelines.ingest.inbox.drops import Odd, listed
from pipelines.ingest.inbox.manifest import Defect, Statement, read
from pipelines.lake.objects import Found, Objects, sha256
from pipelines.lake.store import Store
from pipelines.lake.table import Column, Table

INCOMING = "incoming"
MANIFEST = "manifest.jsonl"

TABLE = Table(
    name="inbox_batches",
    description="The batches of the inbox that were taken in; each is taken once.",
    grain=("batch",),
    columns=(
        Column("batch", pa.string(), "The name of its folder under incoming/."),
        Column("manifest_sha256", pa.string(), "SHA-256 of its manifest.", pattern=r"[0-9a-f]{64}"),
        Column("line_count", pa.int64(), "Lines of its manifest that are not empty.", bounds=(0, 2**62)),
        Column("file_count", pa.int64(), "Files that its manifest names.", bounds=(0, 2**62)),
        Column("run_id", pa.string(), "The run that took it in.", provenance=True),
        Column("taken_at", pa.timestamp("us", "UTC"), "When it was taken in.", provenance=True),
    ),
)


@dataclass(frozen=True)
class Batch:
    """One folder of the inbox as it lies there; `files` are names below it → what is known of them.

    What lies in the inbox beside the folders is a batch of one file without a name.
    """

    name: str
    files: dict[str, Found] = field(default_factory=dict)

    @property
    def manifest(self) -> Found | None:
        return self.files.get(MANIFEST)

    def path(self, file: str) -> str:
        return f"{INCOMING}/{self.name}/{file}"

    def is_old(self, now: datetime, wait: timedelta) -> bool:
        """True when nothing of it was written for as long as a batch may wait; a clock far ahead counts for none."""
        return all(abs(now - found.written_at) > wait for found in self.files.values())

    def is_odd(self, file: str) -> bool:
        """True for a name that is, or lies in, a link or something else that is no plain file."""
        parts = file.split("/")
        names = ("/".join(parts[:depth]) for depth in range(len(parts) + 1))
        return any(isinstance(self.files.get(name), Odd) for name in names)


@dataclass(frozen=True)
class Manifest:
    """A batch's manifest as it was read."""

    batch: Batch
    sha256: str
    statements: tuple[Statement, ...]
    defects: tuple[Defect, ...]

    @property
    def files(self) -> list[Statement]:
        """The statements that bring a file."""
        return [statement for statement in self.statements if statement.file]

    def missing(self) -> str | None:
        """Say which file is not there as the manifest says; None when the batch is whole."""
        for statement in self.files:
            found = self.batch.files.get(str(statement.file))
            if self.batch.is_odd(str(statement.file)):
                continue
            if found is None:
                return f"{statement.file} (line {statement.line}) is not there"
            if found.size != statement.size:
                return f"{statement.file} has {found.size} bytes, line {statement.line} says {statement.size}"
        return None


def find(objects: Objects) -> Iterator[Batch]:
    """Yield the batches that lie in the inbox, by name. Raises CannotRun."""
    batches: dict[str, Batch] = {}
    for found in listed(objects, INCOMING):
        name, _, file = found.path.removeprefix(f"{INCOMING}/").partition("/")
        if file or found.size or isinstance(found, Odd):  # not what marks a folder in a bucket
            batches.setdefault(name, Batch(name)).files[file] = found
    yield from (batches[name] for name in sorted(batches))


def taken(store: Store) -> dict[str, str]:
    """Return the batches that were taken: name → SHA-256 of the manifest."""
    return {name: digest for name, (digest, _) in taken_when(store).items()}


def taken_when(store: Store) -> dict[str, tuple[str, datetime]]:
    """Return the batches that were taken: name → SHA-256 of the manifest, and when."""
    rows = store.snapshot(TABLE).read(["batch", "manifest_sha256", "taken_at"])
    names, digests, times = (column.to_pylist() for column in rows.columns)
    return dict(zip(names, zip(digests, times, strict=True), strict=True))


def parse(batch: Batch, data: bytes, now: datetime) -> Manifest:
    """Return what a manifest says."""
    lines = list(read(batch.name, data, now))
    statements = tuple(line for line in lines if isinstance(line, Statement))
    return Manifest(batch, sha256(data), statements, tuple(line for line in lines if isinstance(line, Defect)))
