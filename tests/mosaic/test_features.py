"""What cells and tiles are compared by: capability 4.5's golden figures, exact means, whole numbers."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ingest.inbox.mosaic_requests import MosaicRequest, told
from pipelines.mosaic import features, search, tile_pictures
from pipelines.mosaic.features import PARTS, SCALE, SIDE
from pipelines.mosaic.making import Sketch
from pipelines.producers import Image
from tests.mosaic.workshop import flat

Pixels = npt.NDArray[np.uint8]

MEANS = [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 0, 255)]
NEAREST = {
    (10, 10, 10): (0, 17.321),
    (200, 200, 200): (1, 95.263),
    (200, 30, 30): (2, 69.462),
    (30, 30, 120): (0, 127.279),
}
GRID_CEIL = {500: 16, 48: 2, 80: 3, 16: 1, 10: 1}
GRID_ROUND_QUIRK = {500: 16, 48: 2, 80: 2, 16: 0}
MEAN_TRUNC_QUIRK = {1.99: 1, 254.6: 254}

pixels_of_tiles = st.integers(0, 2**32).map(
    lambda seed: np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
)


def noise(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def sketch(pixels: Pixels, **options: object) -> Sketch:
    return Sketch(MosaicRequest(None, "0" * 64, told(options)), pixels)


def reference_grid(width: int, height: int) -> tuple[int, int]:
    """Return columns and rows as the reference had them."""
    return int(np.round(width / 32)), int(np.round(height / 32))


def reference_mean(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Return the mean of a tile as the reference had it."""
    return pixels.reshape(-1, 3).mean(axis=0).astype(np.uint8)


def column(*tiles: Pixels) -> pa.ChunkedArray:
    """Return what the lake holds of tiles."""
    made = (tile_pictures.tile(Image("0" * 64, tile, None), tile_pictures.TileParams()) for tile in tiles)
    return pa.chunked_array([[row["features"]] for (row,) in made])


@pytest.mark.parametrize(("colour", "expected"), NEAREST.items())
def test_golden_nearest_tiles(colour: tuple[int, int, int], expected: tuple[int, float]) -> None:
    tiles = tile_pictures.read(column(*map(flat, MEANS)), "mean_rgb")
    cells = sketch(flat(colour)).grid("mean_rgb").features
    places, squares = search.nearest(cells, search.index_of(tiles))
    assert (places[0, 0], round(float(features.distances(squares[0], "mean_rgb")[0]), 3)) == expected


@pytest.mark.parametrize("side", GRID_CEIL)
def test_golden_grid(side: int) -> None:
    grids = [sketch(flat((1, 2, 3), 48, side)), sketch(flat((1, 2, 3), side, 48))]
    assert [(each.columns, each.rows) for each in grids] == [(GRID_CEIL[side], 2), (2, GRID_CEIL[side])]
    assert [each.size for each in grids] == [(side, 48), (48, side)]


def test_golden_quirks_of_the_reference() -> None:
    assert {side: reference_grid(side, 32)[0] for side in GRID_ROUND_QUIRK} == GRID_ROUND_QUIRK
    assert {side for side in GRID_ROUND_QUIRK if GRID_CEIL[side] != GRID_ROUND_QUIRK[side]} == {80, 16}
    for mean, truncated in MEAN_TRUNC_QUIRK.items():
        tile = flat((int(mean),) * 3)
        tile.reshape(-1, 3)[: round((mean % 1) * 1024)] += 1
        found = tile_pictures.means(column(tile))[0]
        assert found == pytest.approx([mean] * 3, abs=1e-3)
        assert reference_mean(tile).tolist() == [truncated] * 3 == np.floor(found).tolist()


@given(pixels_of_tiles)
def test_means_are_numpys_and_their_floor_the_references(tile: Pixels) -> None:
    found = tile_pictures.means(column(tile))[0]
    assert found.dtype == np.float64
    assert np.abs(found - tile.reshape(-1, 3).mean(axis=0)).max() < 1e-6
    assert np.array_equal(np.floor(found), reference_mean(tile))


@given(st.integers(1, 130), st.integers(1, 130), st.sampled_from(sorted(PARTS)), st.integers(1, 9) | st.none())
def test_every_cell_has_whole_numbers(height: int, width: int, mode: features.Mode, columns: int | None) -> None:
    drawn = sketch(noise(height, width), columns=columns)
    grid = drawn.grid(mode)
    assert grid.features.shape == (drawn.columns * drawn.rows, 3 * PARTS[mode] ** 2)
    assert grid.features.dtype == np.float32
    assert np.array_equal(grid.features, np.rint(grid.features))
    assert (grid.features**2).sum(axis=1).max() < 2**24


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 999))
def test_a_picture_of_whole_cells_is_compared_as_its_tiles_are(rows: int, columns: int, seed: int) -> None:
    source = noise(rows * SIDE, columns * SIDE, seed)
    tiles = source.reshape(rows, SIDE, columns, SIDE, 3).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)
    for mode in PARTS:
        expected = tile_pictures.read(column(*tiles), mode)
        assert np.abs(sketch(source).grid(mode).features - expected).max() <= SCALE * 0.02


@pytest.mark.parametrize("mode", [*PARTS, "mean_rgb"])
@pytest.mark.parametrize("size", [(33, 64), (64, 33), (40, 50), (65, 97), (10, 10), (1, 5000), (5000, 1)])
def test_cells_at_the_edge_are_as_what_is_left_of_them(mode: features.Mode, size: tuple[int, int]) -> None:
    source = flat((255, 255, 255), *size)
    drawn = sketch(source)
    tiles = tile_pictures.read(column(flat((255,) * 3), flat((0,) * 3)), mode)
    places, squares = search.nearest(drawn.grid(mode).features, search.index_of(tiles))
    assert not places.any()
    assert not squares.any()


def test_distances_are_told_as_people_read_them() -> None:
    white, black = flat((255,) * 3), flat((0,) * 3)
    for mode in PARTS:
        tiles = tile_pictures.read(column(white, black), mode)
        square = ((tiles[0] - tiles[1]) ** 2).sum()
        assert features.distances(np.array([square]), mode)[0] == pytest.approx(1, abs=2e-3)
    tiles = tile_pictures.read(column(white, black), "mean_rgb")
    found = features.distances(((tiles[:1] - tiles[1:]) ** 2).sum(axis=1), "mean_rgb")
    assert found[0] == pytest.approx(255 * math.sqrt(3))


@settings(max_examples=20)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 40) | st.none(), st.integers(1, 70))
def test_the_canvas_is_covered(height: int, width: int, columns: int | None, shown: int) -> None:
    drawn = sketch(flat((9, 9, 9), height, width), columns=columns, tile_px=shown)
    wide, high = drawn.size
    assert (drawn.columns - 1) * shown <= wide <= drawn.columns * shown
    assert 1 <= high <= drawn.rows * shown
    assert wide >= 1
    if columns is None and shown == SIDE:
        assert drawn.size == (width, height)
