"""Prints: patterns that lie on a piece's cloth, as the part of each pixel they cover."""

from __future__ import annotations

from random import Random

import numpy as np

from pipelines.ingest.sample.drawing import Field

PRINTS = ("plain", "striped", "polka", "floral", "check")


def draw_print(name: str, rng: Random, width: int, height: int) -> Field | None:
    """Return the print's coverage over a sheet, None for plain cloth. It stays below half of the sheet."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    if name == "striped":
        return _stripes(y + 0.0 * x, rng.uniform(6, 9), 0.32, rng.uniform(0, 9))
    if name == "check":
        period = rng.uniform(8, 11)
        return np.asarray(0.55 * np.maximum(_stripes(x, period, 0.2, 2.0), _stripes(y, period, 0.2, 2.0)))
    if name == "polka":
        return _dots(x, y, rng.uniform(6.5, 8.5))
    return _flowers(x, y, rng) if name == "floral" else None


def _stripes(along: Field, period: float, part: float, phase: float) -> Field:
    """Return stripes that cover `part` of each period, one pixel soft at the edges."""
    away = np.abs((along + phase) % period - period / 2)
    return np.clip(part * period / 2 - away + 0.5, 0, 1)


def _dots(x: Field, y: Field, pitch: float) -> Field:
    """Return dots, every second row moved by half the pitch."""
    row = np.floor(y / pitch)
    across = (x + row % 2 * pitch / 2) % pitch - pitch / 2
    away = np.hypot(across, y - (row + 0.5) * pitch)
    return np.clip(pitch * 0.29 - away + 0.5, 0, 1)


def _flowers(x: Field, y: Field, rng: Random) -> Field:
    """Return five-petalled flowers on a jittered grid, open in the middle."""
    alpha, pitch, reach = np.zeros_like(x), 11.0, 5
    height, width = x.shape
    for row in range(height // 11 + 1):
        for column in range(-1, width // 11 + 1):
            at_x = (column + 0.5 + row % 2 / 2) * pitch + rng.uniform(-1.2, 1.2)
            at_y = (row + 0.5) * pitch + rng.uniform(-1.2, 1.2)
            near = np.s_[
                max(0, int(at_y) - reach) : max(0, int(at_y) + reach),
                max(0, int(at_x) - reach) : max(0, int(at_x) + reach),
            ]
            alpha[near] += _flower(x[near] - at_x, y[near] - at_y, rng.uniform(3.4, 4.3), rng.uniform(0, 6.3))
    return np.minimum(alpha, 1.0)


def _flower(x: Field, y: Field, reach: float, turn: float) -> Field:
    away = np.hypot(x, y)
    edge = reach * (0.66 + 0.34 * np.cos(5 * np.arctan2(y, x) + turn))
    return np.clip(np.minimum(edge - away + 0.5, away - 0.4), 0, 1)
