"""Pixels to bytes. What is written carries pixels only: no EXIF, profile, XMP, comment or time."""

import io
from typing import cast

import numpy as np
import simplejpeg
from PIL import Image

from pipelines.imaging.stored import Samples


def encode_jpeg(pixels: Samples, quality: int = 90) -> bytes:
    """Return (h, w, 3) uint8 sRGB, or (h, w) grey, as a baseline JPEG with full colour resolution (4:4:4).

    Args:
        pixels: the picture.
        quality: libjpeg's 1..100.

    Raises:
        ValueError: if the array is no such picture.
    """
    if pixels.ndim == 2:
        return cast("bytes", simplejpeg.encode_jpeg(_checked(pixels[:, :, None], 1), quality, "GRAY", "gray"))
    return cast("bytes", simplejpeg.encode_jpeg(_checked(pixels), quality, "rgb", "444"))


def encode_png(pixels: Samples) -> bytes:
    """Return (h, w, 3) uint8 sRGB as a PNG.

    Raises:
        ValueError: if the array is no such picture.
    """
    file = io.BytesIO()
    Image.fromarray(_checked(pixels)).save(file, "PNG")
    return file.getvalue()


def _checked(pixels: Samples, channels: int = 3) -> Samples:
    if pixels.ndim != 3 or pixels.shape[2] != channels or pixels.dtype != np.uint8 or not pixels.size:
        raise ValueError(f"a picture is (h, w, 3) uint8, not {pixels.shape} {pixels.dtype}")
    return np.ascontiguousarray(pixels)
