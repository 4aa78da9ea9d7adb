"""The search: the best ten candidates of each piece, exact, compiled, with sixteen candidates to a step.

What is reckoned of sixteen candidates at once only tells which of them may belong: those are scored again one by one
in float64, in the order the score is defined in. A candidate is passed over only where even the lowest score that the
estimate allows leaves it behind the tenth, so that nothing that belongs is lost.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.compiled import compiled
from pipelines.recommend.scoring import Channels, Floats, Size, Small, complementary_score, similar_score
from pipelines.recommend.vectors import ESTIMATE, LANES, may_match, may_score

KEPT = 10  # of the candidates of a piece
_ROUNDING = 1e-5  # more than what a sum of a few float32 products is off, of itself
_TINY = 1e-6  # more than the estimate of the root of 0
_ANY = 3e38  # above every estimate
_BATCH = 256  # pieces of one kind that pass over the candidates together
_TILES = 32  # passed over by all pieces of a batch before the next: 40 kB, which stay in the cache

Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Candidates(NamedTuple):
    """Who can be recommended, class by class, ids ascending in each; `k` swatches to each.

    `tiles` (n / LANES, k, 4, LANES): red, green, blue and the sum of their squares; `places` (n,): which piece each
    is, padded to whole tiles; `lowest` (n / LANES,): the lowest piece of each tile.
    """

    tiles: Singles
    places: Small
    lowest: Small


class Ranges(NamedTuple):
    """Which candidates the pieces of a class may have: `spans` (n, 2) of places, class c's from `starts[c]` on."""

    starts: Ints
    spans: Ints


class Excluded(NamedTuple):
    """Whom a piece never has beside itself: pieces, those of piece i from `starts[i]` on."""

    starts: Ints
    pieces: Small


class Ground(NamedTuple):
    """What is searched: the kind of each piece, the candidates, who may have which, the colours (n, k, 3) of all."""

    kinds: Small
    ranges: Ranges
    candidates: Candidates
    excluded: Excluded
    colours: Channels


class Asked(NamedTuple):
    """Who asks: `rows` (n,), pieces in the order of their kinds, what they are scored with, exactly, and the same as
    `queries` for many candidates at once.
    """

    rows: Small
    exact: Any
    queries: Singles


class Best(NamedTuple):
    """The best of each piece so far, best first: `pieces` (n, KEPT), -1 where there are fewer, and `scores`."""

    pieces: Small
    scores: Floats


def nothing(count: int) -> Best:
    """Return the best of pieces of which nothing is known."""
    return Best(np.full((count, KEPT), -1, np.int32), np.full((count, KEPT), np.inf))


@compiled
def _lanes(tile: int, first: int, stop: int) -> int:
    """Return which candidates of a tile lie in first..stop, as bits."""
    begin, end = max(first - tile * LANES, 0), min(stop - tile * LANES, LANES)
    return (1 << end) - (1 << begin)


@compiled
def is_excluded(excluded: Excluded, piece: int, other: int) -> bool:
    found = piece == other
    for at in range(excluded.starts[piece], excluded.starts[piece + 1]):
        found |= excluded.pieces[at] == other
    return bool(found)


@compiled
def enter(best: Best, row: int, score: float, piece: int) -> None:
    """Put a candidate where it belongs, over the last; of equal scores the lower piece comes first."""
    at = KEPT - 1
    while at > 0:
        before = best.pieces[row, at - 1]
        if before >= 0 and (best.scores[row, at - 1], before) < (score, piece):
            break
        best.scores[row, at], best.pieces[row, at] = best.scores[row, at - 1], before
        at -= 1
    best.scores[row, at], best.pieces[row, at] = score, piece


@compiled
def belongs(best: Best, row: int, score: float, piece: int) -> bool:
    last = best.pieces[row, KEPT - 1]
    return bool(last < 0 or (score, piece) < (best.scores[row, KEPT - 1], last))


@compiled
def _run_end(rows: Small, kinds: Small, first: int) -> int:
    """Return where the next kind begins, or a batch is full."""
    last = first + 1
    while last < len(rows) and last - first < _BATCH and kinds[rows[last]] == kinds[rows[first]]:
        last += 1
    return last


