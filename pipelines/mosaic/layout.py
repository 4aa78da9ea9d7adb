"""Layout: which tile each cell of a mosaic gets, under which limits, and how near the best possible that is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipelines.lake.errors import Rejected
from pipelines.mosaic import apart, quota, search
from pipelines.mosaic.apart import Rule
from pipelines.mosaic.features import Features, Mode, distances
from pipelines.mosaic.search import NOWHERE, Floats, Index, Ints, Places

_EXACT = 2_600  # cells: up to here the best layout is found, in a minute where most want the same tiles
_COSTS = 1 << 27  # distances that are held for it: 1 GiB
_ROUNDING = 1e-9  # relative; more than what a sum of distances is off
_ROWS = 64  # of them that are reckoned at once


@dataclass(frozen=True)
class Limits:
    """How often a tile may be used in all (None: any number of times), and how far from itself it must stay.

    `reach` r: not twice within r cells in any direction, diagonals included; 0: wherever it fits.
    """

    uses: int | None = None
    reach: int = 0


@dataclass(frozen=True)
class Grid:
    """The cells of a mosaic, row by row: what they are compared by, (rows * columns, length), and in which way."""

    features: Features
    columns: int
    rows: int
    mode: Mode


@dataclass(frozen=True)
class Layout:
    """A tile for each cell, row by row: its place among the tiles, its distance, its rank among all tiles (1: nearest).

    `bound` is a mean distance that no layout under the limits is below.
    """

    places: Places
    distances: Floats
    ranks: Ints
    bound: float

    @property
    def distance(self) -> float:
        """The mean distance."""
        return math.fsum(self.distances) / len(self.distances)

    @property
    def gap(self) -> float:
        """By which share of the bound the mean distance lies above it, 0 where it is proved to be the best."""
        if self.distance <= self.bound * (1 + _ROUNDING):
            return 0.0
        return self.distance / self.bound - 1 if self.bound else 1.0


def lay_out(grid: Grid, tiles: Features, limits: Limits, held: Places | None = None, margin: float = 0.0) -> Layout:
    """Return the layout of a grid with tiles (n, length), of equally good ones always the same.

    `held` is the layout that stands (NOWHERE where its tile has gone): a cell of it changes only for a tile that is
    nearer by more than `margin`, a share of the distance. Raises Rejected where the limits leave no layout.
    """
    require_room(grid, len(tiles), limits)
    index = search.index_of(tiles)
    chosen, bound = _chosen(grid, tiles, index, limits)
    if held is not None:
        kept = _kept(grid, tiles, index, limits, chosen, held, margin)
        chosen = chosen if (kept == NOWHERE).any() else kept  # what stands may leave no room for what is new
    if missing := int((chosen == NOWHERE).sum()):
        raise Rejected(
            "too_few_tiles",
            f"{missing:,} of {len(chosen):,} cells were left without a tile: {len(tiles):,} tiles are too few to keep "
            f"{_words(limits)}. Allow more uses, let tiles stand nearer to themselves, or take in more tiles.",
        )
    squares = _squares(grid.features, tiles, chosen)
    is_free = limits.uses is None and not limits.reach and held is None
    ranks = np.ones(len(chosen), np.int64) if is_free else search.ranks(grid.features, index, chosen, squares)
    unit = float(distances(np.ones(1), grid.mode)[0])
    return Layout(chosen, distances(squares, grid.mode), ranks, bound * unit / len(chosen))


def require_room(grid: Grid, tiles: int, limits: Limits) -> None:
    """Raise Rejected where limits cannot be kept, whoever lays out; it says which, and by how much."""
    cells = grid.columns * grid.rows
    if not tiles:
        raise Rejected("no_tiles", "no tile fits the filter. Leave some of it out, or take in more pictures.")
    if limits.uses is not None and limits.uses * tiles < cells:
        least = -(-cells // tiles)
        raise Rejected(
            "too_few_tiles",
            f"{tiles:,} tiles used {limits.uses:,} times at most fill {limits.uses * tiles:,} of {cells:,} cells: "
            f"{cells - limits.uses * tiles:,} too few. Allow {least:,} uses, or take fewer columns.",
        )
    side = limits.reach + 1
    if (needed := min(side, grid.columns) * min(side, grid.rows)) > tiles:
        raise Rejected(
            "too_few_tiles",
            f"that no tile stands within {limits.reach} cells of itself needs {needed:,} different tiles, and there "
            f"are {tiles:,}: {needed - tiles:,} too few. Let them stand nearer, or take in more tiles.",
        )


def _chosen(grid: Grid, tiles: Features, index: Index, limits: Limits) -> tuple[Places, float]:
    """Return the best layout that can be found, and a bound of the sum of its distances, in the units of features."""
    cells, count = grid.features, len(grid.features)
    uses = count if limits.uses is None else min(limits.uses, count)
    near, squares = search.nearest(cells, index)
    if np.bincount(near[:, 0]).max() <= uses:
        places, bound = near[:, 0], math.fsum(np.sqrt(squares[:, 0]))
    elif count <= _EXACT and uses * len(tiles) * count <= _COSTS:
        places, bound = _best(cells, tiles, uses)
    else:
        places, bound = quota.assign(cells, index, uses)
    if limits.reach:
        rule = Rule(uses, limits.reach, grid.columns)
        places = apart.place(cells, tiles, index, rule, places)
        bound = max(bound, apart.bound(cells, tiles, index, rule, grid.rows))
    return places, bound


def _best(cells: Features, tiles: Features, uses: int) -> tuple[Places, float]:
    """Return the layout with the least sum of distances, and that sum (Jonker and Volgenant's algorithm).

    Of n cells none needs more than its n nearest uses of tiles, as one of them is always left for it.
    """
    order = search.shuffled(len(cells))
    cells, most = cells[order], min(-(-len(cells) // uses), len(tiles))
    is_needed = np.zeros(len(tiles), bool)
    for _, squares in _squares_of_all(cells, tiles):
        is_needed[np.argpartition(squares, most - 1, axis=1)[:, :most]] = True
    some = np.flatnonzero(is_needed)
    costs = np.empty((len(cells), len(some) * uses))
    for first, squares in _squares_of_all(cells, tiles[some]):
        costs[first : first + len(squares)] = np.repeat(np.sqrt(squares), uses, axis=1)
    rows, slots = linear_sum_assignment(costs)
    places = np.empty(len(cells), np.int32)
    places[order] = some[slots // uses]
    return places, math.fsum(costs[rows, slots])


def _squares_of_all(cells: Features, tiles: Features) -> Iterator[tuple[int, Floats]]:
    """Yield squared distances (cells, tiles), some cells at a time; no whole number is lost by expanding squares."""
    norms = (tiles**2).sum(axis=1, dtype=np.float64)
    for first in range(0, len(cells), _ROWS):
        some = cells[first : first + _ROWS]
        yield first, norms + (some**2).sum(axis=1, dtype=np.float64)[:, None] - 2 * (some @ tiles.T)


def _kept(
    grid: Grid, tiles: Features, index: Index, limits: Limits, fresh: Places, held: Places, margin: float
) -> Places:
    """Return the layout that stands, changed where it has to be, or is better by more than the margin."""
    if limits.uses is None and not limits.reach:
        before = np.where(held == NOWHERE, np.inf, _squares(grid.features, tiles, held))
        is_better = _squares(grid.features, tiles, fresh) < before * (1 - margin) ** 2
        return np.where(is_better | (held == NOWHERE), fresh, held)
    rule = Rule(limits.uses or len(held), limits.reach, grid.columns)
    return apart.place(grid.features, tiles, index, rule, held, margin)


def _squares(cells: Features, tiles: Features, places: Places) -> Floats:
    return np.asarray(((cells - tiles[places]) ** 2).sum(axis=1, dtype=np.float64))


def _words(limits: Limits) -> str:
    said = [f"each to {limits.uses:,} uses"] if limits.uses is not None else []
    said += [f"each {limits.reach} cells from itself"] if limits.reach else []
    return " and ".join(said)
