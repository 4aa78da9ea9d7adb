"""The reference crop: a window of three to four, 50 to 70 pixels high, somewhere in a thumbnail of 60x80."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

DRAWS = 3  # numbers that a crop takes: height, x, y


class Box(NamedTuple):
    """A window of a picture, in its pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class CropParams:
    """How large the window is, in pixels of the thumbnail it was made for."""

    shortest: int = 50
    tallest: int = 70  # inclusive
    aspect: float = 0.75  # width to height, rounded down
    thumbnail_width: int = 60
    thumbnail_height: int = 80


def crop_box(drawn: Sequence[float], width: int, height: int, params: CropParams) -> Box:
    """Return the window that three numbers in [0, 1) choose in a picture of `width` x `height` pixels.

    A window that is too large is limited to the picture. In a picture that is larger than the thumbnail both ways it
    grows with it, as 50 pixels of a photo show a button: by the factor that reduces the picture to cover the thumbnail.
    """
    tall = params.shortest + int(drawn[0] * (params.tallest - params.shortest + 1))
    unit = max(1.0, min(width / params.thumbnail_width, height / params.thumbnail_height))
    high, wide = min(int(tall * unit), height), min(int(int(tall * params.aspect) * unit), width)
    return Box(int(drawn[1] * (width - wide + 1)), int(drawn[2] * (height - high + 1)), wide, high)
