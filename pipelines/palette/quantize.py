"""Quantisation: the k colours that stand for an image's pixels with the least error in OKLab.

Pixels are gathered in a histogram, its bins turned into OKLab and clustered from fixed starts, so that an image has
one palette for ever: on every processor, whatever other images there are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.compiled import compiled
from pipelines.palette.clusters import clustered
from pipelines.palette.color import Floats, all_to_oklab
from pipelines.palette.histogram import Scratch, Table, binned
from pipelines.palette.kernel import Colours, Whole


class Quantized(NamedTuple):
    """`lab` (k, 3) colours, `share` (k,) of the weight nearest to each, `error`: root mean squared OKLab distance."""

    lab: Floats
    share: Floats
    error: float


_scratch = Scratch()


def quantize(pixels: npt.NDArray[np.uint8], weights: npt.NDArray[np.float32], size: int) -> Quantized:
    """Return `size` colours for `pixels` (h, w, 3) sRGB, each counted with its weight (h, w) ≥ 0.

    An image of fewer distinct colours has some of them twice, the copies with share 0. Raises ValueError when
    no pixel has weight.
    """
    try:
        found = _quantize(pixels, weights, size, _scratch.table)
    except MemoryError:
        _scratch.clear()
        raise
    if found[2] < 0:
        raise ValueError("no pixel has any weight")
    return Quantized(*found)


@compiled
def _quantize(
    pixels: npt.NDArray[np.uint8], weights: npt.NDArray[np.float32], size: int, table: Table
) -> tuple[Floats, Floats, float]:
    """Return colours, shares and error; an error of -1 where there is nothing."""
    rows = np.ascontiguousarray(pixels).reshape(-1, 3)
    lab, mass = binned(rows, np.ascontiguousarray(weights).reshape(-1), table)
    if lab.shape[1] == 0:
        return np.zeros((size, 3)), np.zeros(size), -1.0
    all_to_oklab(lab)
    before = lab[:, 0].copy()
    centres, nearest = clustered(lab, mass[0], size)
    return _settled(lab, mass[0], nearest, centres, before - lab[:, 0])


@compiled
def _settled(
    lab: Colours, mass: npt.NDArray[np.float32], nearest: Whole, centres: Colours, origin: npt.NDArray[np.float32]
) -> tuple[Floats, Floats, float]:
    """Return the means of what belongs to each centre and its share, with all the digits there are, and the error."""
    sums, total, squares = np.zeros((len(centres), 4)), 0.0, 0.0
    for i in range(len(mass)):
        heavy, k = np.float64(mass[i]), nearest[i]
        total += heavy
        sums[k, 3] += heavy
        for axis in range(3):
            part = heavy * lab[axis, i]
            sums[k, axis] += part
            squares += part * lab[axis, i]
    found = np.empty((len(centres), 3))
    for k in range(len(centres)):
        for axis in range(3):
            mean = sums[k, axis] / sums[k, 3] if sums[k, 3] > 0 else np.float64(centres[k, axis])
            squares -= mean * sums[k, axis]
            found[k, axis] = mean + origin[axis]
    return found, sums[:, 3] / total, np.sqrt(max(squares, 0.0) / total)
