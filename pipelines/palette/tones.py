"""How much a colour says of a garment: colours near skin or neutral tones count less."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_SKIN = (
    *((60, 46, 40), (75, 57, 50), (90, 69, 60), (105, 80, 70), (120, 92, 80)),
    *((135, 103, 90), (150, 114, 100), (165, 126, 110), (180, 138, 120), (195, 149, 130)),
    *((210, 161, 140), (225, 172, 150), (240, 184, 160), (255, 195, 170), (255, 206, 180)),
)
_NEUTRAL = tuple((v, v, v) for v in (255, 220, 200, 180, 160, 140, 120, 100, 80, 60, 40, 20, 0))
BANNED = np.array(_SKIN + _NEUTRAL, dtype=np.float64)


def distinctness(rgb: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return for each sRGB colour of (n, 3) its distance to the nearest banned tone, 1 where it is one of them."""
    nearest = np.linalg.norm(rgb[:, None, :] - BANNED, axis=2).min(axis=1)
    return np.where(nearest == 0, 1.0, nearest)
