"""Colour spaces: sRGB ↔ OKLab and hex, compiled, so that kernels can call them per pixel.

OKLab is Björn Ottosson's (2020, https://bottosson.github.io/posts/oklab/); the sRGB transfer function is
that of IEC 61966-2-1. Distances are Euclidean in OKLab, where white to black is 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.compiled import compiled
from pipelines.palette.kernel import F32, I32, Colours

Floats = npt.NDArray[np.float64]
_Channel = npt.NDArray[np.float32]


def _light(channel: float) -> float:
    c = channel / 255.0
    return c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4


# Light of the 256 values of a channel, and once more of the last, for what lies between two of them.
_LIGHT = np.array([*map(_light, range(256)), 1.0], dtype=np.float32)
_linear = compiled(_light)


@compiled
def _encoded(light: float) -> float:
    c = min(max(light, 0.0), 1.0)
    return 255.0 * (12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055)


@compiled
def to_oklab(red: float, green: float, blue: float) -> tuple[float, float, float]:
    """Return L, a, b of an sRGB colour with channels 0..255."""
    r, g, b = _linear(red), _linear(green), _linear(blue)
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    medium = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


@compiled
def all_to_oklab(colours: Colours) -> None:
    """Turn the rows red, green, blue of (3, n) into L, a, b, in place, within 1e-5; equal on every processor."""
    red, green, blue = colours[0], colours[1], colours[2]
    _lighten(red)
    _lighten(green)
    _lighten(blue)
    for i in range(len(red)):
        r, g, b = red[i], green[i], blue[i]
        long = _cube_root(F32(0.4122214708) * r + F32(0.5363325363) * g + F32(0.0514459929) * b)
        medium = _cube_root(F32(0.2119034982) * r + F32(0.6806995451) * g + F32(0.1073969566) * b)
        short = _cube_root(F32(0.0883024619) * r + F32(0.2817188376) * g + F32(0.6299787005) * b)
        red[i] = F32(0.2104542553) * long + F32(0.7936177850) * medium + F32(-0.0040720468) * short
        green[i] = F32(1.9779984951) * long + F32(-2.4285922050) * medium + F32(0.4505937099) * short
        blue[i] = F32(0.0259040371) * long + F32(0.7827717662) * medium + F32(-0.8086757660) * short


@compiled
def _lighten(channel: _Channel) -> None:
    for i in range(len(channel)):
        below = I32(channel[i])
        part = channel[i] - F32(below)
        channel[i] = _LIGHT[below] + part * (_LIGHT[below + 1] - _LIGHT[below])


@compiled
def _cube_root(cube: np.float32) -> np.float32:
    """Guess by a third of the exponent, then take two of Halley's steps; of zero it is 2e-7."""
    cube = F32(cube + F32(1e-20))
    guess = I32(I32(F32(cube.view(np.int32)) * F32(1 / 3)) + I32(709921077))
    return _nearer(cube, _nearer(cube, guess.view(np.float32)))


@compiled
def _nearer(cube: np.float32, root: np.float32) -> np.float32:
    power = root * root * root
    return root * (power + cube + cube) / (power + power + cube)


@compiled
def to_srgb(lightness: float, a: float, b: float) -> tuple[float, float, float]:
    """Return red, green, blue (0..255, not rounded) of an OKLab colour; colours outside sRGB are clipped."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _encoded(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _encoded(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _encoded(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )


def hex_of(rgb: tuple[int, int, int]) -> str:
    """Return six upper-case digits."""
    return bytes(rgb).hex().upper()


def rgb_of(digits: str) -> tuple[int, int, int]:
    """Return the channels of six hex digits."""
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
