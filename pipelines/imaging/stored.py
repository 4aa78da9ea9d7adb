"""What a file's header says, before any pixel is decoded, whatever the format."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Format = Literal["jpeg", "png", "webp", "cifar10"]
Samples = NDArray[np.uint8]  # (h, w) or (h, w, channels)

FACTORS = (8, 4, 2)  # reductions, largest first


@dataclass(slots=True)
class Stored:
    """A picture as its file holds it.

    Sizes are in pixels before `orientation` (EXIF, 1..8) is applied. `body` is what the decoder
    gets: the file itself, or the file without the parts that a decoder has no use for. `alpha_key`
    is the one transparent colour of a PNG without an alpha channel (8-bit samples, or 16-bit for I;16).
    """

    format: Format
    width: int
    height: int
    mode: str
    body: bytes
    orientation: int = 1
    profile: bytes | None = None
    alpha_key: tuple[int, ...] | None = None

    @property
    def pixels(self) -> int:
        """How many pixels a full decode holds."""
        return self.width * self.height


def reduction(stored: Stored, min_side: int) -> int:
    """Return the largest of 8, 4, 2, 1 that leaves the smaller side at least `min_side` pixels long."""
    shorter = min(stored.width, stored.height)
    return next((factor for factor in FACTORS if -(-shorter // factor) >= min_side), 1)
