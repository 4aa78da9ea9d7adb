"""The inbox: two batches as users' tools leave them, files first and `manifest.jsonl` last."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from pipelines.imaging import encode_jpeg, encode_png
from pipelines.ingest.sample.pieces import Design, make_design

_START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
_PIECES = 900_000  # the uploads are clothes with numbers so high that no catalogue sells them
_MOSAIC_COLUMNS = 24
_UPLOADS = (  # file, user, visibility
    ("summer-look.png", "ana", "shared"),
    ("DSC_0412.JPG", "ana", "private"),
    ("wish list 3.jpeg", "ben", "shared"),
    ("für-den-herbst.png", "ben", "private"),
    ("photo.jpg", "chen", "shared"),
    ("photo-2.jpg", "chen", "shared"),
)

Value = str | int


@dataclass
class Batch:
    """A folder that fills: its files are there before the manifest names them."""

    folder: Path
    clock: datetime
    entries: list[dict[str, Value]] = field(default_factory=list)

    def upload(self, name: str, data: bytes, user: str, visibility: str, title: str) -> str:
        """Write a file, note it, and return its image_id."""
        (self.folder / name).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        self.note(
            "upload",
            file=name,
            size=len(data),
            sha256=digest,
            user_id=user,
            visibility=visibility,
            title=title,
        )
        return digest

    def note(self, kind: str, **values: Value) -> None:
        """Add a line to the manifest, a minute after the one before."""
        self.clock += timedelta(minutes=1)
        self.entries.append({"kind": kind, **values, "ts": self.clock.isoformat().replace("+00:00", "Z")})

    def close(self) -> None:
        """Write the manifest, which says that the batch is whole; it appears at once."""
        part = self.folder / "manifest.jsonl.part"
        part.write_text(
            "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in self.entries), encoding="utf-8"
        )
        part.replace(self.folder / "manifest.jsonl")


def write_inbox(folder: Path, seed: int = 7) -> Path:
    """Write two batches under `folder`/incoming and return that: uploads, then what users say of them.

    The second batch speaks of the first one's images: labels, votes (one given twice, the last one counts), a
    confirmed label, a mosaic, and a deletion.
    """
    incoming = folder / "incoming"
    first = _open(incoming / "2026-01-05-a", _START)
    uploads = [_upload(first, number, seed) for number in range(len(_UPLOADS))]
    first.close()
    second = _open(incoming / "2026-01-06-a", _START + timedelta(days=1))
    _react(second, uploads, seed)
    second.close()
    return incoming


def _open(folder: Path, clock: datetime) -> Batch:
    folder.mkdir(parents=True, exist_ok=True)
    return Batch(folder, clock)


def _upload(batch: Batch, number: int, seed: int) -> str:
    name, user, visibility = _UPLOADS[number]
    design = _design(number, seed)
    encode = encode_png if name.endswith(".png") else encode_jpeg
    return batch.upload(name, encode(design.drawn().picture()), user, visibility, f"my {design.cut.noun.lower()}")


def _design(number: int, seed: int) -> Design:
    designs = (make_design(_PIECES + 100 * number + offset, seed) for offset in count())
    return next(design for design in designs if design.kind.master_category == "Apparel")


def _react(batch: Batch, uploads: list[str], seed: int) -> None:
    for number in (0, 2, 4):
        kind = _design(number, seed).kind
        label = {"task": "article_type", "label": kind.article_type, "image_id": uploads[number]}
        batch.note("label", user_id="curator", **label)
    for user, number, value in (("ben", 0, 1), ("chen", 0, -1), ("ana", 2, 1), ("ana", 4, -1), ("ana", 4, 1)):
        batch.note("vote", user_id=user, image_id=uploads[number], value=value)
    kind = _design(0, seed).kind
    batch.note("confirm", user_id="ana", image_id=uploads[0], task="article_type", label=kind.article_type)
    batch.note("mosaic", user_id="ana", image_id=uploads[0], columns=_MOSAIC_COLUMNS)
    batch.note("delete", user_id="chen", image_id=uploads[5])
