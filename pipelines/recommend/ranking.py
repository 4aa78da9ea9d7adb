"""Ranking: the best ten of many pieces at once, in threads, and what changes of them when pieces come and go."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipelines.executor import cores
from pipelines.palette.tones import BANNED
from pipelines.recommend import blocks, harmony
from pipelines.recommend.blocks import Rule
from pipelines.recommend.kernels import (
    Asked,
    Best,
    Candidates,
    Ground,
    Ints,
    Singles,
    search_complementary,
    search_similar,
)
from pipelines.recommend.pieces import Mask, Pieces
from pipelines.recommend.scoring import (
    Channels,
    Floats,
    Size,
    Small,
    swatch_weights,
)
from pipelines.recommend.vectors import LANES

_CHUNK = 1024  # pieces searched for by a thread at a time
_TONES = BANNED.astype(np.int16)
_HARMONIES: Size = (0,) * len(harmony.RELATIONS)


@dataclass(frozen=True)
class Field:
    """What is searched: pieces, the rule by which they have candidates, and these as the search takes them."""

    pieces: Pieces
    rule: Rule
    ground: Ground

    @property
    def size(self) -> Size:
        """As long as palettes are."""
        return size_of(self.ground.colours)

    @property
    def sizes(self) -> tuple[Size, Size]:
        """The same, and as long as there are matching colours."""
        return self.size, _HARMONIES


def size_of(colours: Channels) -> Size:
    """Return a tuple as long as palettes (n, k, 3) are."""
    return (0,) * int(colours.shape[1])


class Method(Protocol):
    """How pieces are scored, and in how many threads at once."""

    threads: int

    def search(self, field: Field, rows: Small, best: Best) -> None:
        """Bring `best`, that of `rows`, which come kind by kind, up to what the candidates offer."""
        ...


class Similar:
    """By the distances of a piece's swatches to their nearest."""

    threads = cores()

    def search(self, field: Field, rows: Small, best: Best) -> None:
        weights = weights_of(field, rows)
        own = field.ground.colours[rows].astype(np.float32)
        parts = (-2 * own, _squares(own), weights[..., None].astype(np.float32))
        queries = np.ascontiguousarray(np.concatenate(parts, axis=2))
        search_similar(field.size, field.ground, Asked(rows, weights, queries), best)


class Complementary:
    """By the distance of a matching colour to a swatch, squared."""

    threads = cores()

    def search(self, field: Field, rows: Small, best: Best) -> None:
        matching = matching_colours(field.pieces, rows)
        turned = matching.astype(np.float32)
        queries = np.ascontiguousarray(np.concatenate([-2 * turned, _squares(turned)], axis=2))
        search_complementary(field.sizes, field.ground, Asked(rows, matching, queries), best)


def matching_colours(pieces: Pieces, rows: Small) -> Channels:
    """Return the matching colours (n, 13, 3) of some pieces."""
    dominant = pieces.palettes.colours[rows, pieces.palettes.dominant[rows]]
    return harmony.matching_colours(dominant).astype(np.int16)


def weights_of(field: Field, rows: Small) -> Floats:
    """Return how much each swatch (n, k) of some pieces counts."""
    return swatch_weights(field.ground.colours[rows], field.pieces.palettes.counts[rows], _TONES)


def _squares(colours: Singles) -> Singles:
    squares: Singles = (colours * colours).sum(axis=2, keepdims=True)
    return squares


def places_of(ground: Ground, kind: int) -> Small:
    """Return the pieces that a kind may have."""
    starts, spans = ground.ranges
    chosen = (ground.candidates.places[first:last] for first, last in spans[starts[kind] : starts[kind + 1]])
    return np.concatenate([np.empty(0, np.int32), *chosen])


def field_of(pieces: Pieces, rule: Rule, among: Mask, asked: Small) -> Field:
    """Lay out the candidates `among` the pieces, kind by kind, for the kinds of the pieces `asked`."""
    chosen = np.flatnonzero(among).astype(np.int32)
    of = rule.kinds.of[chosen]
    order = np.argsort(of, kind="stable")
    chosen = chosen[order]
    starts = np.searchsorted(of[order], np.arange(len(rule.kinds) + 1))
    ranges = blocks.ranges(rule, np.unique(rule.kinds.of[asked]), starts)
    colours = pieces.palettes.colours.astype(np.int16)
    ground = Ground(rule.kinds.of, ranges, _tiles(pieces, chosen), pieces.excluded, colours)
    return Field(pieces, rule, ground)


def _tiles(pieces: Pieces, chosen: Small) -> Candidates:
    count = -(-len(chosen) // LANES)
    places = np.resize(chosen, count * LANES) if count else chosen
    size = pieces.palettes.colours.shape[1]
    tiles = np.empty((count, size, 4, LANES), np.float32)
    for first in range(0, count, _CHUNK):  # for what it takes on the way is larger than what comes of it
        last = min(first + _CHUNK, count)
        colours = pieces.palettes.colours[places[first * LANES : last * LANES]].astype(np.float32)
        numbers = np.concatenate([colours, _squares(colours)], axis=2).reshape(last - first, LANES, size, 4)
        tiles[first:last] = numbers.transpose(0, 2, 3, 1)
    return Candidates(tiles, places, places.reshape(count, LANES).min(axis=1) if count else places)


def rank(method: Method, field: Field, rows: Small, best: Best) -> None:
    """Bring `best`, that of all pieces, up to what the field's candidates offer the pieces `rows`."""
    spanned = np.diff(field.ground.ranges.starts)[field.rule.kinds.of[rows]] > 0
    rows = rows[spanned]
    rows = rows[np.argsort(field.rule.kinds.of[rows], kind="stable")]

    def one(chunk: Small) -> None:
        found = Best(best.pieces[chunk], best.scores[chunk])
        method.search(field, chunk, found)
        best.pieces[chunk], best.scores[chunk] = found

    with ThreadPoolExecutor(method.threads) as pool:
        list(pool.map(one, np.split(rows, range(_CHUNK, len(rows), _CHUNK))))


def pair_count(field: Field, rows: Small) -> int:
    """Return how many pairs a search of `rows` looks at."""
    sizes = np.diff(field.ground.ranges.spans, axis=1)[:, 0]
    ends: Ints = np.concatenate([[0], np.cumsum(sizes)])[field.ground.ranges.starts]
    return int(np.diff(ends)[field.rule.kinds.of[rows]].sum())
