"""Pairs of alike pictures: the scan that finds them, and what of them is kept.

Pictures are known here by their position in the order of their ids, so that a lower number is a lower id.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.compiled import compiled
from pipelines.duplicates.distances import Floats, bit_count, layout_distance, palette_distance

_CHUNK = 512  # hashes compared before anything is asked of the answers: the processor takes several at once
_BLOCK = 1024  # pictures whose partners are held in memory at a time, beside what was found

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Limits(NamedTuple):
    """How far two pictures may be from each other in hash, palette and layout, and how many partners one brings."""

    hash: int
    palette: float
    layout: float
    partners: int


class Evidence(NamedTuple):
    """What is compared: `codes` (n,) hashes, `palettes` (n, k, 4): OKLab and share, `layouts` (n, cells, 3): OKLab."""

    codes: npt.NDArray[np.uint64]
    palettes: Floats
    layouts: npt.NDArray[np.float32]


class Pairs(NamedTuple):
    """Unordered pairs, `left` < `right`: how many bits differ, and distances in OKLab, rounded to 1e-6."""

    left: Ints
    right: Ints
    hash_distance: Ints
    palette_distance: Floats
    layout_distance: Floats

    def where(self, mask: Mask | Ints) -> Pairs:
        bits, palette, layout = self.hash_distance[mask], self.palette_distance[mask], self.layout_distance[mask]
        return Pairs(self.left[mask], self.right[mask], bits, palette, layout)


def updated(held: Pairs, evidence: Evidence, is_fresh: Mask, limits: Limits) -> Pairs:
    """Return all pairs of the pictures, given those `held` when the fresh ones came; an end that is gone is -1.

    Each picture brings its best partners, at most `limits.partners`: by how many of the limits hold, then by hash
    distance, palette distance and id. The answer depends on the pictures alone, not on what was held or fresh before.
    """
    is_fresh = is_fresh | _short(held, is_fresh, limits)
    kept = held.where(~_is_lost(held, is_fresh))
    everyone, is_met = np.arange(len(is_fresh)), np.zeros(len(is_fresh), np.bool_)
    mine = _found(evidence, everyone[is_fresh], everyone, is_met, limits)
    theirs = _found(evidence, everyone[is_met & ~is_fresh], everyone[is_fresh], is_met, limits)
    return _best(_distinct([kept, mine, theirs], len(is_fresh)), limits)


def _is_lost(pairs: Pairs, is_fresh: Mask) -> Mask:
    is_out = np.append(is_fresh, True)  # the last, at -1, stands for ends that are gone
    return np.asarray(is_out[pairs.left] | is_out[pairs.right])


def _short(held: Pairs, is_fresh: Mask, limits: Limits) -> Mask:
    """Return who loses a partner and had as many as it may: the next best of such a picture is not held."""
    is_lost = _is_lost(held, is_fresh)
    ends, lost = (np.concatenate([pairs.left, pairs.right]) for pairs in (held, held.where(is_lost)))
    degree, loses = (np.bincount(each[each >= 0], minlength=len(is_fresh)) for each in (ends, lost))
    return np.asarray((degree >= limits.partners) & (loses > 0))


def _found(evidence: Evidence, rows: Ints, columns: Ints, is_met: Mask, limits: Limits) -> Pairs:
    """Return the best partners among `columns` of each of `rows`, as unordered pairs; note which columns are met."""
    codes = evidence.codes[columns]
    parts = [
        scan(rows[first : first + _BLOCK], columns, codes, evidence, limits, is_met)
        for first in range(0, len(rows), _BLOCK)
    ]
    ends = np.concatenate([np.empty((0, 3), np.int64), *(part[0] for part in parts)])
    apart = np.concatenate([np.empty((0, 3)), *(part[1] for part in parts)])
    return Pairs(ends[:, :2].min(axis=1), ends[:, :2].max(axis=1), ends[:, 2], apart[:, 0], apart[:, 1])


@compiled
def scan(
    rows: Ints, columns: Ints, codes: npt.NDArray[np.uint64], evidence: Evidence, limits: Limits, is_met: Mask
) -> tuple[Ints, Floats]:
    """Return the best columns (whose hashes are `codes`) of each row; memory is rows x partners.

    (n, 3) whole numbers: row, column, bits that differ; (n, 3): palette distance, layout distance, rank.
    """
    room = len(rows) * min(limits.partners, len(columns))
    ends, apart = np.empty((room, 3), np.int64), np.empty((room, 3))
    stop = 0
    for i in rows:
        start, code = stop, evidence.codes[i]
        for first in range(0, len(columns), _CHUNK):
            last = min(first + _CHUNK, len(columns))
            if not _hits(codes, first, last, code, limits.hash):
                continue
            for c in range(first, last):
                bits, j = bit_count(codes[c] ^ code), columns[c]
                if bits > limits.hash or j == i:
                    continue
                is_met[j] = True
                # Of equals the lower id, which came first, stays; in a crowd most are out before all is reckoned.
                worst = apart[stop - 1, 2] if stop - start == limits.partners else np.inf
                if ranked(bits, 0.0, 0.0, limits) >= worst:
                    continue
                colour = palette_distance(evidence.palettes[i], evidence.palettes[j])
                if ranked(bits, colour, 0.0, limits) >= worst:
                    continue
                layout = layout_distance(evidence.layouts[i], evidence.layouts[j])
                rank = ranked(bits, colour, layout, limits)
                if rank >= worst:
                    continue
                stop = min(stop + 1, start + limits.partners)
                at = _make_room(ends, apart, start, stop, rank)
                ends[at, 0], ends[at, 1], ends[at, 2] = i, j, bits
                apart[at, 0], apart[at, 1], apart[at, 2] = colour, layout, rank
    return ends[:stop].copy(), apart[:stop].copy()


@compiled
def _make_room(ends: Ints, apart: Floats, start: int, stop: int, rank: float) -> int:
    """Move what ranks behind `rank` one place back, over the last; return the place that is free."""
    at = stop - 1
    while at > start and apart[at - 1, 2] > rank:
        ends[at] = ends[at - 1]
        apart[at] = apart[at - 1]
        at -= 1
    return at


@compiled
def _hits(codes: npt.NDArray[np.uint64], first: int, last: int, code: np.uint64, limit: int) -> int:
    hits = 0
    for c in range(first, last):
        hits += int(bit_count(codes[c] ^ code) <= limit)
    return hits


@compiled
def ranked(bits: Any, colour: Any, layout: Any, limits: Limits) -> Any:
    """Return how late a pair comes, or how late many do: by the limits it exceeds, then by bits, then by colour."""
    exceeded = 1.0 * (colour > limits.palette) + 1.0 * (layout > limits.layout)
    return 1000.0 * exceeded + 10.0 * bits + colour  # 64 bits at most, and less than 2 in colour


def _distinct(parts: list[Pairs], count: int) -> Pairs:
    together = Pairs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    return together.where(np.unique(together.left * count + together.right, return_index=True)[1])


def _best(pairs: Pairs, limits: Limits) -> Pairs:
    """Keep the pairs that are among the best of one of their ends."""
    ends, others = np.concatenate([pairs.left, pairs.right]), np.concatenate([pairs.right, pairs.left])
    if not len(ends) or np.bincount(ends).max() <= limits.partners:
        return pairs
    worth = np.tile(ranked(*pairs[2:], limits), 2)
    order = np.lexsort((others, worth, ends))
    place = np.arange(len(ends)) - np.searchsorted(ends[order], ends[order])
    is_best = np.empty(len(ends), np.bool_)
    is_best[order] = place < limits.partners
    return pairs.where(is_best[: len(pairs.left)] | is_best[len(pairs.left) :])
