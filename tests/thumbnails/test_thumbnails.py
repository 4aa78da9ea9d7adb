"""`thumbnails`: capability A14, whatever the picture's shape; only a new version may change them."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from PIL import Image as Pillow

from pipelines.imaging import decode, encode_png
from pipelines.ingest import intake
from pipelines.ingest.image_sources import Terms
from pipelines.ingest.intake import Item
from pipelines.lake.contract import conform
from pipelines.lake.objects import sha256
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.producers import Image, PerImage, materialize
from pipelines.thumbnails.thumbnails import TABLE, ThumbnailParams, thumbnail

Pixels = npt.NDArray[np.uint8]
assert isinstance(TABLE.produce, PerImage)
MIN_SIDE = TABLE.produce.min_side


def made(pixels: Pixels) -> Pixels:
    """Return the thumbnail of a picture, whose row keeps the contract."""
    (row,) = thumbnail(Image("0" * 64, pixels, None), ThumbnailParams())
    conform(TABLE, pa.Table.from_pylist([row], TABLE.schema))
    assert row["data"].startswith(b"\xff\xd8\xff")
    pixels = decode(row["data"]).pixels
    assert pixels.shape == (row["height_px"], row["width_px"], 3)
    return pixels


def blocks(seed: int, height: int, width: int) -> Pixels:
    """Three by four blocks of colour, in whole numbers only."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 3, 3), dtype=np.uint8)
    return coarse.repeat(height // 4, axis=0).repeat(width // 3, axis=1)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (32, 32), (60, 60), (80, 60), (2400, 1800), (224, 224)])
def test_a14_every_picture_becomes_224_by_224(size: tuple[int, int]) -> None:
    pixels = np.full((*size, 3), (200, 30, 90), np.uint8)
    found = made(pixels)
    assert found.shape == (224, 224, 3)
    assert np.abs(found.astype(int) - (200, 30, 90)).max() <= 3


@pytest.mark.parametrize("size", [(80, 60), (480, 360), (60, 240)])
def test_the_whole_picture_is_stretched(size: tuple[int, int]) -> None:
    pixels = blocks(1, *size)
    found = made(pixels)
    for row in range(4):
        for column in range(3):
            middle = found[row * 56 + 20 : row * 56 + 36, int(column * 74.7) + 29 : int(column * 74.7) + 45]
            expected = pixels[row * size[0] // 4, column * size[1] // 3].astype(int)
            assert np.abs(middle.mean(axis=(0, 1)) - expected).max() <= 4


# Version → the mean colours of the upper left, middle and lower right of a thumbnail (other builds of OpenCV may round
# otherwise). When this test fails, thumbnails have changed: if that is meant, raise the version and enter the new ones.
GOLDEN = {1: [[139, 74, 230], [137, 176, 187], [80, 55, 14]]}


def test_thumbnails_change_only_with_the_version() -> None:
    found = made(blocks(7, 80, 60))
    cells = [found[at : at + 32, at : at + 32].mean(axis=(0, 1)).round().astype(int).tolist() for at in (0, 96, 192)]
    version = TABLE.produce.version
    assert np.array(cells) == pytest.approx(np.array(GOLDEN[version]), abs=2), f"version {version}: {cells}"


def as_png(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_transparent_pictures_lie_on_white_and_cifar_tiles_are_left_out(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    clear = np.zeros((50, 40, 4), np.uint8)
    clear[:, :20] = (250, 0, 0, 255)
    files = {"inbox": as_png(clear), "tmdb": encode_png(blocks(2, 80, 60)), "cifar10": bytes(range(256)) * 12}
    for source, data in files.items():
        formats = "cifar10" if source == "cifar10" else None
        item = Item("key", "1", lambda data=data: data, formats)
        intake.ingest(Journal(store, Run()), source, Terms(allow_training=True), [item])
    journal = Journal(store, Run())
    with ThreadPoolExecutor(2) as pool:
        materialize(journal, TABLE, pool, 0.1)
    assert (journal.steps[0].rows_in, journal.steps[0].new) == (2, 2)
    rows = {row["image_id"]: row["data"] for row in store.snapshot(TABLE).read().to_pylist()}
    assert rows.keys() == {sha256(files["inbox"]), sha256(files["tmdb"])}
    shown = decode(rows[sha256(files["inbox"])]).pixels
    assert np.abs(shown[:, 130:].astype(int) - 255).max() <= 3
    assert np.abs(shown[:, :90].astype(int) - (250, 0, 0)).max() <= 4


def test_large_photos_are_as_good_as_reduced_by_hand(real_data: Path) -> None:
    compared = 0
    for path in sorted((real_data / "fashion-highres").glob("*.jpg"))[::10]:
        data = path.read_bytes()
        whole = Pillow.open(io.BytesIO(data)).resize((224, 224), Pillow.Resampling.LANCZOS)
        error = made(decode(data, min_side=MIN_SIDE).pixels).astype(float) - np.asarray(whole)
        assert 10 * np.log10(255**2 / (error**2).mean()) > 33
        compared += 1
    assert compared >= 5
