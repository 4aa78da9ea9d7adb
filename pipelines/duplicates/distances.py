"""How far two looks are apart: in the bits of their hashes, in their palettes, cell by cell. Compiled, for the scan.

Colours are OKLab, and distances rounded to 1e-6, so that no last digit decides which side of a limit a pair is on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.compiled import compiled

Floats = npt.NDArray[np.float64]


@compiled
def bit_count(code: np.uint64) -> np.int64:
    """Count the bits: numba knows no instruction for it, but makes vectors of this."""
    code -= (code >> np.uint64(1)) & np.uint64(0x5555555555555555)
    code = (code & np.uint64(0x3333333333333333)) + ((code >> np.uint64(2)) & np.uint64(0x3333333333333333))
    code = (code + (code >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((code * np.uint64(0x0101010101010101)) >> np.uint64(56))


@compiled
def palette_distance(one: Floats, other: Floats) -> float:
    """Return how far a colour of one palette (k, 4: OKLab, share) is from the nearest of the other.

    The mean over the colours by share, and of both directions: symmetric, and 0 for equal palettes. Ranks do not
    count, for two colours of about equal share change places when a picture is encoded again.
    """
    return _rounded((_one_way(one, other) + _one_way(other, one)) / 2)


@compiled
def _one_way(one: Floats, other: Floats) -> float:
    total, shares = 0.0, 0.0
    for a in one:
        least = np.inf
        for b in other:
            if b[3] > 0:
                least = min(least, _apart(a, b))
        if a[3] > 0:
            total += a[3] * np.sqrt(least)
            shares += a[3]
    return total / shares


@compiled
def layout_distance(one: Any, other: Any) -> float:
    """Return the largest distance of two cells (n, 3) at the same place: where the pictures differ most."""
    most = 0.0
    for cell in range(len(one)):
        most = max(most, _apart(one[cell], other[cell]))
    return _rounded(np.sqrt(most))


@compiled
def _apart(one: Any, other: Any) -> float:
    across: float = (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 + (one[2] - other[2]) ** 2
    return across


@compiled
def _rounded(distance: float) -> float:
    return float(np.floor(distance * 1_000_000 + 0.5) / 1_000_000)
