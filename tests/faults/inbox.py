"""Nights over an inbox for the fault harness: uploads, words and deletions, killed at every store call.

python tests/faults/inbox.py inbox FOLDER [--every=K] [--random=N] [--seed=S]
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import nights

from pipelines.ingest import image_sources, images, intake, sample
from pipelines.ingest.inbox import batches, deletions, labelled_samples, source, uploads, votes
from pipelines.ingest.retirement import retire
from pipelines.lake import rejects
from pipelines.lake.objects import Objects
from pipelines.lake.recipe import Run
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store

CALLS = (
    *((Objects, name) for name in ("put", "create", "swap", "delete")),
    *((Store, name) for name in ("_create", "_commit")),
)
_WORDS = (uploads.TABLE, votes.TABLE, labelled_samples.TABLE, deletions.TABLE)
_TABLES = (images.TABLE, image_sources.TABLE, *_WORDS, batches.TABLE, rejects.TABLE)
_START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def prepare(folder: Path) -> None:
    """Take a first inbox in, and drop a second one, which takes back some of it."""
    intake._SHARD_BYTES = 20_000
    lake = folder / "before" / "lake"
    drawn = [piece.image for piece in sample.pieces(24)]
    _drop(lake, "a", _uploads(drawn[:12], 0) + _words(drawn[:6]))
    if nights.forked(lambda: night(folder / "before")) != nights.ACTED:  # Delta's runtime does not outlive a fork
        raise SystemExit("the first night failed")
    back = [{"kind": "delete", "user_id": "ana", "image_id": _sha(data), **_at(2)} for data in drawn[:4]]
    _drop(lake, "b", _uploads(drawn[12:], 3) + _words(drawn[10:18]) + back)
    _drop(lake, "c", [*_uploads(drawn[2:3], 4), {"kind": "vote", "value": 3}])


def _uploads(drawn: list[bytes], hour: int) -> list[dict[str, Any]]:
    return [
        {"kind": "upload", "user_id": "ana", "visibility": "shared", "sha256": _sha(data), "data": data, **_at(hour)}
        for data in drawn
    ]


def _words(drawn: list[bytes]) -> list[dict[str, Any]]:
    votes_ = [{"kind": "vote", "user_id": "ben", "value": 1, "image_id": _sha(data), **_at(1)} for data in drawn]
    told = {"kind": "confirm", "user_id": "ana", "task": "piece", "label": "Tee"}
    return votes_ + [told | {"image_id": _sha(data), **_at(1)} for data in drawn]


def _at(hour: int) -> dict[str, str]:
    return {"ts": (_START + timedelta(hours=hour)).isoformat()}


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _drop(lake: Path, name: str, said: list[dict[str, Any]]) -> None:
    folder = lake / "incoming" / name
    folder.mkdir(parents=True)
    for number, line in enumerate(line for line in said if "data" in line):
        data = line.pop("data")
        (folder / f"{number}.jpg").write_bytes(data)
        line |= {"file": f"{number}.jpg", "size": len(data)}
    (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in said))


def home(folder: Path, name: str) -> Path:
    """Return a copy of what was prepared, for one trial."""
    shutil.copytree(folder / "before", folder / name)
    return folder / name


def _store(home: Path) -> Store:
    return Store(str(home / "lake"))


def night(home: Path) -> None:
    """Take the inbox in and retire, night by night, until nothing changes any more."""
    before = None
    while before != (before := {table.name: _store(home).snapshot(table).version for table in _TABLES}):
        journal = Journal(_store(home), Run())
        source.ingest(journal)
        retire(journal)
        journal.write()


def hashes(home: Path) -> dict[str, str]:
    """Return the ordered row hash of every table; a doubled row changes it."""
    return {table.name: digest(table, _store(home).snapshot(table).read()) for table in _TABLES}


def difference(home: Path, reference: dict[str, str]) -> list[str]:
    """Return the tables whose rows differ."""
    found = hashes(home)
    return sorted(name for name in reference if found[name] != reference[name])


def seen_by_reader(_home: Path) -> None:
    """Nothing is published here."""


if __name__ == "__main__":
    nights.WRITERS["inbox"] = sys.modules[__name__]
    nights.main()
