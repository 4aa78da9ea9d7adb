"""The same search on a GPU, or on any device torch knows: blocked algebra, equal to the last digit.

Squared distances are products of small matrices of whole numbers below 2^24, which float32 holds exactly in any order
of summing (as long as products are not rounded to TF32, which torch does only when told to); what is summed is summed
in float64, step by step, in the order of the ranks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from pipelines.recommend import ranking
from pipelines.recommend.kernels import KEPT, Best, Ints, Singles
from pipelines.recommend.ranking import Field
from pipelines.recommend.scoring import Small

_NUMBERS = 1 << 26  # squared distances held of a block at a time
_SQUARES = 3 * 255**2 + 1  # squared distances there are


class Similar(ranking.Similar):
    """By the distances of a piece's swatches to their nearest."""

    threads = 1  # its memory is one, and a block fills it

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)
        self.roots = torch.from_numpy(np.sqrt(np.arange(_SQUARES, dtype=np.float64))).to(self.device)

    def search(self, field: Field, rows: Small, best: Best) -> None:
        for asking, places in _blocks(field, rows, len(field.size)):
            chosen = rows[asking]
            weights = torch.from_numpy(ranking.weights_of(field, chosen)).to(self.device)
            squares = _squares(self.device, field.ground.colours[chosen], field.ground.colours[places])
            total = torch.zeros(len(chosen), len(places), dtype=torch.float64, device=self.device)
            for j in range(squares.shape[1]):  # in the order of the ranks, rounded at each step
                total += weights[:, j, None] * self._root(squares[:, j])
            _take(field, chosen, asking, places, total, best)

    def _root(self, squares: torch.Tensor) -> torch.Tensor:
        """Return the square roots of whole numbers, looked up: not every torch rounds the last digit right."""
        looked_up = torch.index_select(self.roots, 0, squares.reshape(-1).to(torch.int32))
        return looked_up.reshape(squares.shape)


class Complementary(ranking.Complementary):
    """By the distance of a matching colour to a swatch, squared."""

    threads = 1  # its memory is one, and a block fills it

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def search(self, field: Field, rows: Small, best: Best) -> None:
        for asking, places in _blocks(field, rows, len(field.sizes[1])):
            chosen = rows[asking]
            matching = ranking.matching_colours(field.pieces, chosen)
            squares = _squares(self.device, matching, field.ground.colours[places])
            _take(field, chosen, asking, places, squares.amin(dim=1).double(), best)


def _blocks(field: Field, rows: Small, colour_count: int) -> Iterator[tuple[Ints, Small]]:
    """Yield rows that ask, of one kind and as many as fit, and the pieces they may have, in the order of their ids."""
    of = field.rule.kinds.of[rows]
    for kind in np.unique(of).tolist():
        places, asking = np.sort(ranking.places_of(field.ground, kind)), np.flatnonzero(of == kind)
        width = min(len(places), _NUMBERS // colour_count)
        many = max(1, _NUMBERS // (max(1, width) * colour_count))
        for first in range(0, len(asking), many):
            for start in range(0, len(places), max(1, width)):
                yield asking[first : first + many], places[start : start + width]


def _squares(device: torch.device, asked: Any, theirs: Any) -> torch.Tensor:
    """Return the squared distance (n, m, p) of each of the colours (n, m, 3) to the nearest swatch of (p, k, 3)."""
    queries = _with_squares(device, asked.reshape(-1, 3))
    products = torch.cat([-2 * queries[:, :3], torch.ones_like(queries[:, :1])], dim=1)
    nearest = products @ _with_squares(device, theirs[:, 0]).T
    for i in range(1, theirs.shape[1]):
        torch.minimum(nearest, products @ _with_squares(device, theirs[:, i]).T, out=nearest)
    found = nearest.add_(queries[:, 3:])
    return found.reshape(len(asked), -1, len(theirs))


def _with_squares(device: torch.device, colours: Any) -> torch.Tensor:
    numbers: Singles = colours.astype(np.float32)
    squares = (numbers * numbers).sum(axis=1, keepdims=True)
    return torch.from_numpy(np.concatenate([numbers, squares], axis=1)).to(device)


def _take(field: Field, chosen: Small, asking: Ints, places: Small, scores: torch.Tensor, best: Best) -> None:
    """Bring the best of the rows asking, which are the pieces `chosen`, up to what the pieces at `places` score."""
    if not len(places):
        return
    row, at = _never(field, chosen, places)
    scores[torch.from_numpy(row).to(scores.device), torch.from_numpy(at).to(scores.device)] = torch.inf
    last = torch.topk(scores, min(KEPT, scores.shape[1]), dim=1, largest=False).values[:, -1:]
    near = (scores <= last) & torch.isfinite(scores)  # of those as far as the last, all: the lowest ids are kept
    rows, columns = (each.cpu().numpy() for each in torch.nonzero(near, as_tuple=True))
    found = scores[near].cpu().numpy()
    _merge(best, asking, rows, places[columns], found)


def _never(field: Field, chosen: Small, places: Small) -> tuple[Ints, Ints]:
    """Return the pairs (row, column) of pieces that are not to stand beside each other."""
    starts, excluded = field.ground.excluded
    counts = starts[chosen + 1] - starts[chosen]
    others = [excluded[starts[piece] : starts[piece + 1]] for piece in chosen]
    row = np.concatenate([np.arange(len(chosen)), np.repeat(np.arange(len(chosen)), counts)])
    whom = np.concatenate([chosen, *others])
    at = np.minimum(np.searchsorted(places, whom), len(places) - 1)
    is_there = places[at] == whom
    return row[is_there], at[is_there]


def _merge(best: Best, asking: Ints, rows: Ints, pieces: Small, scores: Any) -> None:
    """Keep the best of what is held and what was found."""
    held_row, held_at = np.nonzero(best.pieces[asking] >= 0)
    row = np.concatenate([held_row, rows])
    piece = np.concatenate([best.pieces[asking][held_row, held_at], pieces])
    score = np.concatenate([best.scores[asking][held_row, held_at], scores])
    order = np.lexsort((piece, score, row))
    row, piece, score = row[order], piece[order], score[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    is_kept = rank < KEPT
    best.pieces[asking[row[is_kept]], rank[is_kept]] = piece[is_kept]
    best.scores[asking[row[is_kept]], rank[is_kept]] = score[is_kept]
