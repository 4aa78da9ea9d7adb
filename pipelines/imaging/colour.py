"""Samples of any kind to sRGB over white: colour profiles, CMYK ink, transparency; and reduction by area."""

import io
from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pipelines.imaging.opencv import opencv
from pipelines.imaging.stored import Samples

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsProfile, ImageCmsTransform

_KEPT_CONVERSIONS = 16  # making one takes milliseconds, and a catalogue knows a handful of profiles
_UNUSABLE = (OSError, ValueError, TypeError)  # what littleCMS answers to a profile that it cannot use

Conversion = Callable[[Samples], Samples]


def to_srgb(samples: Samples, profile: bytes | None) -> Samples:
    """Return (h, w, 3) sRGB of grey (h, w), RGB (h, w, 3) or CMYK (h, w, 4; 255 = full ink) samples.

    The ICC profile decides where it is usable; a damaged one, or one of another colour space, is ignored.
    """
    if profile is None:
        return _by_rule(samples)
    convert = _conversion(profile, _mode(samples))
    if convert is None and samples.ndim == 2:  # grey pictures often carry an RGB profile
        samples = _by_rule(samples)
        convert = _conversion(profile, "RGB")
    return (convert or _by_rule)(samples)


def _by_rule(samples: Samples) -> Samples:
    if samples.ndim == 3 and samples.shape[2] == 3:
        return samples
    return np.array(Image.fromarray(samples, _mode(samples)).convert("RGB"))


def _mode(samples: Samples) -> str:
    return "L" if samples.ndim == 2 else {3: "RGB", 4: "CMYK"}[samples.shape[2]]


@lru_cache(maxsize=_KEPT_CONVERSIONS)
def _conversion(profile: bytes, mode: str) -> Conversion | None:
    from PIL import ImageCms  # littleCMS is loaded for the first profile met, not by every command

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.ImageCmsTransform(source, _srgb(), mode, "RGB")
        convert = partial(_converted, transform, mode)
        return _by_rule if mode == "RGB" and _is_srgb(convert) else convert
    except _UNUSABLE:
        return None


def _converted(transform: "ImageCmsTransform", mode: str, samples: Samples) -> Samples:
    return np.array(transform.apply(Image.fromarray(samples, mode)))


def _is_srgb(convert: Conversion) -> bool:
    """Return whether `convert` only adds rounding: most profiles met in the wild are sRGB itself."""
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    return bool(np.abs(convert(lattice).astype(int) - lattice).max() <= 1)


@cache
def _srgb() -> "ImageCmsProfile":
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def over_white(pixels: Samples, alpha: Samples) -> Samples:
    """Return `pixels` (h, w, 3) as they look on white paper through `alpha` (h, w)."""
    cv2 = opencv()
    missing = cv2.multiply(np.invert(pixels), cv2.merge([alpha, alpha, alpha]), scale=1 / 255)  # rounds
    return np.asarray(cv2.bitwise_not(missing), np.uint8)


def reduced(plane: Samples, factor: int) -> Samples:
    """Return `plane` (h, w) or (h, w, 3) with sides 1/`factor` as long, rounded up; each pixel a mean."""
    height, width = plane.shape[:2]
    size = (-(-width // factor), -(-height // factor))
    cv2 = opencv()
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)
