"""Large pictures: the pixels given, in bounded memory, the same bytes every time, and whole or not at all."""

from __future__ import annotations

import io
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.imaging import decode, large
from pipelines.imaging.stored import Samples
from pipelines.lake.errors import CannotRun


def noise(height: int, width: int, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height: int, width: int) -> Samples:
    ramp = np.add.outer(np.linspace(0, 120, height), np.linspace(0, 120, width))
    return np.stack([ramp, ramp[::-1], 255 - ramp], axis=2).astype(np.uint8)


def put(pixels: Samples, target: Path, at_once: int = 100) -> Path:
    height, width = pixels.shape[:2]
    large.write((pixels[top : top + at_once] for top in range(0, height, at_once)), (width, height), target)
    return target


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@settings(max_examples=25)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.integers(0, 2**32))
def test_a_png_holds_the_very_pixels(height: int, width: int, at_once: int, seed: int) -> None:
    pixels = noise(height, width, seed)
    with tempfile.TemporaryDirectory() as folder:
        data = put(pixels, Path(folder, "picture.png"), at_once).read_bytes()
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels)
    assert np.array_equal(decode(data).pixels, pixels)


def test_a_jpeg_opens_and_carries_nothing_but_pixels(tmp_path: Path) -> None:
    pixels = smooth(301, 517)
    data = put(pixels, tmp_path / "picture.jpg").read_bytes()
    image = Image.open(io.BytesIO(data))
    assert (image.size, image.mode) == ((517, 301), "RGB")
    assert not {"exif", "icc_profile", "comment", "xmp"} & image.info.keys()
    assert [parts[1:3] for parts in image.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]  # 4:4:4
    assert np.abs(decode(data).pixels.astype(int) - pixels).mean() < 2


def test_quality_is_the_jpegs(tmp_path: Path) -> None:
    pixels = noise(200, 200)
    sizes = []
    for quality in (30, 70, 95):
        large.write([pixels], (200, 200), tmp_path / "picture.jpg", quality)
        sizes.append((tmp_path / "picture.jpg").stat().st_size)
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3


@pytest.mark.parametrize("size", [(1, 1), (300, 1), (510, 510), (511, 1021), (1300, 700)])
def test_a_pyramid_has_all_levels_each_half_as_large(size: tuple[int, int], tmp_path: Path) -> None:
    width, height = size
    target = put(smooth(height, width), tmp_path / "picture.dzi")
    said = ET.parse(target).getroot()
    assert said.attrib == {"Format": "jpg", "Overlap": "1", "TileSize": "510"}
    assert {key: int(value) for key, value in said[0].attrib.items()} == {"Width": width, "Height": height}
    top = math.ceil(math.log2(max(size)))
    levels = {int(path.name): path for path in large.tiles_of(target).iterdir()}
    assert sorted(levels) == list(range(top + 1))  # and nothing beside them: no note of when it was made
    for level, folder in levels.items():
        wide, high = (math.ceil(side / 2 ** (top - level)) for side in size)
        expected = {f"{x}_{y}.jpg" for x in range(math.ceil(wide / 510)) for y in range(math.ceil(high / 510))}
        assert {path.name for path in folder.iterdir()} == expected
        assert all(Image.open(path).size == _tile(path.stem, wide, high) for path in folder.iterdir())


def _tile(name: str, wide: int, high: int) -> tuple[int, int]:
    """Return the size of a tile: 510 pixels, and one more where there is a neighbour."""
    x, y = (int(part) for part in name.split("_"))
    return min(wide, 510 * x + 511) - max(0, 510 * x - 1), min(high, 510 * y + 511) - max(0, 510 * y - 1)


