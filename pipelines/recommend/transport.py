"""Transport: what it costs at least to turn one palette into another, and quick bounds from below. Compiled.

Swatches are OKLab with shares that add up to 1; the cost is their Euclidean distance, by the share that is moved: the
earth mover's distance. A swatch without a share is not there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.compiled import compiled
from pipelines.recommend.kernels import Singles
from pipelines.recommend.scoring import Floats

_NOTHING = 1e-12  # of the share: what is left when all is moved
_STEPS = 1e9  # of a distance of 1: where distances are told apart

Marks = npt.NDArray[np.int64]


@compiled
def moved(one: Floats, other: Floats) -> float:
    """Return the earth mover's distance of two palettes (k, 4: OKLab and share), rounded to 1e-9.

    By cheapest paths, one after the other, each as wide as it can be: exact but for the last digits.
    """
    count = len(one)
    cost, flow = np.empty((count, count)), np.zeros((count, count))
    for i in range(count):
        for j in range(count):
            cost[i, j] = apart(one, i, other, j)
    left, wanted = one[:, 3].copy(), other[:, 3].copy()
    out, into = np.zeros(count), np.zeros(count)  # the potentials, which keep every price at 0 or above
    while left.max() > _NOTHING and wanted.max() > _NOTHING:
        _move_once(cost, flow, left, wanted, out, into)
    total = 0.0
    for i in range(count):
        for j in range(count):
            total += flow[i, j] * cost[i, j]
    return float(np.floor(total * _STEPS + 0.5) / _STEPS)


@compiled
def apart(one: Floats, i: int, other: Floats, j: int) -> float:
    """Return the distance of two swatches."""
    lightness, a, b = one[i, 0] - other[j, 0], one[i, 1] - other[j, 1], one[i, 2] - other[j, 2]
    return float(np.sqrt(lightness * lightness + a * a + b * b))


@compiled
def _move_once(cost: Floats, flow: Floats, left: Floats, wanted: Floats, out: Floats, into: Floats) -> None:
    """Move as much as fits along the cheapest path from a swatch that has something left to one that wants some."""
    count = len(left)
    far = np.full(2 * count, np.inf)  # the swatches of the one, then those of the other
    before, is_done = np.full(2 * count, -1), np.zeros(2 * count, np.bool_)
    for i in range(count):
        if left[i] > _NOTHING:
            far[i] = 0.0
    end = _reach(cost, flow, wanted, out, into, far, before, is_done)
    _reprice(out, into, far, far[end], is_done)
    width, at = wanted[end - count], end
    while before[at] >= 0:
        if at < count:  # this step takes back what was moved
            width = min(width, flow[at, before[at] - count])
        at = before[at]
    width = min(width, left[at])
    left[at] -= width
    wanted[end - count] -= width
    at = end
    while before[at] >= 0:
        if at >= count:
            flow[before[at], at - count] += width
        else:
            flow[at, before[at] - count] -= width
        at = before[at]


@compiled
def _reach(  # noqa: PLR0913, PLR0917
    cost: Floats,
    flow: Floats,
    wanted: Floats,
    out: Floats,
    into: Floats,
    far: Floats,
    before: Marks,
    is_done: Any,
) -> int:
    """Look for the nearest swatch that wants some; return it, with `far` and `before` filled in on the way."""
    count = len(wanted)
    while True:
        at, least = -1, np.inf
        for node in range(2 * count):
            if not is_done[node] and far[node] < least:
                at, least = node, far[node]
        is_done[at] = True
        if at >= count and wanted[at - count] > _NOTHING:
            return at
        for k in range(count):
            if at < count:
                step, node = far[at] + max(0.0, cost[at, k] + out[at] - into[k]), count + k
            elif flow[k, at - count] > _NOTHING:
                step, node = far[at] + max(0.0, into[at - count] - out[k] - cost[k, at - count]), k
            else:
                continue
            if step < far[node] and not is_done[node]:
                far[node], before[node] = step, at


@compiled
def _reprice(out: Floats, into: Floats, far: Floats, most: float, is_done: Any) -> None:
    count = len(out)
    for node in range(count):
        if is_done[node]:
            out[node] += far[node] - most
        if is_done[count + node]:
            into[node] += far[count + node] - most


@compiled
def bounds(asked: Singles, planes: Singles, begin: int, stop: int, found: Singles) -> None:
    """Write into `found`, for the candidates begin..stop, what the distance to the palette `asked` (k, 4) is at least.

    Each swatch goes at best to the nearest of the other palette, in both directions. `planes` (k, 4, n): OKLab and
    share of all candidates, so that several are reckoned at once.
    """
    count, width = len(asked), stop - begin
    there, back = np.zeros(width, np.float32), np.zeros(width, np.float32)
    nearest = np.full((count, width), np.float32(np.inf))
    for j in range(count):
        least = np.full(width, np.float32(np.inf))
        is_there = asked[j, 3] > 0
        for i in range(count):
            _measure(asked[j], planes[i, :, begin:stop], least, nearest[i], is_there)
        for c in range(width):
            there[c] += asked[j, 3] * np.sqrt(least[c]) if is_there else np.float32(0)
    for i in range(count):
        share = planes[i, 3, begin:stop]
        for c in range(width):
            back[c] += share[c] * np.sqrt(nearest[i, c]) if share[c] > 0 else np.float32(0)
    for c in range(width):
        found[c] = max(there[c], back[c])


@compiled
def _measure(swatch: Singles, theirs: Singles, least: Singles, nearest: Singles, is_there: bool) -> None:
    """Take the distances of a swatch to one swatch of each candidate into the least of either."""
    far = np.float32(np.inf)
    for c in range(len(least)):
        lightness, a, b = theirs[0, c] - swatch[0], theirs[1, c] - swatch[1], theirs[2, c] - swatch[2]
        square = lightness * lightness + a * a + b * b
        there = square if theirs[3, c] > 0 else far
        least[c] = min(least[c], there)
        nearest[c] = min(nearest[c], square if is_there else far)
