"""Seeds: the centres that clusters start from, chosen one after the other among a picture's bins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.compiled import compiled
from pipelines.palette.kernel import F32, I32, LANES, UNIT, Colours

STARTS = 8
_DRAWS = np.random.default_rng(5).random((STARTS, 16)).astype(np.float32)  # one sequence for every image

_Row = npt.NDArray[np.float32]
_Numbers = npt.NDArray[np.int32]


@compiled
def seed(points: Colours, mass: _Numbers, start: int, centres: Colours, near: _Row, cost: _Numbers) -> None:
    """Choose centres one after the other: in the first start the worst-served bin, else one drawn by its cost."""
    chosen = _largest(mass) if start < 2 else _drawn(mass, I32(F32(UNIT - 4096) * _DRAWS[start, 0]))
    total = I32(0)
    for k in range(len(centres)):
        if k:
            draw = _DRAWS[start, k % 16]
            chosen = _largest(cost) if start == 0 else _drawn(cost, I32(F32(total) * draw))
        for axis in range(3):
            centres[k, axis] = points[axis, chosen]
        total = serve(points, mass, centres, k, near, cost)


@compiled
def serve(points: Colours, mass: _Numbers, centres: Colours, k: int, near: _Row, cost: _Numbers) -> np.int32:
    """Bring the squared distance to the nearest centre, and the cost, up to date with one more; return the sum."""
    x, y, z = points[0], points[1], points[2]
    a, b, c = centres[k, 0], centres[k, 1], centres[k, 2]
    total = I32(0)
    if k == 0:
        for i in range(len(near)):
            near[i] = F32(1e9)
    for i in range(len(x)):
        p, q, r = x[i] - a, y[i] - b, z[i] - c
        near[i] = min(near[i], p * p + q * q + r * r)
        cost[i] = I32(F32(mass[i]) * near[i] * F32(0.5))  # of distances up to √2, so that sums stay whole
        total = I32(total + cost[i])
    return total


@compiled
def _largest(values: _Numbers) -> int:
    """Return the place of the first of the largest."""
    top = I32(-1)
    for i in range(len(values)):
        top = max(top, values[i])
    for i in range(len(values)):
        if values[i] == top:
            return i
    return 0


@compiled
def _drawn(values: _Numbers, want: np.int32) -> int:
    """Return the place at which the running sum exceeds `want`."""
    for first in range(0, len(values), LANES):
        part = I32(0)
        for i in range(LANES):
            part = I32(part + values[first + i])
        if want < part:
            for i in range(first, first + LANES):
                want = I32(want - values[i])
                if want < 0:
                    return i
        want = I32(want - part)
    return 0