def test_the_tiles_of_the_last_level_are_the_picture(tmp_path: Path) -> None:
    pixels = smooth(700, 900)
    target = put(pixels, tmp_path / "picture.dzi")
    found = np.zeros_like(pixels)
    for path in (large.tiles_of(target) / "10").iterdir():
        x, y = (max(0, 510 * int(part) - 1) for part in path.stem.split("_"))
        tile = np.asarray(Image.open(path))
        found[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    assert np.abs(found.astype(int) - pixels).mean() < 2


def test_the_same_pixels_are_the_same_bytes(tmp_path: Path) -> None:
    pixels = noise(600, 800)
    for round_ in ("first", "second"):
        (tmp_path / round_).mkdir()
        for suffix in large.SUFFIXES:
            put(pixels, tmp_path / round_ / f"picture{suffix}", at_once=7 if round_ == "first" else 600)
        time.sleep(0.01)
    assert tree(tmp_path / "first") == tree(tmp_path / "second")


def test_a_name_is_only_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "a[Q=1] 100%"
    folder.mkdir()
    for suffix in large.SUFFIXES:
        put(noise(20, 20), folder / f"mine[tile_size=16,strip]: 漢{suffix}")
    assert {path.suffix for path in folder.iterdir()} == {*large.SUFFIXES, ""}
    assert len(list(folder.iterdir())) == 4


def test_what_was_there_is_replaced_whole(tmp_path: Path) -> None:
    put(noise(1200, 1200), tmp_path / "picture.dzi")
    target = put(noise(100, 90), tmp_path / "picture.dzi")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["picture.dzi", "picture_files"]
    assert len(list(large.tiles_of(target).rglob("*.jpg"))) == 8


@pytest.mark.parametrize("suffix", large.SUFFIXES)
def test_what_fails_halfway_leaves_what_was_there(suffix: str, tmp_path: Path) -> None:
    put(noise(50, 60), tmp_path / f"picture{suffix}")
    before = tree(tmp_path)

    def strips() -> Iterator[Samples]:
        yield noise(25, 60, 1)
        raise KeyError("the tile is gone")

    with pytest.raises(KeyError):
        large.write(strips(), (60, 50), tmp_path / f"picture{suffix}")
    with pytest.raises(ValueError, match="25 rows together"):
        large.write([noise(25, 60, 1)], (60, 50), tmp_path / f"picture{suffix}")
    with pytest.raises(ValueError, match=r"a strip is \(rows, 60, 3\)"):
        large.write([noise(50, 59, 1)], (60, 50), tmp_path / f"picture{suffix}")
    assert tree(tmp_path) == before


def test_what_cannot_be_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="no side of a JPEG has more than 65,535"):
        large.write([], (65_536, 10), tmp_path / "picture.jpg")
    with pytest.raises(ValueError, match=r"one of \.png, \.jpg, \.dzi"):
        large.write([], (10, 10), tmp_path / "picture.tif")
    with pytest.raises(ValueError, match="at least one pixel"):
        large.write([], (0, 10), tmp_path / "picture.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", large.SUFFIXES)
def test_a_folder_that_cannot_be_written_is_said(suffix: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in ("absent", "file"):
        with pytest.raises(CannotRun, match=r"picture.* cannot be written \(.*\)\. Free space in its folder"):
            put(noise(5, 5), tmp_path / folder / f"picture{suffix}")


# 300 x 300 pixels of noise have 270,000 bytes as they are, and more as a PNG: which limit says who meets it.
_FULL = """
import resource, sys
from pathlib import Path
import numpy as np
from pipelines.imaging import large
from pipelines.lake.errors import CannotRun
pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
large.write([pixels[:1]], (300, 1), Path(sys.argv[1], "old.png"))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    large.write([pixels], (300, 300), Path(sys.argv[1], "new.png"))
except CannotRun as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [200_000, 270_000])
def test_a_full_disk_is_said_and_nothing_is_left(limit: int, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _FULL, str(tmp_path), str(limit)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "new.png cannot be written (" in said
    assert "\n" not in said.strip()
    assert [path.name for path in tmp_path.iterdir()] == ["old.png"]


def test_libvips_reads_no_files(tmp_path: Path) -> None:
    for suffix in (".png", ".jpg"):
        path = put(noise(8, 8), tmp_path / f"picture{suffix}")
        vips = large._vips()
        with pytest.raises(vips.Error):
            vips.Image.new_from_file(str(path))
        with pytest.raises(vips.Error):
            vips.Image.new_from_buffer(path.read_bytes(), "")


_MEMORY = """
import sys, threading, time
from pathlib import Path
import numpy as np
from pipelines.imaging import large
def anonymous():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) // 1024
def watch():
    while True:
        seen.append(anonymous())
        time.sleep(0.002)
strip = np.repeat(np.arange(2000 * 100, dtype=np.uint32).reshape(100, 2000, 1) // 800, 3, 2).astype(np.uint8)
large.write([strip], (2000, 100), Path(sys.argv[1], "picture.dzi"))
before = anonymous()
seen = [before]
threading.Thread(target=watch, daemon=True).start()
for suffix in large.SUFFIXES:
    large.write((strip for _ in range(200)), (2000, 20_000), Path(sys.argv[1], "picture" + suffix))
print(max(seen) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_memory_holds_some_rows_and_not_the_picture(tmp_path: Path) -> None:
    """Its samples have 120 MB."""
    said = subprocess.run([sys.executable, "-c", _MEMORY, str(tmp_path)], check=True, capture_output=True, text=True)
    assert int(said.stdout) < 50
