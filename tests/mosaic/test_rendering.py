"""A mosaic drawn: every pixel of the canvas is the right tile's, whatever its size; pictures come from the lake."""

from __future__ import annotations

import io
import json
import re
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.imaging import encode_png, resized
from pipelines.ingest import images
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.objects import sha256
from pipelines.lake.recipe import Run
from pipelines.lake.store import Change, Store
from pipelines.lake.table import Column, Table
from pipelines.mosaic import rendering
from pipelines.mosaic.page import html
from pipelines.mosaic.pictures import centre_crop, gathered
from pipelines.mosaic.rendering import Places, Tint, render, strips

Pixels = npt.NDArray[np.uint8]


def noise(*shape: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def drawn(cells: Places, tiles: Pixels, size: tuple[int, int], tint: Tint | None = None) -> Pixels:
    return np.concatenate([strip.copy() for strip in strips(cells, tiles, size, tint)])


def by_rule(cells: Places, tiles: Pixels, size: tuple[int, int]) -> Pixels:
    """Return the canvas as it is defined, a pixel at a time."""
    side = tiles.shape[1]
    y, x = np.mgrid[: size[1], : size[0]]
    return tiles[cells[y // side, x // side], y % side, x % side]


@st.composite
def mosaics(draw: st.DrawFn) -> tuple[Places, Pixels, tuple[int, int]]:
    """Cells, tiles, and a canvas that may end anywhere within the last of them."""
    rows, columns, side, count = (draw(st.integers(1, most)) for most in (5, 6, 9, 7))
    seed = draw(st.integers(0, 2**32))
    cells = np.random.default_rng(seed).integers(0, count, (rows, columns)).astype(np.int32)
    size = draw(st.integers(1, columns * side)), draw(st.integers(1, rows * side))
    return cells, noise(count, side, side, 3, seed=seed), size


@given(mosaics(), st.integers(1, 400))
def test_every_pixel_is_the_right_tiles(mosaic: tuple[Places, Pixels, tuple[int, int]], strip_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendering, "_STRIP_BYTES", strip_bytes)
        assert np.array_equal(drawn(*mosaic), by_rule(*mosaic))


@given(mosaics(), st.floats(0, 1), st.integers(1, 400))
def test_a_tinted_pixel_is_what_the_rule_says(
    mosaic: tuple[Places, Pixels, tuple[int, int]], share: float, strip_bytes: int
) -> None:
    cells, tiles, size = mosaic
    source = noise(size[1], size[0], 3, seed=1)
    parts = int(share * 256 + 0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendering, "_STRIP_BYTES", strip_bytes)
        found = drawn(cells, tiles, size, Tint(source, share))
    expected = (by_rule(*mosaic).astype(int) * (256 - parts) + source.astype(int) * parts + 128) // 256
    assert np.array_equal(found, expected)
    exact = by_rule(*mosaic) * (1 - share) + source * share
    assert np.abs(found - exact).max() <= 1


@given(mosaics(), st.integers(1, 40), st.integers(1, 40))
def test_no_tint_is_the_tiles_and_a_full_one_the_source(
    mosaic: tuple[Places, Pixels, tuple[int, int]], height: int, width: int
) -> None:
    cells, tiles, size = mosaic
    source = noise(height, width, 3, seed=1)
    assert np.array_equal(drawn(cells, tiles, size, Tint(source, 0)), by_rule(*mosaic))
    found, expected = drawn(cells, tiles, size, Tint(source, 1)), resized(source, *size)
    assert np.abs(found.astype(int) - expected).max() <= 2  # each of two passes rounds
    if width >= size[0] and height >= size[1]:
        assert np.array_equal(found, expected)


@given(mosaics(), st.integers(1, 40), st.integers(1, 40), st.integers(1, 400))
def test_a_stretched_source_shows_no_seams(
    mosaic: tuple[Places, Pixels, tuple[int, int]], height: int, width: int, strip_bytes: int
) -> None:
    tint = Tint(noise(height, width, 3, seed=1), 0.7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendering, "_STRIP_BYTES", strip_bytes)
        found = drawn(*mosaic, tint)
    assert np.array_equal(found, drawn(*mosaic, tint))


@settings(max_examples=10)
@given(mosaics())
def test_what_is_rendered_is_what_is_drawn(mosaic: tuple[Places, Pixels, tuple[int, int]]) -> None:
    rows = list[int]()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "mosaic.png")
        render(*mosaic, target, progress=rows.append)
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(target.read_bytes()))), by_rule(*mosaic))
    assert rows == sorted(set(rows))
    assert rows[-1] == mosaic[2][1]


@pytest.mark.parametrize("suffix", [".jpg", ".dzi"])
def test_tiles_may_lie_in_a_file(suffix: str, tmp_path: Path) -> None:
    tiles = noise(5, 16, 16, 3)
    tiles.tofile(tmp_path / "tiles")
    mapped = np.memmap(tmp_path / "tiles", np.uint8, "r", shape=tiles.shape)
    cells = np.arange(20, dtype=np.int32).reshape(4, 5) % 5
    for name, held in (("one", tiles), ("two", mapped)):
        render(cells, held, (77, 63), tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


@pytest.mark.parametrize(
    ("cells", "size", "said"),
    [
        ([[0, 1]], (17, 8), "do not cover a canvas of 17 x 8"),
        ([[0, 1]], (16, 9), "do not cover a canvas of 16 x 9"),
        ([[0, 1]], (0, 8), "do not cover"),
        ([[0, 3]], (16, 8), "from 0 to 3, and there are 3"),
        ([[-1, 0]], (16, 8), "from -1 to 0"),
    ],
)
def test_a_canvas_is_covered_by_tiles_there_are(
    cells: list[list[int]], size: tuple[int, int], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=said):
        render(np.array(cells, np.int32), noise(3, 8, 8, 3), size, tmp_path / "mosaic.png")
    assert not list(tmp_path.iterdir())


def test_a_tint_is_a_share() -> None:
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="a share from 0 to 1"):
            Tint(noise(2, 2, 3), share)


