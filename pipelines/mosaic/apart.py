"""Apart: tiles given to cells one after the other, so that no tile stands too near to itself, nor too often; compiled.

Each open cell takes the nearest tile it may have; then cells change to better ones that have become free, until none
does. It is also how a layout that stands is kept: a cell leaves its tile only for one that is nearer by a margin.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipelines.compiled import compiled
from pipelines.mosaic import search
from pipelines.mosaic.features import Features
from pipelines.mosaic.search import LANES, NOWHERE, Floats, Index, Ints, Places, bound_clusters, none_within, squares_in

_ROUNDS = 4  # of changing; later ones change next to nothing
_BLOCK = 6  # cells of a side of a square that a bound is reckoned for


class Rule(NamedTuple):
    """No tile more than `uses` times, no two of it within `reach` cells of each other, diagonals included."""

    uses: int
    reach: int
    columns: int  # of the mosaic


class Uses(NamedTuple):
    """The tile each cell has, by what it was `chosen` and how far, squared, it is; NOWHERE: none.

    Which cells have a tile: the `first` of them by tile, then by cell those `before` and `after` it; NOWHERE ends.
    """

    first: Places
    before: Places
    after: Places
    counts: Places
    chosen: Places
    squares: Floats


@compiled
def _may_have(uses: Uses, rule: Rule, cell: int, tile: int) -> bool:
    if uses.counts[tile] >= rule.uses:
        return False
    if rule.reach == 0 or uses.counts[tile] == 0:
        return True
    if uses.counts[tile] > (2 * rule.reach + 1) ** 2:
        return not _is_around(uses, rule, cell, tile)
    other = uses.first[tile]
    while other >= 0:
        down = abs(other // rule.columns - cell // rule.columns)
        if max(down, abs(other % rule.columns - cell % rule.columns)) <= rule.reach:
            return False
        other = uses.after[other]
    return True


@compiled
def _is_around(uses: Uses, rule: Rule, cell: int, tile: int) -> bool:
    y, x, rows = cell // rule.columns, cell % rule.columns, len(uses.chosen) // rule.columns
    for row in range(max(y - rule.reach, 0), min(y + rule.reach + 1, rows)):
        for column in range(max(x - rule.reach, 0), min(x + rule.reach + 1, rule.columns)):
            if uses.chosen[row * rule.columns + column] == tile:
                return True
    return False


@compiled
def _give(uses: Uses, cell: int, tile: int) -> None:
    after = uses.first[tile]
    uses.before[cell], uses.after[cell], uses.first[tile] = NOWHERE, after, cell
    if after >= 0:
        uses.before[after] = cell
    uses.counts[tile] += 1
    uses.chosen[cell] = tile


@compiled
def _take(uses: Uses, cell: int) -> None:
    tile = uses.chosen[cell]
    before, after = uses.before[cell], uses.after[cell]
    if before >= 0:
        uses.after[before] = after
    else:
        uses.first[tile] = after
    if after >= 0:
        uses.before[after] = before
    uses.counts[tile] -= 1
    uses.chosen[cell] = NOWHERE


@compiled
def _nearest_free(
    cells: Features, cell: int, index: Index, uses: Uses, rule: Rule, bounds: Floats, limit: float
) -> tuple[int, float]:
    """Return the nearest tile that a cell may have and its squared distance, if that is below `limit`."""
    squares, tile, best = np.empty(LANES, index.blocks.dtype), NOWHERE, limit
    near = bound_clusters(cells[cell], index, bounds)
    for step in range(-1, len(bounds)):
        cluster = near if step < 0 else step
        if bounds[cluster] > best or (step == near):
            continue
        for block in range(index.starts[cluster], index.starts[cluster + 1]):
            squares[:] = 0
            squares_in(cells[cell], index.blocks, block, 0, cells.shape[1], squares)
            if none_within(squares, best):
                continue
            for lane in range(LANES):
                other = index.places[block, lane]
                is_nearer = squares[lane] < best or (squares[lane] == best and other < tile)
                if other >= 0 and is_nearer and _may_have(uses, rule, cell, other):
                    tile, best = other, squares[lane]
    return tile, best


@compiled
def _place(cells: Features, index: Index, rule: Rule, order: Ints, kept: float, uses: Uses) -> bool:
    """Give every open cell a tile and every other a better one where there is; return whether anything changed."""
    bounds, is_changed = np.empty(len(index.radii)), False
    for cell in order:
        had, limit = uses.chosen[cell], np.inf
        if had >= 0:
            limit = uses.squares[cell] * kept
            _take(uses, cell)
        tile, best = _nearest_free(cells, cell, index, uses, rule, bounds, limit)
        is_better = tile >= 0 and (had < 0 or best < limit)
        if is_better:
            uses.squares[cell] = best
        is_changed |= is_better
        if is_better or had >= 0:
            _give(uses, cell, tile if is_better else had)
    return is_changed


@compiled
def _keep(held: Places, rule: Rule, order: Ints, uses: Uses) -> None:
    for cell in order:
        if held[cell] >= 0 and _may_have(uses, rule, cell, held[cell]):
            _give(uses, cell, held[cell])


def place(cells: Features, tiles: Features, index: Index, rule: Rule, held: Places, margin: float = 0.0) -> Places:
    """Return the tile of each cell; `held` are those it had (NOWHERE: none), which it keeps where the rule allows it.

    A cell changes only to a tile that is nearer by more than `margin`, a share of the distance. Cells for which no tile
    is left stay NOWHERE.
    """
    uses = Uses(
        first=np.full(len(tiles), NOWHERE, np.int32),
        before=np.empty(len(cells), np.int32),
        after=np.empty(len(cells), np.int32),
        counts=np.zeros(len(tiles), np.int32),
        chosen=np.full(len(cells), NOWHERE, np.int32),
        squares=((cells - tiles[held]) ** 2).sum(axis=1, dtype=np.float64),
    )
    # Row by row repeats come as near to each other as they may; only a quota makes what comes first better.
    order = search.shuffled(len(cells)) if rule.uses < len(cells) else np.arange(len(cells))
    _keep(held, rule, order, uses)
    for _ in range(_ROUNDS):
        if not _place(cells, index, rule, order, (1 - margin) ** 2, uses):
            break
    return uses.chosen


def bound(cells: Features, tiles: Features, index: Index, rule: Rule, rows: int) -> float:
    """Return what the distances of any layout under a rule sum up to at least.

    In a square of cells that are all within reach of each other no tile can be used twice: each square by itself is an
    assignment, solved to its optimum, and no layout of all can be better than all of them. A cell of a square of n
    needs none but its n nearest tiles, as one of these is always left for it.
    """
    side = min(rule.reach + 1, _BLOCK)
    near, _ = search.nearest(cells, index, side * side)
    at = np.arange(len(cells)).reshape(rows, rule.columns)
    squares = [
        at[y : y + side, x : x + side].ravel() for y in range(0, rows, side) for x in range(0, rule.columns, side)
    ]
    return math.fsum(_least(cells[some], tiles, near[some]) for some in squares)


def _least(cells: Features, tiles: Features, near: Places) -> float:
    """Return the least sum of distances with which cells get one of the tiles near any of them each, all different."""
    some = tiles[np.unique(near[near >= 0])]
    norms = (cells**2).sum(axis=1, dtype=np.float64)[:, None] + (some**2).sum(axis=1, dtype=np.float64)
    costs = np.sqrt(norms - 2 * (cells @ some.T))
    return float(costs[linear_sum_assignment(costs)].sum())
