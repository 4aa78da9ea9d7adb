"""Clusters: weighted k-means in OKLab from several starts, of which the best few go on.

Sums are of whole numbers (a picture weighs 2³⁰), so that they are equal on every processor however it adds them up.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.compiled import compiled
from pipelines.palette.color import Floats, all_to_oklab
from pipelines.palette.kernel import F32, I32, I64, UNIT, Colours, Whole
from pipelines.palette.seeds import STARTS, seed, serve

KEPT = 3
# Steps of Lloyd's: each start, and once more where there is hope; each that is kept; the one that is chosen. Literals
# would be types of their own, and the loop compiled for each of them.
_FIRST_STEPS, _NEXT_STEPS, _MORE_STEPS, _LAST_STEPS = I64(1), I64(1), I64(2), I64(3)
_HOPELESS = 1.25
_AS_GOOD = 1.02  # of the least squared error: among these, the least mean distance is chosen
_SETTLED = 1e-7  # of squared distance that the centres still move together

_Row = npt.NDArray[np.float32]
_Numbers = npt.NDArray[np.int32]
_Sums = npt.NDArray[np.int64]


@compiled
def clustered(colours: Colours, mass: _Row, size: int) -> tuple[Floats, Floats, float]:
    """Return the colours of `size` clusters (size, 3) in OKLab, the share of each (size,), and the root mean square.

    `colours` (3, n) in sRGB and `mass` (n,), n a multiple of LANES; `colours` are left in OKLab around their mean.
    """
    all_to_oklab(colours)
    origin = np.empty(3, np.float32)
    for axis in range(3):
        origin[axis] = colours[axis, 0]
    masses = _whole(colours, mass)
    for axis in range(3):
        origin[axis] -= colours[axis, 0]
    work, nearest = np.empty(len(mass), np.float32), np.empty(len(mass), np.int32)
    sums = np.empty((size + 1, 4), np.int64)
    for column in range(4):
        sums[size, column] = _total(masses[column])
    kept, gains = _started(colours, masses, size, work, nearest, sums)
    best = _finest(colours, masses, kept, gains, work, nearest, sums)
    _improve(colours, masses, kept[best], _LAST_STEPS, work, nearest, sums)
    return _settled(colours, mass, nearest, kept[best], origin)


@compiled
def _finest(
    points: Colours,
    masses: Whole,
    kept: npt.NDArray[np.float32],
    gains: Floats,
    work: _Row,
    nearest: _Numbers,
    sums: _Sums,
) -> int:
    """Improve the best starts; return which of those about as good as the best has the least mean distance."""
    best, least, low = 0, np.inf, np.inf
    for place in range(KEPT):
        if gains[place] >= 0:
            gain = _improve(points, masses, kept[place], _MORE_STEPS, work, nearest, sums)
            gains[place] = _total(masses[4]) - gain
            least = min(least, gains[place])
        else:
            gains[place] = np.inf
    for place in range(KEPT):
        if gains[place] <= _AS_GOOD * least + 1:
            distance = _mean_distance(points, masses[0], kept[place], work, nearest)
            if distance < low:
                best, low = place, distance
    return best


@compiled
def _whole(points: Colours, mass: _Row) -> Whole:
    """Return (5, n) whole numbers: mass, mass · L, a, b, and mass · squared length; centre the points on the way."""
    total = 0.0
    for i in range(len(mass)):
        total += mass[i]
    masses = np.empty((5, len(mass)), np.int32)
    shares, squares, scale = masses[0], masses[4], F32(UNIT / total)
    for i in range(len(mass)):
        shares[i] = I32(mass[i] * scale)
    for axis in range(3):
        values, product = points[axis], masses[1 + axis]
        mean = F32(_times(shares, values, product) / UNIT)
        for i in range(len(mass)):
            values[i] -= mean
        _times(shares, values, product)
    x, y, z = points[0], points[1], points[2]
    for i in range(len(mass)):
        squares[i] = I32(F32(shares[i]) * (x[i] * x[i] + y[i] * y[i] + z[i] * z[i]))
    return masses


@compiled
def _times(mass: _Numbers, values: _Row, product: _Numbers) -> int:
    """Write mass · value; return the sum."""
    for i in range(len(mass)):
        product[i] = I32(F32(mass[i]) * values[i])
    return _total(product)


@compiled
def _total(row: _Numbers) -> int:
    total = I32(0)
    for i in range(len(row)):
        total = I32(total + row[i])
    return int(total)


@compiled
def _started(
    points: Colours, masses: Whole, size: int, work: _Row, nearest: _Numbers, sums: _Sums
) -> tuple[npt.NDArray[np.float32], Floats]:
    """Return the best of the starts (KEPT, size, 3) after a few steps, and how much each explains, -1 for none."""
    kept, gains = np.empty((KEPT, size, 3), np.float32), np.empty(KEPT, np.float64)
    for place in range(KEPT):
        gains[place] = -1.0
    centres, cost = np.empty((size, 3), np.float32), nearest
    best, whole = -1.0, _total(masses[4])
    for start in range(STARTS):
        seed(points, masses[0], start, centres, work, cost)
        gain = _improve(points, masses, centres, _FIRST_STEPS, work, nearest, sums)
        if start and whole - gain > _HOPELESS * (whole - best):
            continue
        gain = _improve(points, masses, centres, _NEXT_STEPS, work, nearest, sums)
        best = max(best, gain)
        worst, is_new = 0, True
        for place in range(KEPT):
            is_new &= abs(gains[place] - gain) > 1e-5 * gain
            if gains[place] < gains[worst]:
                worst = place
        if (is_new and gain > gains[worst]) or start == 0:
            gains[worst] = gain
            for k in range(size):
                for axis in range(3):
                    kept[worst, k, axis] = centres[k, axis]
    return kept, gains


@compiled
def _improve(
    points: Colours,
    masses: Whole,
    centres: Colours,
    steps: np.int64,
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
def _choose(points: Colours, centres: Colours, score: _Row, nearest: _Numbers) -> None:
    """Find the centre nearest to each bin, the first of equals: where 2 · bin · centre - centre² is greatest."""
    x, y, z = points[0], points[1], points[2]
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
def _gather(masses: Whole, nearest: _Numbers, sums: _Sums) -> None:
    """Add up, for each centre, the mass, and mass · colour, of what is nearest to it.

    `sums` (k + 1, 4) holds those of the whole picture in its last row; the last centre has what the others leave.
    """
    mass, x, y, z = masses[0], masses[1], masses[2], masses[3]
    none, last = I32(0), len(sums) - 2
    for column in range(4):
        sums[last, column] = sums[last + 1, column]
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
def _mean_distance(points: Colours, mass: _Numbers, centres: Colours, near: _Row, cost: _Numbers) -> int:
    """Return the mean distance of bins to the nearest centre, times UNIT."""
    for k in range(len(centres)):
        serve(points, mass, centres, k, near, cost)
    for i in range(len(mass)):
        near[i] = np.sqrt(near[i])
    return _times(mass, near, cost)


@compiled
def _settled(lab: Colours, mass: _Row, nearest: Whole, centres: Colours, origin: _Row) -> tuple[Floats, Floats, float]:
    """Return the means of what belongs to each centre and its share, with all the digits there are, and the error."""
    sums, total, squares = np.zeros((len(centres), 4), np.float64), 0.0, 0.0
    for i in range(len(mass)):
        heavy, k = np.float64(mass[i]), nearest[i]
        total += heavy
        sums[k, 3] += heavy
        for axis in range(3):
            part = heavy * lab[axis, i]
            sums[k, axis] += part
            squares += part * lab[axis, i]
    found, share = np.empty((len(centres), 3), np.float64), np.empty(len(centres), np.float64)
    for k in range(len(centres)):
        share[k] = sums[k, 3] / total
        for axis in range(3):
            mean = sums[k, axis] / sums[k, 3] if sums[k, 3] > 0 else np.float64(centres[k, axis])
            squares -= mean * sums[k, axis]
            found[k, axis] = mean + origin[axis]
    return found, share, np.sqrt(max(squares, 0.0) / total)
