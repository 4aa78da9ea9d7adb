"""Clusters: weighted k-means in OKLab from several starts, of which the best few go on.

Sums are of whole numbers (a picture weighs 2³⁰), so that they are equal on every processor however it adds them up.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.compiled import compiled
from pipelines.palette.color import Floats
from pipelines.palette.kernel import F32, I32, LANES, UNIT, Colours, Whole

STARTS, KEPT = 8, 3
_STEPS, _MORE_STEPS, _LAST_STEPS = 2, 2, 3  # of Lloyd's: each start; each that is kept; the one that is chosen
_HOPELESS = 1.25
_AS_GOOD = 1.02  # of the least squared error: among these, the least mean distance is chosen
_SETTLED = 1e-7  # of squared distance that the centres still move together
_DRAWS = np.random.default_rng(5).random((STARTS, 16)).astype(np.float32)  # one sequence for every image

_Row = npt.NDArray[np.float32]
_Numbers = npt.NDArray[np.int32]
Rows = tuple[_Row, _Row, _Row]
Wholes = tuple[_Numbers, _Numbers, _Numbers, _Numbers, _Numbers]
_Sums = npt.NDArray[np.int64]


@compiled
def clustered(lab: Colours, mass: _Row, size: int) -> tuple[Colours, Whole]:
    """Return `size` centres (size, 3) and which of them each bin belongs to.

    `lab` (3, n) and `mass` (n,), n a multiple of LANES; `lab` is moved so that its mean is the origin.
    """
    points = (lab[0], lab[1], lab[2])
    masses = _whole(points, mass)
    work = np.empty((2, lab.shape[1]), np.float32)
    nearest = np.empty(lab.shape[1], np.int32)
    sums = np.zeros((size + 1, 4), np.int64)
    for column in range(4):
        sums[size, column] = _total(masses[column])
    kept, gains = _started(points, masses, size, work, nearest, sums)
    best, least, low = 0, np.inf, np.inf
    errors = np.full(KEPT, np.inf)
    for place in range(KEPT):
        if gains[place] >= 0:
            gain = _improve(points, masses, kept[place], _MORE_STEPS, work[0], nearest, sums)
            errors[place] = _total(masses[4]) - gain
            least = min(least, errors[place])
    for place in range(KEPT):
        if errors[place] <= _AS_GOOD * least + 1:
            distance = _mean_distance(points, masses[0], kept[place], work)
            if distance < low:
                best, low = place, distance
    _improve(points, masses, kept[best], _LAST_STEPS, work[0], nearest, sums)
    return kept[best], nearest


@compiled
def _whole(points: Rows, mass: _Row) -> Wholes:
    """Return whole numbers: mass, mass · L, a, b, and mass · squared length; centre the points on the way."""
    total = 0.0
    for one in mass:
        total += one
    shares, squares = np.empty(len(mass), np.int32), np.zeros(len(mass), np.float32)
    scale = F32(UNIT / total)
    for i in range(len(mass)):
        shares[i] = I32(mass[i] * scale)
    products = np.empty((4, len(mass)), np.int32)
    for axis in range(3):
        values = points[axis]
        _shift(values, F32(_times(shares, values, products[axis]) / UNIT))
        _times(shares, values, products[axis])
        for i in range(len(mass)):
            squares[i] += values[i] * values[i]
    _times(shares, squares, products[3])
    return shares, products[0], products[1], products[2], products[3]


@compiled
def _shift(values: _Row, by: np.float32) -> None:
    for i in range(len(values)):
        values[i] -= by


@compiled
def _times(mass: _Numbers, values: _Row, product: _Numbers) -> int:
    """Write mass · value; return the sum."""
    total = I32(0)
    for i in range(len(mass)):
        product[i] = I32(F32(mass[i]) * values[i])
    for i in range(len(mass)):
        total = I32(total + product[i])
    return int(total)


@compiled
def _total(row: _Numbers) -> int:
    total = I32(0)
    for i in range(len(row)):
        total = I32(total + row[i])
    return int(total)


@compiled
def _started(
    points: Rows, masses: Wholes, size: int, work: Colours, nearest: _Numbers, sums: _Sums
) -> tuple[npt.NDArray[np.float32], Floats]:
    """Return the best of the starts (KEPT, size, 3) after a few steps, and how much each explains, -1 for none."""
    kept, gains = np.zeros((KEPT, size, 3), np.float32), np.full(KEPT, -1.0)
    centres, cost = np.empty((size, 3), np.float32), nearest
    best, whole = -1.0, _total(masses[4])
    for start in range(STARTS):
        _seed(points, masses[0], start, centres, work[0], cost)
        gain = _improve(points, masses, centres, 1, work[0], nearest, sums)
        if start and whole - gain > _HOPELESS * (whole - best):
            continue
        gain = _improve(points, masses, centres, _STEPS - 1, work[0], nearest, sums)
        best = max(best, gain)
        worst, is_new = 0, True
        for place in range(KEPT):
            is_new &= abs(gains[place] - gain) > 1e-5 * gain
            if gains[place] < gains[worst]:
                worst = place
        if (is_new and gain > gains[worst]) or start == 0:
            kept[worst], gains[worst] = centres, gain
    return kept, gains


@compiled
def _seed(points: Rows, mass: _Numbers, start: int, centres: Colours, near: _Row, cost: _Numbers) -> None:
    """Choose centres one after the other: in the first start the worst-served bin, else one drawn by its cost."""
    chosen = _largest(mass) if start < 2 else _drawn(mass, I32(F32(UNIT - 4096) * _DRAWS[start, 0]))
    near[:] = F32(1e9)
    total = I32(0)
    for k in range(len(centres)):
        if k:
            draw = _DRAWS[start, k % 16]
            chosen = _largest(cost) if start == 0 else _drawn(cost, I32(F32(total) * draw))
        for axis in range(3):
            centres[k, axis] = points[axis][chosen]
        total = _serve(points, mass, centres, k, near, cost)


@compiled
def _serve(points: Rows, mass: _Numbers, centres: Colours, k: int, near: _Row, cost: _Numbers) -> np.int32:
    """Bring the squared distance to the nearest centre, and the cost, up to date with one more; return the sum."""
    x, y, z = points
    a, b, c = centres[k, 0], centres[k, 1], centres[k, 2]
    total = I32(0)
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


@compiled
def _improve(
    points: Rows,
    masses: Wholes,
    centres: Colours,
    steps: int,
    score: _Row,
    nearest: _Numbers,
    sums: _Sums,
) -> float:
    """Move centres to the means of what is nearest to them, `steps` times; return how much they explain then."""
    gain = 0.0
    for _ in range(steps):
        _choose(points, centres, score, nearest)
        _gather(masses, nearest, sums)
        gain, moved = _move(centres, sums)
        if moved < _SETTLED:
            break
    return gain


@compiled
def _choose(points: Rows, centres: Colours, score: _Row, nearest: _Numbers) -> None:
    """Find the centre nearest to each bin, the first of equals: where 2 · bin · centre - centre² is greatest."""
    x, y, z = points
    for k in range(len(centres)):
        a, b, c, number = centres[k, 0], centres[k, 1], centres[k, 2], I32(k)
        length = a * a + b * b + c * c
        a, b, c = a + a, b + b, c + c
        if k == 0:
            for i in range(len(x)):
                score[i] = a * x[i] + b * y[i] + c * z[i] - length
                nearest[i] = number
            continue
        for i in range(len(x)):
            here, before, owner = a * x[i] + b * y[i] + c * z[i] - length, score[i], nearest[i]
            is_nearer = here > before
            score[i] = here if is_nearer else before
            nearest[i] = number if is_nearer else owner


@compiled
def _gather(masses: Wholes, nearest: _Numbers, sums: _Sums) -> None:
    """Add up, for each centre, the mass, and mass · colour, of what is nearest to it.

    `sums` (k + 1, 4) holds those of the whole picture in its last row; the last centre has what the others leave.
    """
    mass, x, y, z, _ = masses
    none, last = I32(0), len(sums) - 2
    sums[last] = sums[last + 1]
    for k in range(last):
        number, s, t, u, v = I32(k), none, none, none, none
        for i in range(len(mass)):
            is_here = nearest[i] == number
            s = I32(s + (mass[i] if is_here else none))
            t = I32(t + (x[i] if is_here else none))
            u = I32(u + (y[i] if is_here else none))
            v = I32(v + (z[i] if is_here else none))
        sums[k, 0], sums[k, 1], sums[k, 2], sums[k, 3] = s, t, u, v
        for column in range(4):
            sums[last, column] -= sums[k, column]


@compiled
def _move(centres: Colours, sums: _Sums) -> tuple[float, float]:
    """Put each centre on the mean of its bins; return how much they explain, and how far they moved, squared."""
    gain, moved = 0.0, 0.0
    for k in range(len(centres)):
        if sums[k, 0] > 0:
            scale = 1.0 / sums[k, 0]
            for axis in range(3):
                mean = sums[k, axis + 1] * scale
                gain += mean * sums[k, axis + 1]
                moved += (mean - centres[k, axis]) ** 2
                centres[k, axis] = F32(mean)
    return gain, moved


@compiled
def _mean_distance(points: Rows, mass: _Numbers, centres: Colours, work: Colours) -> int:
    """Return the mean distance of bins to the nearest centre, times UNIT."""
    near, distance = work[0], work[1]
    cost = np.empty(len(mass), np.int32)
    near[:] = F32(1e9)
    for k in range(len(centres)):
        _serve(points, mass, centres, k, near, cost)
    for i in range(len(mass)):
        distance[i] = np.sqrt(near[i])
    return _times(mass, distance, cost)
