"""The nearest tiles are those a plain loop finds, whatever the tiles, ties and all."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.mosaic import search
from pipelines.mosaic.features import Features
from pipelines.mosaic.search import NOWHERE, Floats, Ints

LENGTHS = {np.float32: (12, 27), np.float64: (3,)}


def plain(cells: Features, tiles: Features) -> tuple[Ints, Floats]:
    """Return all tiles of each cell, nearest first, of equally near ones the first, and their squared distances."""
    squares = ((cells[:, None].astype(np.float64) - tiles[None]) ** 2).sum(axis=2)
    order = np.argsort(squares, axis=1, kind="stable")
    return order, np.take_along_axis(squares, order, axis=1)


def drawn(kind: type, length: int, count: int, spread: int, seed: int) -> Features:
    """Return features as they come: lightness from 0, the others around it."""
    values = np.random.default_rng(seed).integers(0, spread + 1, (count, length))
    if kind is np.float64:
        return values.astype(kind) * 1024
    values[:, length // 3 :] -= spread // 2
    return values.astype(kind)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Features, Features]:
    """Cells and tiles: from all alike to spread over all colours there are, sometimes in two heaps far apart."""
    kind = draw(st.sampled_from(list(LENGTHS)))
    length = draw(st.sampled_from(LENGTHS[kind]))
    spread = draw(st.sampled_from([0, 1, 3, 60, 255 if kind is np.float64 else 600]))
    seed = draw(st.integers(0, 2**32))
    tiles = drawn(kind, length, draw(st.integers(1, 900)), spread, seed)
    if draw(st.booleans()):
        tiles[::2, : length // 3] += kind(300)
    cells = drawn(kind, length, draw(st.integers(1, 30)), spread, seed + 1)
    if draw(st.booleans()):
        cells[::2] = tiles[np.arange(0, len(cells), 2) % len(tiles)]
    return cells, tiles


@settings(max_examples=60)
@given(problems(), st.integers(1, 40))
def test_nearest_is_what_a_plain_loop_finds(problem: tuple[Features, Features], count: int) -> None:
    cells, tiles = problem
    order, squares = plain(cells, tiles)
    places, found = search.nearest(cells, search.index_of(tiles), count)
    some = min(count, len(tiles))
    assert np.array_equal(places[:, :some], order[:, :some])
    assert np.array_equal(found[:, :some], squares[:, :some])
    assert (places[:, some:] == NOWHERE).all()
    assert np.isinf(found[:, some:]).all()


@settings(max_examples=40)
@given(problems(), st.integers(0, 2**32))
def test_ranks_are_places_in_that_order(problem: tuple[Features, Features], seed: int) -> None:
    cells, tiles = problem
    order, squares = plain(cells, tiles)
    at = np.random.default_rng(seed).integers(0, len(tiles), len(cells))
    rows = np.arange(len(cells))
    found = search.ranks(cells, search.index_of(tiles), order[rows, at].astype(np.int32), squares[rows, at])
    assert np.array_equal(found, at + 1)


@settings(max_examples=15)
@given(problems(), st.integers(0, 2**32))
def test_the_order_of_the_tiles_does_not_matter(problem: tuple[Features, Features], seed: int) -> None:
    cells, tiles = problem
    order = np.random.default_rng(seed).permutation(len(tiles))
    _, one = search.nearest(cells, search.index_of(tiles), 3)
    places, other = search.nearest(cells, search.index_of(tiles[order]), 3)
    assert np.array_equal(one, other)
    first = tiles[order][places[:, 0]]
    assert np.array_equal(((cells - first).astype(np.float64) ** 2).sum(axis=1), one[:, 0])


@pytest.mark.parametrize("kind", LENGTHS)
def test_any_number_of_threads_finds_the_same(kind: type) -> None:
    cells, tiles = drawn(kind, LENGTHS[kind][-1], 1500, 40, 1), drawn(kind, LENGTHS[kind][-1], 1000, 40, 2)
    index = search.index_of(tiles)
    found = []
    for threads in (1, 2, 7):
        with patch.object(search, "_THREADS", threads):
            places, squares = search.nearest(cells, index, 2)
            found.append((places, squares, search.ranks(cells, index, places[:, 1].copy(), squares[:, 1].copy())))
    for each in found[1:]:
        assert all(map(np.array_equal, each, found[0]))
    assert np.array_equal(found[0][0], plain(cells, tiles)[0][:, :2])


def test_an_index_holds_every_tile_once() -> None:
    tiles = drawn(np.float32, 27, 1000, 500, 3)
    index = search.index_of(tiles)
    held = index.places[index.places != NOWHERE]
    assert sorted(held) == list(range(1000))
    for cluster, radius in enumerate(index.radii):
        inside = index.places[index.starts[cluster] : index.starts[cluster + 1]]
        members = tiles[inside[inside != NOWHERE]]
        assert np.sqrt(((members - index.centres[:, cluster]) ** 2).sum(axis=1)).max() <= radius
