"""Generated pictures that tests of palettes share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

Pixels = npt.NDArray[np.uint8]
RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def flat(colour: tuple[int, int, int], height: int = 80, width: int = 60) -> Pixels:
    return np.full((height, width, 3), colour, np.uint8)


def bands(*colours: tuple[int, int, int], side: int = 90) -> Pixels:
    return np.repeat(np.array(colours, np.uint8), side // len(colours), axis=0)[None].repeat(side, axis=0)


def drawn(seed: int) -> Pixels:
    """A picture of smooth areas and noise, in whole numbers only, so that it is the same everywhere."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (5, 4, 3)).repeat(16, axis=0).repeat(15, axis=1)
    return np.clip(coarse + random.integers(-12, 13, coarse.shape), 0, 255).astype(np.uint8)


def piece(seed: int, cloth: tuple[int, int, int], ground: tuple[int, int, int] = WHITE) -> Pixels:
    """A folded piece in the middle of an even ground, with a little noise on both."""
    random = np.random.default_rng(seed)
    down, across = np.mgrid[-1 : 1 : 80 * 1j, -1 : 1 : 60 * 1j]
    folds = 0.85 + 0.15 * np.sin(7 * across + 3 * np.sin(4 * down + seed))
    is_cloth = (np.abs(across) < 0.6) & (np.abs(down) < 0.7)
    colours = np.where(is_cloth[..., None], folds[..., None] * np.array(cloth), np.array(ground, float))
    return np.clip(colours + random.integers(-1, 2, colours.shape), 0, 255).astype(np.uint8)


@st.composite
def pictures(draw: st.DrawFn) -> Pixels:
    """Pictures of noise, of a few flat colours, or of shades of one."""
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["noise", "flat", "shades"]))
    if kind == "noise":
        return random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if kind == "flat":
        colours = random.integers(0, 256, (draw(st.integers(1, 8)), 3), dtype=np.uint8)
        return colours[random.integers(0, len(colours), (height, width))]
    return np.clip(random.integers(0, 256, 3) + random.normal(0, 20, (height, width, 3)), 0, 255).astype(np.uint8)
