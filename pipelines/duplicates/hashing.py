"""How a picture looks, in few bytes: its perceptual hash, and the mean colours of 8x8 cells.

The hash says of each of 64 low frequencies of the grey values whether it is above their median. Every number on the
way is a whole one that a float64 holds exactly, so that no order of summing and no processor changes a bit: area
means are exact sums, rounded once, as the cosines are. The bits are those of the well-known pHash (the DCT of 32x32
grey values), but for the filter of the reduction.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.compiled import compiled

_SIDE, _LOW = 32, 8  # of the reduced picture, and of the corner of low frequencies that becomes the hash
LAYOUT = 8  # cells across and down
_SPAN = _SIDE // LAYOUT
_UNIT = 1 << 14  # what a cosine of 1 is: sums stay below 2^53
_STEPS = 64  # of grey in one level of 0..255

Pixels = npt.NDArray[np.uint8]
Wholes = npt.NDArray[np.float64]  # whole numbers

_COSINES: Wholes = np.array(
    [[round(_UNIT * math.cos((2 * x + 1) * k * math.pi / (2 * _SIDE))) for x in range(_SIDE)] for k in range(_LOW)],
    np.float64,
)
_PARTS = np.where(np.arange(_LOW) == 0, 1, 2) / _SIDE
_TO_VARIANCE = np.outer(_PARTS, _PARTS).reshape(-1) / (_SIDE * _UNIT * _UNIT * _STEPS) ** 2  # in levels, of squares


class Look(NamedTuple):
    """A picture in few bytes.

    `bits`: the hash, 0..2^64-1; `contrast`: how far the low frequencies move the picture from its mean, RMS in levels
    (a flat picture has 0, and its hash says nothing); `layout`: (8, 8, 3) uint8, mean sRGB of each cell.
    """

    bits: int
    contrast: float
    layout: Pixels


def look(pixels: Pixels) -> Look:
    """Return how (h, w, 3) sRGB of any size looks."""
    grey, layout = _reduced(area_sums(np.ascontiguousarray(pixels)), pixels.shape[0] * pixels.shape[1])
    low = (_COSINES @ grey @ _COSINES.T).reshape(-1)
    middle = np.partition(low, (31, 32))[31:33].sum()  # twice the median
    bits = int.from_bytes(np.packbits(2 * low > middle).tobytes(), "big")
    return Look(bits, _contrast(low), layout)


@compiled
def _contrast(low: Wholes) -> float:
    """Return the RMS of all frequencies but the mean; summed in order, so that it is the same everywhere."""
    variance = 0.0
    for i in range(1, len(low)):
        variance += low[i] * low[i] * _TO_VARIANCE[i]
    return math.sqrt(variance)


@compiled
def _reduced(sums: Wholes, area: int) -> tuple[Wholes, Pixels]:
    """Return (32, 32) luma (ITU-R 601) in 1/64 levels, rounded down, and (8, 8, 3) mean colours."""
    grey, cells = np.empty((_SIDE, _SIDE)), np.zeros((LAYOUT, LAYOUT, 3))
    for y in range(_SIDE):
        for x in range(_SIDE):
            luma = 299.0 * sums[x, 0, y] + 587.0 * sums[x, 1, y] + 114.0 * sums[x, 2, y]
            grey[y, x] = math.floor(luma * _STEPS / (1000.0 * area))
            for channel in range(3):
                cells[y // _SPAN, x // _SPAN, channel] += sums[x, channel, y]
    layout = np.floor(cells / (_SPAN * _SPAN * float(area)) + 0.5).astype(np.uint8)
    return grey, layout


@compiled
def area_sums(pixels: Pixels) -> Wholes:
    """Return (32 across, 3, 32 down) sums of (h, w, 3) by area; divided by h * w they are the means.

    A pixel spans 32 units and a cell as many as there are pixels, so that every overlap is a whole number.
    """
    height, width = pixels.shape[:2]
    lines = pixels.reshape(height, 3 * width)
    rows = np.zeros((_SIDE, 3 * width), np.int32)  # ≤ 255 * height
    for y in range(height):
        for cell in range(y * _SIDE // height, ((y + 1) * _SIDE - 1) // height + 1):
            weight = np.int32(_overlap(y, cell, height))
            for i in range(3 * width):
                rows[cell, i] += weight * np.int32(lines[y, i])
    columns = rows.T.copy()  # (3 * width, 32): the inner loop runs along memory
    sums = np.zeros((_SIDE, 3, _SIDE))
    for x in range(width):
        for cell in range(x * _SIDE // width, ((x + 1) * _SIDE - 1) // width + 1):
            overlap = float(_overlap(x, cell, width))
            for channel in range(3):
                for y in range(_SIDE):
                    sums[cell, channel, y] += overlap * columns[3 * x + channel, y]
    return sums


@compiled
def _overlap(pixel: int, cell: int, count: int) -> int:
    return min((pixel + 1) * _SIDE, (cell + 1) * count) - max(pixel * _SIDE, cell * count)
