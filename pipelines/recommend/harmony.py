"""Harmony: the thirteen colours that go with a colour, by turning its hue and changing its strength and its light.

Pure. Hues are degrees, saturation and value percent, channels 0..255.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int32]

# Relation → what it adds to hue, saturation and value: analogous, minor analogous, complementary, tints and shades.
HARMONIES = {
    **{f"hue{turn:+d}": (turn, 0, 0) for turn in (-30, 30, -45, 45, -180)},
    **{f"saturation{change:+d}": (0, change, 0) for change in (40, 20, -20, -40)},
    **{f"value{change:+d}": (0, 0, change) for change in (40, 20, -20, -40)},
}
RELATIONS = tuple(HARMONIES)
_CHANGES = np.array(list(HARMONIES.values()), np.float64)


def matching_colours(rgb: npt.ArrayLike) -> Wholes:
    """Return the matching colours (n, 13, 3) of (n, 3) colours of 8 bits, in the order of `RELATIONS`."""
    return matching_hsv(hsv_of(np.asarray(rgb, np.float64).reshape(-1, 3)))


def matching_hsv(hsv: Floats) -> Wholes:
    """Return the matching colours (n, 13, 3), 8 bits a channel, of (n, 3) colours given in HSV."""
    changed = hsv[:, None, :] + _CHANGES
    hue = changed[..., 0] % 360
    saturation, value = np.clip(changed[..., 1], 0, 100), np.clip(changed[..., 2], 0, 100)
    return _rgb_of(hue, saturation / 100, value / 100)


def hsv_of(rgb: Floats) -> Floats:
    """Return hue, saturation and value (n, 3) of (n, 3) colours; a grey has hue 0."""
    most, least = rgb.max(axis=1), rgb.min(axis=1)
    chroma = most - least
    red, green, blue = rgb.T
    span = np.where(chroma > 0, chroma, 1)
    sectors = [(green - blue) / span % 6, (blue - red) / span + 2]
    sector = np.select([most == red, most == green], sectors, (red - green) / span + 4)
    hue = np.where(chroma > 0, 60 * sector, 0)
    return np.stack([hue, 100 * chroma / np.maximum(most, 1), most / 2.55], axis=1)


def _rgb_of(hue: Floats, saturation: Floats, value: Floats) -> Wholes:
    """Return 8-bit channels; halves are rounded up, and what is a half but for the last digits too."""
    channels = []
    for offset in (5, 3, 1):  # red, green, blue
        k = (offset + hue / 60) % 6
        channels.append(value - value * saturation * np.clip(np.minimum(k, 4 - k), 0, 1))
    return np.floor(np.stack(channels, axis=-1) * 255 + 0.5 + 1e-9).astype(np.int32)
