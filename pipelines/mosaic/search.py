"""The search: the nearest tile of each cell among all, exact, compiled, without looking at most of them.

Tiles lie in clusters, LANES beside each other. A cluster whose every tile must be farther than what was found already
is passed over; of a block that is looked at, the first numbers of its tiles (their lightness) often say enough.
Features are whole numbers, so squared distances are exact: what is found does not depend on how tiles lie.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.compiled import compiled
from pipelines.mosaic.features import Features

LANES = 64  # as many as make the compiler use vectors; fewer are summed one by one
NOWHERE = -1
_PER_CLUSTER = 192  # tiles, about; with fewer, finding the clusters costs more than looking into them
_ROUNDS = 4  # of k-means; more make searching no faster
_FAR = 1e7  # where there is no tile: farther than any
_SLACK = 1e-3  # relative; more than rounding makes of a bound
_THREADS = min(4, os.cpu_count() or 1)
_AT_ONCE = 512  # cells of one task

Places = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Index(NamedTuple):
    """Tiles by cluster: `blocks` (n, length, LANES); `places` (n, LANES), which tile each is, NOWHERE for none.

    Cluster c has the blocks `starts[c]` to `starts[c + 1]`; all its tiles are within `radii[c]` of `centres[:, c]`.
    """

    blocks: Features
    places: Places
    starts: Ints
    centres: Floats
    radii: Floats


def index_of(tiles: Features) -> Index:
    """Return the index of tiles (n, length), at least one."""
    members = clusters(tiles, _PER_CLUSTER)
    starts = np.concatenate([[0], np.cumsum([-(-len(some) // LANES) for some in members])])
    places = np.full((starts[-1], LANES), NOWHERE, np.int32)
    for first, some in zip(starts, members, strict=False):
        places[first:].reshape(-1)[: len(some)] = some
    blocks = np.where((places >= 0)[..., None], tiles[places], tiles.dtype.type(_FAR)).transpose(0, 2, 1)
    centres = np.stack([tiles[some].mean(axis=0, dtype=np.float64) for some in members], axis=1)
    far = [((tiles[some] - centre) ** 2).sum(axis=1).max() for some, centre in zip(members, centres.T, strict=True)]
    return Index(np.ascontiguousarray(blocks), places, starts, centres, np.sqrt(far) * (1 + _SLACK))


def clusters(points: Features, size: int) -> list[Ints]:
    """Return which of the points (n, length) lie together, about `size` of them each, by a few rounds of k-means."""
    count = max(1, len(points) // size)
    near = points.astype(np.float32)
    centres = near[np.sort(np.random.default_rng(0).choice(len(near), count, replace=False))]
    for _ in range(_ROUNDS):
        nearest = _nearest_centres(near, centres)
        sizes = np.bincount(nearest, minlength=count)
        sums = np.stack([np.bincount(nearest, near[:, d], count) for d in range(near.shape[1])], axis=1)
        centres = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres).astype(np.float32)
    order = np.argsort(nearest, kind="stable")
    return [some for some in np.split(order, np.cumsum(sizes)[:-1]) if len(some)]


def _nearest_centres(points: npt.NDArray[np.float32], centres: npt.NDArray[np.float32]) -> Ints:
    squares = (centres**2).sum(axis=1)
    parts = np.array_split(points, -(-len(points) // 8192))
    return np.concatenate([(squares - 2 * part @ centres.T).argmin(axis=1) for part in parts])


def shuffled(count: int) -> Ints:
    """Return cells in an order, always the same, that favours no part of the picture.

    Cells that are alike get tiles that are not, and whoever comes first gets the better ones: from above, a plain sky
    would fade downwards.
    """
    return np.random.default_rng(count).permutation(count)


@compiled
def squares_in(cell: Features, blocks: Features, block: int, start: int, stop: int, squares: Features) -> None:
    """Add to `squares` (LANES,) how far a block's tiles are from a cell in the numbers from `start` to `stop`."""
    for d in range(start, stop):
        wanted, row = cell[d], blocks[block, d]
        for lane in range(len(squares)):
            apart = wanted - row[lane]
            squares[lane] += apart * apart


@compiled
def none_within(squares: Features, limit: float) -> bool:
    count = 0
    for lane in range(len(squares)):
        count += squares[lane] <= limit
    return count == 0


