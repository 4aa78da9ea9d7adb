"""Bookmarks: how far a reader has come in each table, so that it is given only what came since.

A lost bookmark costs time, never rows: everything counts as new then, and what readers do is safe to repeat.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pipelines.lake.errors import CannotRun
from pipelines.lake.store import Snapshot, Store


def came_since(store: Store, reader: str, snapshot: Snapshot) -> set[str]:
    """Return the paths of the files that came into a table since the reader moved its bookmark."""
    mark = _marks(store, reader).get(snapshot.table.name)
    if mark is None or snapshot.delta is None or mark["delta_id"] != _id(snapshot):
        return set(snapshot.files)
    if mark["version"] >= snapshot.version:
        return set()
    try:
        return snapshot.files.keys() - store.snapshot(snapshot.table, mark["version"]).files.keys()
    except CannotRun:  # cleaned away since
        return set(snapshot.files)


def move(store: Store, reader: str, snapshots: Iterable[Snapshot]) -> None:
    """Note that the reader has come as far as these snapshots."""
    seen = {s.table.name: {"version": s.version, "delta_id": _id(s)} for s in snapshots if s.delta is not None}
    marks = _marks(store, reader)
    if marks | seen != marks:
        store.objects.put(_path(reader), json.dumps(marks | seen).encode())


def _marks(store: Store, reader: str) -> dict[str, dict[str, Any]]:
    try:
        marks: dict[str, dict[str, Any]] = json.loads(store.objects.get(_path(reader)))
    except (FileNotFoundError, ValueError):
        return {}
    return marks


def _path(reader: str) -> str:
    return f"_bookmarks/{reader}.json"


def _id(snapshot: Snapshot) -> str | None:
    return None if snapshot.delta is None else str(snapshot.delta.metadata().id)
