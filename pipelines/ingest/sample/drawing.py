"""Drawing: outlines to pixels, smooth at the edges and softly lit, with numpy alone.

An `Easel` holds one picture. It knows nothing of garments or scenes; those are drawn on it elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RGB = tuple[int, int, int]
Field = NDArray[np.float64]  # (h, w), one number per pixel
Outline = NDArray[np.float64]  # (n, 2) points x, y, in pixels, closed
Points = Sequence[tuple[float, float]]

_SCANS = 4  # scan lines per pixel; across a line coverage is exact


def mix(one: RGB, other: RGB, part: float) -> RGB:
    """Return the colour `part` of the way from one to the other."""
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return red, green, blue


def ink(colour: RGB, strength: float = 0.35) -> RGB:
    """Return a colour for lines on `colour`: darker, or lighter where darker would not be seen."""
    return mix(colour, (255, 255, 255) if sum(colour) < 210 else (0, 0, 0), strength)


def smooth(points: Points, rounds: int = 2) -> Outline:
    """Return the closed outline with its corners cut (Chaikin); a corner given twice stays sharper."""
    outline = np.array(points, dtype=np.float64)
    for _ in range(rounds):
        following = np.roll(outline, -1, axis=0)
        outline = np.stack([0.75 * outline + 0.25 * following, 0.25 * outline + 0.75 * following], 1).reshape(-1, 2)
    return outline


def curve(points: Points, rounds: int = 2) -> Outline:
    """Return the open line through `points` with its corners cut and its ends kept."""
    line = np.array(points, dtype=np.float64)
    for _ in range(rounds):
        cut = np.stack([0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]], 1).reshape(-1, 2)
        line = np.concatenate([line[:1], cut, line[-1:]])
    return np.asarray(line)


def ellipse(x: float, y: float, rx: float, ry: float, sides: int = 22) -> Outline:
    """Return an upright ellipse around (x, y)."""
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    return np.stack([x + rx * np.cos(turn), y + ry * np.sin(turn)], axis=1)


def box(left: float, top: float, right: float, bottom: float) -> Outline:
    """Return a rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=np.float64)


def rounded(left: float, top: float, right: float, bottom: float, radius: float = 2.0) -> Outline:
    """Return a rectangle with round corners."""
    turn = np.linspace(0, np.pi / 2, 5)
    centres = ((right, bottom, 0), (left, bottom, 1), (left, top, 2), (right, top, 3))
    corners = []
    for x, y, quarter in centres:
        inward = np.array([-1 if x == right else 1, -1 if y == bottom else 1]) * radius
        angle = turn + quarter * np.pi / 2
        corners.append(np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius + (x, y) + inward)
    return np.concatenate(corners)


def mirrored(outline: Outline, axis: float) -> Outline:
    """Return the outline mirrored about the vertical line x = `axis`."""
    return outline * (-1.0, 1.0) + (2 * axis, 0.0)


def symmetric(half: Points, axis: float, rounds: int = 2) -> Outline:
    """Return the closed, smoothed outline of a right half given from top to bottom."""
    left = [(2 * axis - x, y) for x, y in reversed(half) if x != axis]
    return smooth([*half, *left], rounds)


def band(line: Outline, width: float) -> Outline:
    """Return the outline of a line drawn `width` pixels thick."""
    ahead = np.gradient(line, axis=0)
    ahead /= np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)[:, None]
    side = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1) * (width / 2)
    return np.concatenate([line + side, (line - side)[::-1]])


def coverage(outline: Outline, width: int, height: int) -> Field:
    """Return how much of each pixel the outline covers, 0..1.

    Every crossing of an edge and a scan line opens or closes a run; the running sum along the line is
    the coverage, which costs crossings rather than pixels times edges.
    """
    alpha = np.zeros((height, width))
    (x, y), (next_x, next_y) = outline.T, np.concatenate([outline[1:], outline[:1]]).T
    top, bottom = max(0, math.floor(y.min())), min(height, math.ceil(y.max()))
    if bottom <= top:
        return alpha
    scans = top + (np.arange((bottom - top) * _SCANS) + 0.5)[:, None] / _SCANS
    row, edge = np.nonzero((scans >= np.minimum(y, next_y)) & (scans < np.maximum(y, next_y)))
    slope = (next_x - x) / np.where(next_y == y, 1.0, next_y - y)
    at = np.minimum(np.maximum(x[edge] + (scans[row, 0] - y[edge]) * slope[edge], 0), width)
    cell = at.astype(np.int64)
    sign, part = np.where(next_y > y, 1.0, -1.0)[edge], at - cell
    place, places = (row // _SCANS) * (width + 2) + cell, (bottom - top) * (width + 2)
    change = np.bincount(place, sign * (1 - part), places) + np.bincount(place + 1, sign * part, places)
    runs = np.cumsum(change.reshape(-1, width + 2), axis=1)[:, :width]
    alpha[top:bottom] = np.minimum(np.abs(runs) / _SCANS, 1.0)
    return alpha


def blurred(values: Field, reach: int) -> Field:
    """Return the mean over squares of 2·reach + 1 pixels."""
    height, width = values.shape
    padded = np.zeros((height + 2 * reach + 1, width + 2 * reach + 1))
    padded[1:, 1:] = np.pad(values, reach, "edge")
    total = padded.cumsum(axis=0).cumsum(axis=1)
    size = 2 * reach + 1
    inside = total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]
    return np.asarray(inside / size**2)


