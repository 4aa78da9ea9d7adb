"""Scoring: how well one piece suits another, exactly, one pair at a time. Compiled, for the search and for its rows.

A `size` is a tuple as long as palettes are, or as there are matching colours: its length is known when a function is
compiled, which makes it twice as fast; its values are no matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.compiled import compiled

Floats = npt.NDArray[np.float64]
Small = npt.NDArray[np.int32]
Channels = npt.NDArray[np.int16]
Size = tuple[int, ...]


@compiled
def nearest(size: Size, colours: Channels, piece: int, asked: Channels, row: int, at: int) -> tuple[Any, Any]:
    """Return the squared distance of colour `at` of a row of `asked` (n, m, 3) to the nearest swatch of a piece, and
    which that is: of equals the first.
    """
    red, green, blue = np.int32(asked[row, at, 0]), np.int32(asked[row, at, 1]), np.int32(asked[row, at, 2])
    least, place = np.int32(1 << 30), np.int32(0)
    for i in range(len(size)):
        x, y, z = colours[piece, i, 0] - red, colours[piece, i, 1] - green, colours[piece, i, 2] - blue
        apart = np.int32(x * x + y * y + z * z)
        if apart < least:
            least, place = apart, np.int32(i)
    return least, place


@compiled
def similar_score(size: Size, colours: Channels, weights: Floats, row: int, piece: int, other: int) -> float:
    """Return Σ_j w_j · min_i ‖t_i − s_j‖ of one piece, whose weights stand in a row, and another; in order of rank."""
    total = 0.0
    for j in range(len(size)):
        total += weights[row, j] * np.sqrt(np.float64(nearest(size, colours, other, colours, piece, j)[0]))
    return total


@compiled
def complementary_score(
    sizes: tuple[Size, Size], colours: Channels, matching: Channels, row: int, other: int
) -> tuple[Any, Any, Any]:
    """Return the least squared distance of a row of matching colours to a piece; which of them it is, and to which
    swatch: of equals the first.
    """
    least, colour, swatch = np.int32(1 << 30), np.int32(0), np.int32(0)
    for k in range(len(sizes[1])):
        apart, place = nearest(sizes[0], colours, other, matching, row, k)
        if apart < least:
            least, colour, swatch = apart, np.int32(k), place
    return least, colour, swatch


@compiled
def swatch_weights(colours: Channels, counts: npt.NDArray[np.int8], tones: Channels) -> Floats:
    """Return how much each swatch of (n, k, 3) counts: by its distance to the nearest of `tones`, 1 where that is 0."""
    weights = np.zeros(colours.shape[:2])
    for row in range(len(colours)):
        total = 0.0
        for j in range(counts[row]):
            least = 1 << 30
            for tone in tones:
                red, green, blue = (
                    colours[row, j, 0] - tone[0],
                    colours[row, j, 1] - tone[1],
                    colours[row, j, 2] - tone[2],
                )
                least = min(least, red * red + green * green + blue * blue)
            weights[row, j] = max(1.0, np.sqrt(float(least)))  # the nearest that are not 0 are at 1
            total += weights[row, j]
        weights[row] /= total
    return weights


@compiled
def nearest_swatches(size: Size, colours: Channels, ones: Small, others: Small) -> Channels:
    """Return for each swatch of `ones` which swatch of the piece beside it in `others` is nearest: (n, k)."""
    found = np.empty((len(ones), colours.shape[1]), np.int16)
    for row in range(len(ones)):
        for j in range(len(size)):
            found[row, j] = nearest(size, colours, others[row], colours, ones[row], j)[1]
    return found


@compiled
def nearest_matches(sizes: tuple[Size, Size], colours: Channels, matching: Channels, others: Small) -> Channels:
    """Return which of `matching` (n, 13, 3) is nearest to the piece beside it, and to which swatch of it: (n, 2)."""
    found = np.empty((len(others), 2), np.int16)
    for row in range(len(others)):
        found[row, 0], found[row, 1] = complementary_score(sizes, colours, matching, row, others[row])[1:]
    return found
