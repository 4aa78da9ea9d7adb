"""Perceptual: by what it costs to turn one palette into another, in OKLab. Exact, and slower than by swatches in RGB.

Of every candidate a bound is reckoned, many at once; those are looked at in the order of their bounds, until these
leave the next behind the tenth.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.compiled import compiled
from pipelines.executor import cores
from pipelines.palette.color import to_oklab
from pipelines.recommend.kernels import KEPT, Best, Ground, Ints, Singles, belongs, enter, is_excluded
from pipelines.recommend.pieces import Palettes, Pieces
from pipelines.recommend.ranking import Field, places_of
from pipelines.recommend.scoring import Floats, Small
from pipelines.recommend.transport import bounds, moved

_SLACK = 2e-6  # more than a bound in float32 is off
_WIDTH = 512  # candidates whose bounds are reckoned at once


class Perceptual:
    """By the earth mover's distance of palettes, rounded to 1e-9."""

    threads = cores()

    def __init__(self, pieces: Pieces) -> None:
        self.palettes = palettes_of(pieces.palettes)

    def search(self, field: Field, rows: Small, best: Best) -> None:
        chosen = np.unique(field.rule.kinds.of[rows])
        for kind in chosen.tolist():
            places = places_of(field.ground, kind)
            planes = np.ascontiguousarray(self.palettes[places].transpose(1, 2, 0), np.float32)
            asking = np.flatnonzero(field.rule.kinds.of[rows] == kind)
            _search(asking, rows, places, planes, self.palettes, field.ground, best)


def palettes_of(seen: Palettes) -> Floats:
    """Return (n, k, 4): OKLab and share, which add up to 1, of each swatch."""
    found = np.empty((*seen.shares.shape, 4))
    _convert(seen.colours, found)
    found[:, :, 3] = seen.shares / seen.shares.sum(axis=1, keepdims=True, dtype=np.float64)
    return found


@compiled
def _convert(colours: npt.NDArray[np.uint8], found: Floats) -> None:
    for piece in range(colours.shape[0]):
        for i in range(colours.shape[1]):
            red, green, blue = colours[piece, i]
            found[piece, i, 0], found[piece, i, 1], found[piece, i, 2] = to_oklab(red, green, blue)


@compiled
def _search(
    asking: Ints, rows: Small, places: Small, planes: Singles, palettes: Floats, ground: Ground, best: Best
) -> None:
    """Bring the best of the rows that ask up to what the pieces at `places` offer; `planes` are their palettes."""
    least = np.empty(len(places), np.float32)
    for row in asking:
        piece = rows[row]
        query = palettes[piece].astype(np.float32)
        for begin in range(0, len(places), _WIDTH):
            stop = min(begin + _WIDTH, len(places))
            bounds(query, planes, begin, stop, least[begin:stop])
        for at in _in_order(least, best, row):
            if best.pieces[row, KEPT - 1] >= 0 and least[at] > best.scores[row, KEPT - 1] + _SLACK:
                break
            if is_excluded(ground.excluded, piece, places[at]):
                continue
            score = moved(palettes[piece], palettes[places[at]])
            if belongs(best, row, score, places[at]):
                enter(best, row, score, places[at])


@compiled
def _in_order(least: Singles, best: Best, row: int) -> Ints:
    """Return who may belong, the lowest bound first."""
    if best.pieces[row, KEPT - 1] < 0:
        return np.argsort(least)
    near = np.flatnonzero(least <= best.scores[row, KEPT - 1] + _SLACK)
    return near[np.argsort(least[near])]
