"""Inboxes for tests: batches as users' tools leave them, nights over them, and what came of it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.imaging import encode_jpeg
from pipelines.ingest import image_sources, images
from pipelines.ingest.inbox import batches, deletions, labelled_samples, mosaic_requests, source, uploads, votes
from pipelines.ingest.retirement import retire
from pipelines.lake import rejects
from pipelines.lake.recipe import Run
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.lake.table import Table

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
NOW = START + timedelta(days=30)
SPOKEN = (uploads.TABLE, votes.TABLE, mosaic_requests.TABLE, labelled_samples.TABLE, deletions.TABLE)
FILLED = (*SPOKEN, images.TABLE, image_sources.TABLE)
ALL = (*FILLED, batches.TABLE, rejects.TABLE)

Line = dict[str, Any]
Account = tuple[int, int, int, int, int]


@cache
def picture(seed: int) -> bytes:
    """Return a small picture that no other seed has."""
    return encode_jpeg(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8))


def sha(data: bytes | int) -> str:
    return hashlib.sha256(picture(data) if isinstance(data, int) else data).hexdigest()


def ts(minute: float) -> str:
    """Return the time of a statement, in minutes after the tests' first day began."""
    return (START + timedelta(minutes=minute)).isoformat()


def upload(data: bytes | int, user: str = "ana", at: float = 0, file: str = "", **more: Any) -> Line:
    """Return the line of an upload; `data` may be a picture's seed."""
    name, data = (file or f"{data}.jpg", picture(data)) if isinstance(data, int) else (file or "a.jpg", data)
    line = {"kind": "upload", "file": name, "size": len(data), "sha256": sha(data), "user_id": user, "ts": ts(at)}
    return line | more


def label(
    data: int, word: Any, user: str = "ana", at: float = 0, *, task: str = "piece", with_file: bool = True
) -> Line:
    """Return the line of a labelled sample: of a file of the batch, or of an image that is there."""
    said = {"kind": "label", "user_id": user, "ts": ts(at), "task": task, "label": word}
    brought = {"file": f"{data}.jpg", "size": len(picture(data)), "sha256": sha(data)}
    return said | (brought if with_file else {"image_id": sha(data)})


def vote(data: int | str, value: Any, user: str = "ana", at: float = 0) -> Line:
    return {"kind": "vote", "image_id": _id(data), "value": value, "user_id": user, "ts": ts(at)}


def confirm(data: int | str, word: Any, user: str = "ana", at: float = 0, task: str = "piece") -> Line:
    return {"kind": "confirm", "image_id": _id(data), "task": task, "label": word, "user_id": user, "ts": ts(at)}


def mosaic(data: int | str, user: str = "ana", at: float = 0, **more: Any) -> Line:
    """Return the line of a mosaic; `more` are its options, or `wanted`."""
    return {"kind": "mosaic", "image_id": _id(data), "user_id": user, "ts": ts(at), **more}


def delete(data: int | str, user: str = "ana", at: float = 0) -> Line:
    return {"kind": "delete", "image_id": _id(data), "user_id": user, "ts": ts(at)}


def _id(data: int | str) -> str:
    return data if isinstance(data, str) else sha(data)


def manifest(*lines: Line | str | bytes) -> bytes:
    """Return a manifest; texts and bytes are taken as they are."""
    raw = (json.dumps(line).encode() if isinstance(line, dict) else line for line in lines)
    return b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in raw)


@dataclass(frozen=True)
class Box:
    """A lake in a folder with its inbox."""

    lake: Path

    @property
    def store(self) -> Store:
        return Store(str(self.lake))

    def folder(self, batch: str) -> Path:
        return self.lake / "incoming" / batch

    def put(self, batch: str, *lines: Line | str | bytes, files: dict[str, bytes] | None = None) -> Path:
        """Write a batch: the files its lines name by seed (`7.jpg`), those given, and the manifest last."""
        folder = self.folder(batch)
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in (drawn(lines) | (files or {})).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        (folder / "manifest.jsonl").write_bytes(manifest(*lines))
        self.age(batch, 1)
        return folder

    def age(self, batch: str, hours: float) -> None:
        """Make a batch look as if nothing of it had been written for so long before NOW."""
        moment = (NOW - timedelta(hours=hours)).timestamp()
        for file in self.folder(batch).rglob("*"):
            os.utime(file, (moment, moment), follow_symlinks=False)

    def ingest(self, now: datetime = NOW) -> dict[str, Account]:
        """Take the inbox in; return in, new, unchanged, rejected and duplicates of each step, which must add up."""
        journal = Journal(self.store, Run())
        source.ingest(journal, now=now)
        for step in journal.steps:
            step.balance()
        return {
            step.step.split()[-1]: (step.rows_in, step.new, step.unchanged, step.rejected, step.duplicates)
            for step in journal.steps
        }

    def retire(self, now: datetime = NOW) -> None:
        retire(Journal(self.store, Run()), now)

    def night(self, now: datetime = NOW) -> dict[str, Account]:
        accounts = self.ingest(now)
        self.retire(now)
        return accounts

    def rows(self, table: Table) -> list[Line]:
        names = [column.name for column in table.plain]
        return self.store.snapshot(table).read(names).to_pylist()

    def values(self, table: Table, *names: str) -> list[Any]:
        """Return some columns, sorted; single values where there is one column."""
        found = sorted((tuple(row[name] for name in names) for row in self.rows(table)), key=repr)
        return [value for (value,) in found] if len(names) == 1 else found

    def rejects(self) -> dict[tuple[str, str], str]:
        """Return (key, reason) → sentence of the open rejects."""
        return {(row["key"], row["reason"]): row["detail"] for row in self.rows(rejects.TABLE) if row["is_open"]}

    def digests(self, tables: tuple[Table, ...] = FILLED) -> dict[str, str]:
        return {table.name: digest(table, self.store.snapshot(table).read()) for table in tables}

    def versions(self) -> dict[str, int]:
        return {table.name: self.store.snapshot(table).version for table in ALL}


def drawn(lines: tuple[Line | str | bytes, ...]) -> dict[str, bytes]:
    """Return the files that lines name by a picture's seed."""
    names = {line["file"] for line in lines if isinstance(line, dict) and isinstance(line.get("file"), str)}
    return {name: picture(int(name[:-4])) for name in names if name.endswith(".jpg") and name[:-4].isdigit()}
