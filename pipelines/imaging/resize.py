"""Pictures to a given size: stretched, or whole on a white sheet.

An axis that shrinks takes the mean of what falls together (INTER_AREA), one that grows is interpolated
(INTER_LINEAR); where one shrinks and the other grows, the first goes first.
"""

import numpy as np
from PIL import Image

from pipelines.imaging.opencv import opencv
from pipelines.imaging.stored import Samples

_WHITE = 255


def resized(pixels: Samples, width: int, height: int) -> Samples:
    """Return (h, w, 3) uint8 as (height, width, 3) uint8, C-contiguous; its aspect is not kept.

    A picture of that size already comes back as it is, not as a copy. Raises ValueError for a size below 1 x 1.
    """
    _check(width, height)
    high, wide = pixels.shape[:2]
    if (high, wide) != (min(high, height), min(wide, width)):
        pixels = _sampled(pixels, min(wide, width), min(high, height), is_smaller=True)
    if pixels.shape[:2] != (height, width):
        pixels = _sampled(pixels, width, height, is_smaller=False)
    return np.ascontiguousarray(pixels)


def bicubic(pixels: Samples, width: int, height: int) -> Samples:
    """Return (h, w, 3) uint8 as (height, width, 3) uint8 by Pillow's bicubic filter, which widens where it shrinks.

    Only for what has to equal somebody else's; `resized` is faster. Raises ValueError for a size below 1 x 1.
    """
    _check(width, height)
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))


def padded(pixels: Samples, width: int, height: int) -> Samples:
    """Return (h, w, 3) uint8 whole and undistorted in the middle of a white (height, width, 3) uint8, C-contiguous.

    It is as large as fits, and each of its sides at least a pixel, however long and thin it is. Where it cannot
    stand in the very middle, it stands half a pixel to the left or above. Raises ValueError for a size below 1 x 1.
    """
    _check(width, height)
    high, wide = pixels.shape[:2]
    scale = min(width / wide, height / high)
    inner = resized(pixels, *(max(1, min(round(side * scale), most)) for side, most in ((wide, width), (high, height))))
    if inner.shape[:2] == (height, width):
        return inner
    sheet = np.full((height, width, 3), _WHITE, np.uint8)
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    sheet[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return sheet


def _check(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise ValueError(f"a picture has at least one pixel, not {width} x {height}")


def _sampled(pixels: Samples, width: int, height: int, *, is_smaller: bool) -> Samples:
    cv2 = opencv()
    how = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.uint8)