class Pose(NamedTuple):
    """How a picture sits on its sheet; it moves every outline."""

    scale_x: float = 1.0
    scale_y: float = 1.0
    turn: float = 0.0  # radians
    shift_x: float = 0.0
    shift_y: float = 0.0
    flip: bool = False

    def place(self, outline: Outline, width: int, height: int) -> Outline:
        """Return the outline where the pose puts it, about the middle of a sheet."""
        cos, sin = math.cos(self.turn), math.sin(self.turn)
        across = -self.scale_x if self.flip else self.scale_x
        turned = np.array([[across * cos, across * sin], [-self.scale_y * sin, self.scale_y * cos]])
        middle = np.array([width / 2, height / 2])
        return np.asarray((outline - middle) @ turned + middle + (self.shift_x, self.shift_y))


UPRIGHT = Pose()


@dataclass
class Easel:
    """A picture being drawn. `owner` remembers which named colour each pixel shows, so its truth is known."""

    width: int
    height: int
    ground: RGB = (255, 255, 255)
    pose: Pose = UPRIGHT
    folds: Field | float = 1.0  # light and shade that lie on every cloth
    pixels: NDArray[np.float64] = field(init=False)
    owner: NDArray[np.int16] = field(init=False)
    colours: list[RGB] = field(init=False)

    def __post_init__(self) -> None:
        self.pixels = np.full((self.height, self.width, 3), self.ground, dtype=np.float64)
        self.owner = np.zeros((self.height, self.width), dtype=np.int16)
        self.colours = [self.ground]

    def mask(self, outline: Outline) -> Field:
        """Return what the outline covers once the pose has moved it."""
        return coverage(self.pose.place(outline, self.width, self.height), self.width, self.height)

    def paint(self, alpha: Field, colour: RGB, light: Field | float = 1.0, named: RGB | None = None) -> None:
        """Lay a colour over the picture. A shade of another colour counts as that one, `named`."""
        rows = np.flatnonzero(alpha.any(axis=1))
        here = slice(rows[0], rows[-1] + 1) if rows.size else slice(0)
        lit = np.broadcast_to(light, alpha.shape)[here, :, None] * np.asarray(colour, dtype=np.float64)
        self.pixels[here] += (lit - self.pixels[here]) * alpha[here, :, None]
        self.owner[here][alpha[here] > 0.5] = self._number(named or colour)

    def _number(self, colour: RGB) -> int:
        if colour not in self.colours:
            self.colours.append(colour)
        return self.colours.index(colour)

    def fill(self, outline: Outline, colour: RGB, named: RGB | None = None) -> None:
        """Lay a flat colour inside the outline."""
        self.paint(self.mask(outline), colour, named=named)

    def line(self, points: Points, width: float, colour: RGB, named: RGB | None = None) -> None:
        """Draw a smoothed line."""
        self.fill(band(curve(points), width), colour, named)

    def cloth(
        self,
        outline: Outline,
        colour: RGB,
        print_alpha: Field | None = None,
        on: RGB | None = None,
        named: RGB | None = None,
    ) -> None:
        """Lay a lit piece of cloth, darker towards its edges; `on` is the colour of its print, if any."""
        alpha = self.mask(outline)
        rim = np.clip(2.2 * blurred(alpha, 2) - 1.2, 0, 1)
        light = (0.84 + 0.18 * rim) * self.folds
        self.paint(alpha, colour, light, named)
        if print_alpha is not None and on is not None:
            self.paint(alpha * print_alpha, on, light)

    def shadow(self, x: float, y: float, rx: float, ry: float, strength: float = 0.16) -> None:
        """Darken the ground softly, as under a thing that stands on it."""
        alpha = blurred(self.mask(ellipse(x, y, rx, ry)), 2) * strength
        self.paint(np.minimum(alpha, 0.49), (70, 70, 80))  # never above a half: a shadow owns no pixel

    def named_colours(self, least: float = 0.04) -> tuple[RGB, ...]:
        """Return the colours that show on at least that part of what was drawn, largest first."""
        counts = np.bincount(self.owner.ravel(), minlength=len(self.colours))[1:]
        order = np.argsort(-counts, kind="stable")
        return tuple(self.colours[i + 1] for i in order if counts[i] >= max(1, least * counts.sum()))

    def picture(self) -> NDArray[np.uint8]:
        """Return the pixels, (h, w, 3)."""
        return np.clip(np.rint(self.pixels), 0, 255).astype(np.uint8)
