"""Drawn pictures that resemble each other on purpose, and the steps that compare them."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from pipelines.duplicates import near_duplicates, perceptual_hashes
from pipelines.imaging import encode_jpeg
from pipelines.ingest import intake
from pipelines.ingest.image_sources import Terms
from pipelines.ingest.intake import Item
from pipelines.lake.objects import sha256
from pipelines.lake.recipe import Run
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal, Step
from pipelines.lake.store import Store
from pipelines.lake.table import Table
from pipelines.palette import palettes
from pipelines.producers import materialize

Pixels = npt.NDArray[np.uint8]
RED, BLUE = (200, 40, 50), (50, 70, 160)


def design(seed: int, colour: tuple[int, int, int] = RED, height: int = 80, width: int = 60) -> Pixels:
    """A shaded piece on white: the seed decides its shape and folds, the colour its cloth."""
    chance = np.random.default_rng(seed)
    coarse = Pillow.fromarray(chance.integers(0, 256, (6, 5), dtype=np.uint8))
    folds = np.asarray(coarse.resize((width, height), Pillow.Resampling.BICUBIC)) / 255
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    is_cloth = (np.abs(across) < 0.75 + 0.15 * np.sin(6 * chance.random() + 3 * down)) & (np.abs(down) < 0.85)
    cloth = (0.3 + 0.7 * folds)[..., None] * np.array(colour)
    return np.where(is_cloth[..., None], cloth, 255).astype(np.uint8)


def again(pixels: Pixels, scale: float = 1.0, quality: int = 90) -> bytes:
    """The same picture, encoded and perhaps scaled again."""
    height, width = pixels.shape[:2]
    size = round(width * scale), round(height * scale)
    return encode_jpeg(np.asarray(Pillow.fromarray(pixels).resize(size, Pillow.Resampling.LANCZOS)), quality)


def fill(store: Store, pictures: Iterable[bytes], key: str = "") -> list[str]:
    """Take pictures in, in one file; return their ids."""
    pictures = list(pictures)
    items = [Item(f"images/{key}{sha256(data)}.jpg", "1", lambda data=data: data) for data in pictures]
    intake.ingest(Journal(store, Run()), "fashion", Terms(allow_training=True), items)
    return [sha256(data) for data in pictures]


def step(store: Store, table: Table, run: Run | None = None) -> Step:
    """Bring one table up to date; return the account, which balances."""
    journal = Journal(store, run or Run())
    with ThreadPoolExecutor(1) as pool:
        materialize(journal, table, pool, 0.1)
    journal.steps[0].balance()
    return journal.steps[0]


def night(store: Store, table: Table = near_duplicates.TABLE) -> Step:
    """Make all that the pairs are made of, then the pairs."""
    step(store, palettes.TABLE)
    step(store, perceptual_hashes.TABLE)
    return step(store, table)


def held(store: Store, table: Table = near_duplicates.TABLE) -> dict[tuple[str, str], dict[str, object]]:
    rows = store.snapshot(table).read().to_pylist()
    found = {(row["image_id"], row["other_image_id"]): row for row in rows}
    assert len(found) == len(rows)
    assert all(one < other for one, other in found)
    return found


def row_hash(store: Store, table: Table = near_duplicates.TABLE) -> str:
    return digest(table, store.snapshot(table).read())


def pair(one: str, other: str) -> tuple[str, str]:
    return (min(one, other), max(one, other))
