"""The fused pass of an augmentation: one resample, one colour matrix, one blur, and no picture copied in between."""

import math

import numpy as np
import numpy.typing as npt

from pipelines.imaging.opencv import opencv
from pipelines.imaging.stored import Samples

Matrix = npt.NDArray[np.float64]

_LEAST_SIGMA = 0.3  # pixels; a smaller one takes less than a hundredth of a pixel's light


def transformed(pixels: Samples, warp: Matrix, colours: Matrix | None, sigma: float, out: Samples) -> Samples:
    """Fill `out` (height, width, 3) with `pixels` (h, w, 3) warped, recoloured and blurred; all uint8 RGB.

    The interpreter lock is free while pixels are worked on.

    Args:
        pixels: the picture.
        warp: (2, 3), which takes (x, y, 1) of a pixel of `out` to where it lies in `pixels`, bilinear; whole
            numbers are centres of pixels. What lies outside of the picture is its nearest pixel.
        colours: (3, 4), which takes (red, green, blue, 1) in levels of 255 to the new ones; None keeps them.
        sigma: Gaussian blur in pixels of `out`; below 0.3 it would not be seen, and is left out.
        out: C-contiguous, not overlapping `pixels`.
    """
    cv2 = opencv()
    flags, size = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, (out.shape[1], out.shape[0])
    is_blurred = sigma >= _LEAST_SIGMA
    at_once = out if colours is None and not is_blurred else None
    made = cv2.warpAffine(pixels, warp, size, dst=at_once, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if colours is not None:
        made = cv2.transform(made, colours, dst=made if is_blurred else out)
    if is_blurred:
        side = 2 * math.ceil(2 * sigma) + 1  # two sigmas each way
        cv2.GaussianBlur(made, (side, side), sigma, dst=out)
    return out