@compiled
def bound_clusters(cell: Features, index: Index, bounds: Floats) -> int:
    """Write how far, squared, each cluster's tiles are at least; return the cluster that is nearest by that."""
    bounds[:] = 0.0
    for d in range(len(index.centres)):
        for c in range(len(bounds)):
            apart = cell[d] - index.centres[d, c]
            bounds[c] += apart * apart
    for c in range(len(bounds)):
        low = max(np.sqrt(bounds[c]) * (1 - _SLACK) - index.radii[c], 0.0)
        bounds[c] = low * low
    return int(np.argmin(bounds))


@compiled
def _enter(places: Places, found: Floats, place: int, square: float) -> None:
    """Put a tile where it belongs among the nearest, over the last; of equally near ones the first comes first."""
    at = len(places) - 1
    while at > 0 and (square < found[at - 1] or (square == found[at - 1] and place < places[at - 1])):
        places[at], found[at] = places[at - 1], found[at - 1]
        at -= 1
    places[at], found[at] = place, square


@compiled
def _look_into(cluster: int, cell: Features, index: Index, squares: Features, places: Places, found: Floats) -> None:
    """Enter those tiles of a cluster that are nearer than the last of the nearest."""
    lightness = len(cell) // 3
    for block in range(index.starts[cluster], index.starts[cluster + 1]):
        squares[:] = 0
        squares_in(cell, index.blocks, block, 0, lightness, squares)
        if none_within(squares, found[-1]):
            continue
        squares_in(cell, index.blocks, block, lightness, len(cell), squares)
        if none_within(squares, found[-1]):
            continue
        for lane in range(LANES):
            place, square = index.places[block, lane], squares[lane]
            if place >= 0 and (square < found[-1] or (square == found[-1] and place < places[-1])):
                _enter(places, found, place, square)


@compiled
def _nearest(cells: Features, index: Index, first: int, last: int, places: Places, found: Floats) -> None:
    bounds, squares = np.empty(len(index.radii)), np.empty(LANES, index.blocks.dtype)
    for i in range(first, last):
        near = bound_clusters(cells[i], index, bounds)
        _look_into(near, cells[i], index, squares, places[i], found[i])
        for c in range(len(bounds)):
            if bounds[c] <= found[i, -1] and c != near:
                _look_into(c, cells[i], index, squares, places[i], found[i])


def nearest(cells: Features, index: Index, count: int = 1) -> tuple[Places, Floats]:
    """Return of each cell its nearest tiles (n, count), and their squared distances: nearest first, of equally near
    ones the first; NOWHERE, at an infinite distance, where there are no more.
    """
    places, found = np.full((len(cells), count), NOWHERE, np.int32), np.full((len(cells), count), np.inf)
    in_parts(len(cells), lambda first, last: _nearest(cells, index, first, last, places, found))
    return places, found


@compiled
def _rank(cells: Features, index: Index, first: int, last: int, chosen: Places, at: Floats, ranks: Ints) -> None:
    bounds, squares = np.empty(len(index.radii)), np.empty(LANES, index.blocks.dtype)
    for i in range(first, last):
        bound_clusters(cells[i], index, bounds)
        rank = 1
        for c in range(len(bounds)):
            if bounds[c] > at[i]:
                continue
            for block in range(index.starts[c], index.starts[c + 1]):
                squares[:] = 0
                squares_in(cells[i], index.blocks, block, 0, len(cells[i]), squares)
                row = index.places[block]
                for lane in range(len(squares)):
                    is_tie = (squares[lane] == at[i]) & (row[lane] < chosen[i])
                    rank += (row[lane] >= 0) & ((squares[lane] < at[i]) | is_tie)
        ranks[i] = rank


def ranks(cells: Features, index: Index, chosen: Places, squares: Floats) -> Ints:
    """Return which place the chosen tile has among all by distance from its cell, 1 for the nearest."""
    found = np.empty(len(cells), np.int64)
    in_parts(len(cells), lambda first, last: _rank(cells, index, first, last, chosen, squares, found))
    return found


def in_parts(count: int, work: Callable[[int, int], None]) -> None:
    """Do `work` (from, up to) for `count` cells on all cores; compiled functions let each other run."""
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(lambda first: work(first, min(first + _AT_ONCE, count)), range(0, count, _AT_ONCE)))
