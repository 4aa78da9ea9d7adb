"""The pictures that the inference benchmarks score: real thumbnails where they are at hand, else drawn ones."""

from __future__ import annotations

import hashlib
import itertools
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path


def pictures(count: int) -> list[bytes]:
    """Return at most `count` distinct encoded pictures: real ones where TESSERA_REAL_DATA is set."""
    folder = os.environ.get("TESSERA_REAL_DATA")
    seen: dict[str, bytes] = {}
    for data in _archived(Path(folder)) if folder else _drawn():
        seen.setdefault(hashlib.sha256(data).hexdigest(), data)
        if len(seen) == count:
            break
    return list(seen.values())


def _archived(folder: Path) -> Iterator[bytes]:
    with zipfile.ZipFile(folder / "fashion-product-images-small.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".jpg"):
                yield archive.read(name)


def _drawn() -> Iterator[bytes]:
    from pipelines.ingest import sample

    for seed in itertools.count(1):
        yield from (piece.image for piece in sample.pieces(2_000, seed))