@compiled
def search_similar(size: Size, ground: Ground, asked: Asked, best: Best) -> None:
    """Bring the best of each of the pieces that ask up to what the candidates offer; exact are their weights (n, k)."""
    kinds, tiles, ranges, queries = ground.kinds, ground.candidates.tiles, ground.ranges, asked.queries
    first = 0
    while first < len(asked.rows):
        last = _run_end(asked.rows, kinds, first)
        kind = kinds[asked.rows[first]]
        for span in range(ranges.starts[kind], ranges.starts[kind + 1]):
            begin, stop = ranges.spans[span]
            for block in range(begin // LANES, (stop + LANES - 1) // LANES, _TILES):
                end = min(block + _TILES, (stop + LANES - 1) // LANES)
                for row in range(first, last):
                    limit = _limit(best, row)
                    for tile in range(block, end):
                        bits = may_score(size, tiles, tile, queries, row, limit)
                        if bits != 0:
                            bits &= _lanes(tile, begin, stop)
                            _take_similar(size, ground, asked, best, row, tile, bits)
                            limit = _limit(best, row)
        first = last


@compiled
def _take_similar(size: Size, ground: Ground, asked: Asked, best: Best, row: int, tile: int, bits: int) -> None:
    piece = asked.rows[row]
    for lane in range(LANES):
        if bits >> lane & 1:
            other = ground.candidates.places[tile * LANES + lane]
            score = similar_score(size, ground.colours, asked.exact, row, piece, other)
            if belongs(best, row, score, other) and not is_excluded(ground.excluded, piece, other):
                enter(best, row, score, other)


@compiled
def _limit(best: Best, row: int) -> np.float32:
    """Return the highest estimate of a candidate that may belong."""
    if best.pieces[row, KEPT - 1] < 0:
        return np.float32(_ANY)
    return np.float32(best.scores[row, KEPT - 1] * (1 + ESTIMATE + _ROUNDING) + _TINY)


@compiled
def search_complementary(sizes: tuple[Size, Size], ground: Ground, asked: Asked, best: Best) -> None:
    """The same by the least squared distance of a matching colour; exact are these (n, 13, 3), and what is compared."""
    kinds, tiles, ranges, queries = ground.kinds, ground.candidates.tiles, ground.ranges, asked.queries
    lowest = ground.candidates.lowest
    first = 0
    while first < len(asked.rows):
        last = _run_end(asked.rows, kinds, first)
        kind = kinds[asked.rows[first]]
        for span in range(ranges.starts[kind], ranges.starts[kind + 1]):
            begin, stop = ranges.spans[span]
            for block in range(begin // LANES, (stop + LANES - 1) // LANES, _TILES):
                end = min(block + _TILES, (stop + LANES - 1) // LANES)
                for row in range(first, last):
                    for tile in range(block, end):
                        bits = may_match(sizes, tiles, tile, queries, row, _squared_limit(best, row, lowest[tile]))
                        if bits != 0:
                            bits &= _lanes(tile, begin, stop)
                            _take_complementary(sizes, ground, asked, best, row, tile, bits)
        first = last


@compiled
def _take_complementary(
    sizes: tuple[Size, Size], ground: Ground, asked: Asked, best: Best, row: int, tile: int, bits: int
) -> None:
    for lane in range(LANES):
        if bits >> lane & 1:
            other = ground.candidates.places[tile * LANES + lane]
            score = float(complementary_score(sizes, ground.colours, asked.exact, row, other)[0])
            if belongs(best, row, score, other) and not is_excluded(ground.excluded, asked.rows[row], other):
                enter(best, row, score, other)


@compiled
def _squared_limit(best: Best, row: int, lowest: int) -> np.float32:
    """Return the highest square that may belong: of those as far as the last, only a lower id than its own does."""
    last = best.pieces[row, KEPT - 1]
    return np.float32(_ANY) if last < 0 else np.float32(best.scores[row, KEPT - 1] - (lowest > last))
