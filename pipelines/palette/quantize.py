"""Quantisation: the k colours that stand for an image's pixels with the least error in OKLab.

Pixels are gathered in a histogram of 5 bits a channel whose bins keep their weighted mean colour (their
centres would cost 35 % in error), then clustered by weighted Lloyd iterations from fixed starts: one from
farthest points and the rest drawn from a constant seed, so that an image has one palette for ever.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from pipelines.palette.color import Floats, to_oklab

_STARTS, _ITERATIONS = 8, 40
_SETTLED = 1e-7  # of squared OKLab distance that the centres still move together


class Quantized(NamedTuple):
    """`lab` (k, 3) colours, `share` (k,) of the weight nearest to each, `error`: mean OKLab distance to them."""

    lab: Floats
    share: Floats
    error: float


def quantize(pixels: npt.NDArray[np.uint8], weights: npt.NDArray[np.float32], size: int) -> Quantized:
    """Return `size` colours for `pixels` (h, w, 3) sRGB, each counted with its weight (h, w) ≥ 0.

    An image of fewer distinct colours has some of them twice, the copies with share 0. Raises ValueError when
    no pixel has weight.
    """
    lab, mass = _histogram(pixels.reshape(-1, 3), weights.reshape(-1))
    if not len(mass):
        raise ValueError("no pixel has any weight")
    return Quantized(*_cluster(lab, mass / mass.sum(), size))


@njit(cache=True, nogil=True)
def _histogram(pixels: npt.NDArray[np.uint8], weights: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Return the OKLab mean and the weight of each occupied bin, in order of colour, not of place."""
    slot = np.full(32768, -1, np.int32)
    sums = np.zeros((min(len(pixels), 32768), 4))
    count = 0
    for i in range(len(pixels)):
        weight = weights[i]
        if weight <= 0:
            continue
        r, g, b = pixels[i, 0], pixels[i, 1], pixels[i, 2]
        code = (np.int64(r) >> 3 << 10) | (np.int64(g) >> 3 << 5) | (np.int64(b) >> 3)
        if slot[code] < 0:
            slot[code] = count
            count += 1
        bin_sums = sums[slot[code]]
        bin_sums[0] += weight * r
        bin_sums[1] += weight * g
        bin_sums[2] += weight * b
        bin_sums[3] += weight
    lab, mass, i = np.empty((count, 3)), np.empty(count), 0
    for place in slot:
        if place >= 0:
            red, green, blue, mass[i] = sums[place]
            lab[i] = to_oklab(red / mass[i], green / mass[i], blue / mass[i])
            i += 1
    return lab, mass


@njit(cache=True, nogil=True)
def _cluster(lab: Floats, mass: Floats, size: int) -> tuple[Floats, Floats, float]:
    """Return centres, shares and mean distance of the best of the starts."""
    np.random.seed(20_240)  # noqa: NPY002  # numba's own generator: one sequence for every image
    best, best_cost = np.empty((size, 3)), np.inf
    for start in range(_STARTS):
        centres = _seeded(lab, mass, size, start > 0)
        cost = _lloyd(lab, mass, centres)
        if cost < best_cost - 1e-12:
            best, best_cost = centres, cost
    share, error = np.zeros(size), 0.0
    for i in range(len(lab)):
        nearest, distance = _nearest(lab, i, best, size)
        share[nearest] += mass[i]
        error += mass[i] * np.sqrt(distance)
    return best, share, error


@njit(cache=True, nogil=True)
def _seeded(lab: Floats, mass: Floats, size: int, is_drawn: bool) -> Floats:
    """Choose starting centres one after the other: the worst-served bin, or one drawn in proportion to its cost."""
    centres = np.empty((size, 3))
    centres[0] = lab[np.argmax(mass)]
    cost = np.empty(len(lab))
    for k in range(1, size):
        for i in range(len(lab)):
            cost[i] = mass[i] * _nearest(lab, i, centres, k)[1]
        chosen = np.argmax(cost)
        if is_drawn and cost.sum() > 0:
            drawn = np.searchsorted(np.cumsum(cost), np.random.random() * cost.sum())  # noqa: NPY002  # numba's own
            chosen = np.minimum(drawn, len(lab) - 1)
        centres[k] = lab[chosen]
    return centres


@njit(cache=True, nogil=True)
def _lloyd(lab: Floats, mass: Floats, centres: Floats) -> float:
    """Move `centres` to the means of what is nearest to them until they settle; return the squared error."""
    size = len(centres)
    sums = np.empty((size, 4))
    cost = 0.0
    for _ in range(_ITERATIONS):
        sums[:] = 0.0
        cost = 0.0
        for i in range(len(lab)):
            nearest, distance = _nearest(lab, i, centres, size)
            cost += mass[i] * distance
            for channel in range(3):
                sums[nearest, channel] += mass[i] * lab[i, channel]
            sums[nearest, 3] += mass[i]
        if _move(centres, sums) < _SETTLED:
            break
    return cost


@njit(cache=True, nogil=True)
def _move(centres: Floats, sums: Floats) -> float:
    """Put each centre on the mean of its bins; return how far they moved, squared."""
    moved = 0.0
    for k in range(len(centres)):
        if sums[k, 3] > 0:
            for channel in range(3):
                mean = sums[k, channel] / sums[k, 3]
                moved += (mean - centres[k, channel]) ** 2
                centres[k, channel] = mean
    return moved


@njit(cache=True, nogil=True)
def _nearest(lab: Floats, i: int, centres: Floats, size: int) -> tuple[int, float]:
    """Return which of the first `size` centres is nearest to bin `i` (the first of equals), and how far, squared."""
    nearest, least = 0, np.inf
    for k in range(size):
        dl, da, db = lab[i, 0] - centres[k, 0], lab[i, 1] - centres[k, 1], lab[i, 2] - centres[k, 2]
        distance = dl * dl + da * da + db * db
        if distance < least:
            nearest, least = k, distance
    return nearest, least
