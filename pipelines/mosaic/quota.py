"""Quota: which tile each cell gets where no tile may be used more than so many times; an auction, compiled.

Cells bid for tiles, whose prices rise (Bertsekas and Castañon, "The auction algorithm for the transportation
problem", 1989): who is outbid bids again. Each use of a tile has a price of its own, the tile's is the lowest. Prices
also give a bound that no layout can be below, whatever the prices p are: Σ_cells min_tiles(distance + p) - uses · Σ p.

Cells that are much alike want the same tiles. They look for them together, in a list that is made anew once all that
is in it has become dearer than what is not; that a list was made for the middle of a group costs a little likeness, and
nothing of the bound, which is reckoned over all tiles for each cell.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pipelines.compiled import compiled
from pipelines.mosaic.features import Features
from pipelines.mosaic.search import (
    LANES,
    NOWHERE,
    Floats,
    Index,
    Ints,
    Places,
    clusters,
    in_parts,
    shuffled,
    squares_in,
)

_SHARE = 0.03  # of what a tile costs a cell: how much a bid goes over what it must; less gives a tighter bound, slower
_LEAST = 0.5  # the least a price rises by, so that cells that are tiles exactly end their bidding
_LISTED = 512  # tiles a group of cells looks at; a multiple of LANES
_GROUP = 32  # cells, about
_ROUNDING = 1e-5  # relative; more than what float32 makes of a sum of distances


class Groups(NamedTuple):
    """Cells that are much alike: `of` (n,), the group of each; `centres` (groups, length)."""

    of: Ints
    centres: Features


class Owners(NamedTuple):
    """Who has which tile, by its place in the index: the first cell, then the `following` by cell; NOWHERE ends.

    `counts` is how many have it, `most` how many may, `paid` for what price each cell got its own.
    """

    first: Places
    following: Places
    counts: Places
    paid: Features
    most: int


def assign(cells: Features, index: Index, uses: int) -> tuple[Places, float]:
    """Return the tile of each cell, no tile more than `uses` times, and a bound of the sum of all distances.

    There must be room for all. Distances are roots of squared ones, as they stand in the index.
    """
    kind = index.blocks.dtype
    owners = Owners(
        first=np.full(index.places.size, NOWHERE, np.int32),
        following=np.empty(len(cells), np.int32),
        counts=np.zeros(index.places.size, np.int32),
        paid=np.zeros(len(cells), kind),
        most=uses,
    )
    prices = np.zeros(index.places.size, kind)
    chosen = np.empty(len(cells), np.int32)
    _auction(cells, index, _groups(cells), owners, prices, shuffled(len(cells)), chosen)
    return index.places.ravel()[chosen], _bound(cells, index, prices, uses)


def _groups(cells: Features) -> Groups:
    members = clusters(cells, _GROUP)
    of = np.empty(len(cells), np.int64)
    for group, some in enumerate(members):
        of[some] = group
    return Groups(of, np.stack([cells[some].mean(axis=0) for some in members]).astype(cells.dtype))


class Lists(NamedTuple):
    """The tiles each group looks at: `tiles` (groups, _LISTED), `blocks` (groups, _LISTED / LANES, length, LANES).

    What is not among them costs the middle of the group `horizons` at least; below 0 where there is no list yet.
    """

    tiles: Places
    blocks: Features
    horizons: Features


@compiled
def _auction(
    cells: Features, index: Index, groups: Groups, owners: Owners, prices: Features, bidders: Ints, chosen: Places
) -> None:
    count, kind = len(groups.centres), index.blocks.dtype
    lists = Lists(
        np.empty((count, _LISTED), np.int32),
        np.empty((count, _LISTED // LANES, cells.shape[1], LANES), kind),
        np.full(count, -1.0).astype(kind),
    )
    costs, squares = np.empty(index.places.size, kind), np.empty(LANES, kind)
    left = len(bidders)
    while left > 0:
        left -= 1
        cell = bidders[left]
        group = groups.of[cell]
        tile, cost, next_cost = _choices(cells[cell], group, lists, prices, squares)
        if cost > lists.horizons[group]:
            _list_anew(group, groups, index, lists, prices, costs, squares)
            tile, cost, next_cost = _choices(cells[cell], group, lists, prices, squares)
        rise = max(min(next_cost, lists.horizons[group]) - cost, 0.0) + max(_SHARE * cost, _LEAST)
        outbid = _take(tile, cell, rise, owners, prices)
        chosen[cell] = tile
        if outbid >= 0:
            bidders[left] = outbid
            left += 1


@compiled
def _choices(cell: Features, group: int, lists: Lists, prices: Features, squares: Features) -> tuple[int, float, float]:
    """Return the tile of a group's list that costs the cell least, distance and price, and what the next one costs."""
    tile, cost, next_cost = NOWHERE, np.inf, np.inf
    if lists.horizons[group] < 0:
        return tile, cost, next_cost
    for block in range(lists.blocks.shape[1]):
        squares[:] = 0
        squares_in(cell, lists.blocks[group], block, 0, len(cell), squares)
        for lane in range(LANES):
            other = lists.tiles[group, block * LANES + lane]
            if other >= 0:
                this = np.sqrt(squares[lane]) + prices[other]
                if this < cost:
                    tile, cost, next_cost = other, this, cost
                elif this < next_cost:
                    next_cost = this
    return tile, cost, next_cost


