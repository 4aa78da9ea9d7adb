"""Features: what a cell of a picture and a tile are compared by, as whole numbers.

Each is cut into parts x parts, and each part is the OKLab colour of its mean, in steps of 1/SCALE (black to white is
1). Distances between whole numbers are exact however they are summed: a search may leave out whatever it can prove
to be farther, on any processor, and still find what a plain loop finds, ties included.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipelines import imaging
from pipelines.palette.color import all_to_oklab

Mode = Literal["cells_3x3", "cells_2x2", "mean_rgb"]
Pixels = npt.NDArray[np.uint8]
Features = npt.NDArray[np.floating[Any]]  # (n, length), whole numbers in float32, or float64 where they are larger

SIDE = 32  # pixels of a tile, and of what a cell shows of its source unless somebody says otherwise
SCALE = 1024  # 9 parts, black against white: 9 * 1024^2 < 2^24, up to which float32 counts one by one
PIXELS = SIDE * SIDE
PARTS: dict[Mode, int] = {"cells_3x3": 3, "cells_2x2": 2}


def of_tile(pixels: Pixels, parts: int) -> npt.NDArray[np.int16]:
    """Return the features (3 * parts * parts,) of a tile (h, w, 3): the lightness of all parts, then a, then b."""
    return np.asarray(_features(pixels, 1, 1, parts)[0])


def sums(pixels: Pixels) -> npt.NDArray[np.int64]:
    """Return the sum of each channel over a tile (SIDE, SIDE, 3), at most 255 * PIXELS: its mean, as a whole number."""
    return np.asarray(pixels.reshape(PIXELS, 3).sum(axis=0, dtype=np.int64))


def of_cells(source: Pixels, columns: int, rows: int, side: float, mode: Mode) -> Features:
    """Return the features (rows * columns, length) of a picture's cells, row by row, each `side` pixels long.

    In `mean_rgb` the whole picture is reduced to a pixel a cell, bicubic, as the reference does it; its features are
    sums like those of a tile. Otherwise cells that reach beyond the right or lower edge repeat its last pixels.
    """
    if mode == "mean_rgb":
        return imaging.bicubic(source, columns, rows).reshape(-1, 3).astype(np.float64) * PIXELS
    parts = PARTS[mode]
    high, wide = (
        max(1, min(round(length * parts / side), count * parts))
        for length, count in zip(source.shape[:2], (rows, columns), strict=True)
    )
    small = imaging.resized(source, wide, high)
    edge = ((0, rows * parts - high), (0, columns * parts - wide), (0, 0))
    return _features(np.pad(small, edge, mode="edge"), columns, rows, parts).astype(np.float32)


def _features(pixels: Pixels, columns: int, rows: int, parts: int) -> npt.NDArray[np.int16]:
    small = imaging.resized(pixels, columns * parts, rows * parts)
    colours = np.ascontiguousarray(small.reshape(-1, 3).T, dtype=np.float32)
    all_to_oklab(colours)
    steps = np.rint(colours * np.float32(SCALE)).astype(np.int16)
    by_cell = steps.reshape(3, rows, parts, columns, parts).transpose(1, 3, 0, 2, 4)
    return np.asarray(by_cell.reshape(rows * columns, 3 * parts * parts))


def distances(squares: npt.NDArray[np.float64], mode: Mode) -> npt.NDArray[np.float64]:
    """Return squared distances as people read them.

    In OKLab it is the root of the mean square over a cell's parts (0 alike, 1 black against white); in `mean_rgb` it is
    Euclidean, 0..442.
    """
    if mode == "mean_rgb":
        return np.sqrt(squares) / PIXELS
    return np.sqrt(squares) / (SCALE * math.sqrt(PARTS[mode] ** 2))