@given(st.integers(1, 50), st.integers(1, 50))
def test_the_middle_square_is_as_large_as_fits(height: int, width: int) -> None:
    pixels = noise(height, width, 3)
    square = centre_crop(pixels)
    side = min(height, width)
    assert square.shape == (side, side, 3)
    top, left = (height - side) // 2, (width - side) // 2
    assert np.array_equal(square, pixels[top : top + side, left : left + side])


SQUARES = Table(
    name="tile_pictures",
    description="Squares.",
    grain=("image_id",),
    inputs=(images.TABLE,),
    columns=(IMAGE_ID, Column("pixels", pa.binary(), "32 x 32 pixels, row by row.", blob=True)),
)


def _row(picture: Pixels) -> dict[str, object]:
    data = encode_png(picture)
    return images.row(sha256(data), data)


def _ramp(number: int) -> Pixels:
    """Return a picture of its own shape and colours, which looks the same at any size."""
    down, right = np.mgrid[0 : 1 : (120 + 40 * number) * 1j, 0:1:210j]
    return np.stack([200 * down, 200 * right, np.full_like(down, 40 * number)], axis=2).astype(np.uint8)


ORIGINALS = [_ramp(number) for number in range(6)]
ROWS = [_row(picture) for picture in ORIGINALS]
IDS = [str(row["image_id"]) for row in ROWS]


def _commit(store: Store, table: Table, rows: list[dict[str, object]], name: str) -> None:
    file = store.write(table, f"0123456789abcdef/{name}.parquet", pa.Table.from_pylist(rows, table.schema))
    store.change(table, Run(), lambda _: Change([file]))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Six pictures, in two files of each table."""
    store = Store(str(tmp_path_factory.mktemp("lake")))
    squares = [
        {"image_id": image_id, "pixels": resized(centre_crop(picture), 32, 32).tobytes()}
        for image_id, picture in zip(IDS, ORIGINALS, strict=True)
    ]
    for name, part in (("one", slice(0, 3)), ("two", slice(3, 6))):
        _commit(store, images.TABLE, ROWS[part], name)
        _commit(store, SQUARES, squares[part], name)
    return store


@pytest.mark.parametrize("side", [1, 20, 32, 33, 64, 200])
def test_squares_come_in_the_order_asked_for(side: int, lake: Store, tmp_path: Path) -> None:
    order = [4, 0, 5, 2]
    found = gathered(lake, SQUARES, [IDS[place] for place in order], side, tmp_path)
    assert found.shape == (4, side, side, 3)
    assert not found.flags.writeable
    for square, place in zip(found, order, strict=True):
        expected = resized(centre_crop(ORIGINALS[place]), side, side)
        assert np.abs(square.astype(int) - expected).max() <= (0 if side == 32 else 4)  # it may be reduced twice


def test_files_without_a_wanted_square_are_not_opened(lake: Store, tmp_path: Path) -> None:
    opened = list[str]()

    class Watched(Store):
        def open(self, table: Table, path: str) -> object:  # type: ignore[override]
            opened.append(path)
            return super().open(table, path)

    gathered(Watched(lake.uri), SQUARES, IDS[:2], 32, tmp_path)
    assert opened == ["0123456789abcdef/one.parquet"]


@pytest.mark.parametrize("side", [32, 64])
def test_a_square_that_is_gone_is_named(side: int, lake: Store, tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=f"tile {'0' * 64} is not in the lake any more: .* Lay the mosaic out again"):
        gathered(lake, SQUARES, [IDS[0], "0" * 64], side, tmp_path)
    with pytest.raises(CannotRun, match="nor are those of 1 others"):
        gathered(lake, SQUARES, ["0" * 64, IDS[0], "1" * 64], side, tmp_path)


def test_a_folder_that_is_none_is_said(lake: Store, tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="cannot be kept at"):
        gathered(lake, SQUARES, IDS, 32, tmp_path / "absent")


def test_a_damaged_original_is_said(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "lake"))
    data = ROWS[0]["data"]
    assert isinstance(data, bytes)
    _commit(store, images.TABLE, [ROWS[0] | {"data": data[: len(data) // 2]}], "one")
    with pytest.raises(ContractBroken, match=f"image {IDS[0]} was damaged in the lake"):
        gathered(store, SQUARES, [IDS[0]], 64, tmp_path)


def test_a_page_shows_its_pyramid_without_asking_for_it() -> None:
    page = html('A <b>title</b> & "more" $width', Path("/far/away/it's <b>#1?.dzi"), 1234, 567)
    assert "A &lt;b&gt;title&lt;/b&gt; &amp; &quot;more&quot; $width" in page
    assert page.count("</script>") == 2
    found = re.search(r"tileSources: (\{.*\}), showNav", page)
    assert found
    said = json.loads(found[1])["Image"]
    assert said["Url"] == "it%27s%20%3Cb%3E%231%3F_files/"
    assert said["Size"] == {"Width": "1234", "Height": "567"}
    assert "Redistribution and use in source and binary forms" in page
    assert not re.search(r'(?:src|href)="', page.split("<script>")[0])
