"""Quantisation: the k colours that stand for an image's pixels with the least error in OKLab.

Pixels are gathered in a histogram, its bins turned into OKLab and clustered from fixed starts, so that an image has
one palette for ever: on every processor, whatever other images there are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.palette.clusters import clustered
from pipelines.palette.color import Floats
from pipelines.palette.histogram import Scratch, binned


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
    rows, loads = np.ascontiguousarray(pixels).reshape(-1, 3), np.ascontiguousarray(weights).reshape(-1)
    try:
        colours, mass = binned(rows, loads, _scratch.table)
    except MemoryError:
        _scratch.clear()
        raise
    if not mass.size:
        raise ValueError("no pixel has any weight")
    return Quantized(*clustered(colours, mass[0], size))