@compiled
def _list_anew(
    group: int, groups: Groups, index: Index, lists: Lists, prices: Features, costs: Features, squares: Features
) -> None:
    """List the tiles that cost the middle of a group least."""
    for block in range(len(index.blocks)):
        squares[:] = 0
        squares_in(groups.centres[group], index.blocks, block, 0, index.blocks.shape[1], squares)
        at = block * LANES
        some, paid = costs[at : at + LANES], prices[at : at + LANES]
        for lane in range(len(squares)):
            some[lane] = np.sqrt(squares[lane]) + paid[lane]
    count, horizon = 0, np.inf
    if len(costs) > _LISTED:
        horizon = np.partition(costs, _LISTED - 1)[_LISTED - 1]
    for is_tie in (False, True):  # of what costs as much as the last there may be more than there is room for
        for at in range(len(costs)):
            is_in = costs[at] == horizon if is_tie else costs[at] < horizon
            if is_in and index.places[at // LANES, at % LANES] >= 0 and count < _LISTED:
                lists.tiles[group, count] = at
                lists.blocks[group, count // LANES, :, count % LANES] = index.blocks[at // LANES, :, at % LANES]
                count += 1
    lists.tiles[group, count:] = NOWHERE
    lists.horizons[group] = horizon


@compiled
def _take(tile: int, cell: int, rise: float, owners: Owners, prices: Features) -> int:
    """Give the cheapest use of a tile to a cell, for more than it cost; return who had it."""
    outbid = NOWHERE
    if owners.counts[tile] == owners.most:
        outbid = _outbid(tile, owners)
    else:
        owners.counts[tile] += 1
    owners.following[cell], owners.first[tile] = owners.first[tile], cell
    owners.paid[cell] = prices[tile] + rise
    if owners.counts[tile] == owners.most:
        other, least = owners.first[tile], owners.paid[cell]
        while other >= 0:
            least = min(least, owners.paid[other])
            other = owners.following[other]
        prices[tile] = least
    return int(outbid)


@compiled
def _outbid(tile: int, owners: Owners) -> int:
    """Take a tile from the owner who paid least; return who that was."""
    before, cheapest = NOWHERE, owners.first[tile]
    other = cheapest
    while owners.following[other] >= 0:
        following = owners.following[other]
        if owners.paid[following] < owners.paid[cheapest]:
            before, cheapest = other, following
        other = following
    if before >= 0:
        owners.following[before] = owners.following[cheapest]
    else:
        owners.first[tile] = owners.following[cheapest]
    return int(cheapest)


@compiled
def _least_costs(cells: Features, index: Index, prices: Features, first: int, last: int, found: Floats) -> None:
    squares, least, length = np.empty(LANES, prices.dtype), np.empty(LANES, prices.dtype), cells.shape[1]
    for i in range(first, last):
        least[:] = np.inf
        for block in range(len(index.blocks)):
            squares[:] = 0
            squares_in(cells[i], index.blocks, block, 0, length, squares)
            paid = prices[block * LANES : (block + 1) * LANES]
            for lane in range(len(squares)):
                cost = np.sqrt(squares[lane]) + paid[lane]
                least[lane] = min(least[lane], cost)
        found[i] = least.min()


def _bound(cells: Features, index: Index, prices: Features, uses: int) -> float:
    """Return what the distances of any layout within the quota sum up to at least."""
    found = np.empty(len(cells))
    in_parts(len(cells), lambda first, last: _least_costs(cells, index, prices, first, last, found))
    return max(0.0, math.fsum(found) * (1 - _ROUNDING) - uses * math.fsum(prices) * (1 + _ROUNDING))
