"""Looks: what a piece is drawn with, and the strokes that all drawings of pieces share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipelines.ingest.sample.drawing import RGB, Easel, Field, Outline, Points, ink, mirrored, symmetric

WIDTH, HEIGHT = 60, 80  # pixels; all drawings of pieces use these coordinates
AXIS = WIDTH / 2


@dataclass(frozen=True)
class Look:
    """The colours of a piece, its print (coverage, None = plain) and its cut, a word its drawing knows."""

    body: RGB
    accent: RGB
    print_alpha: Field | None = None
    cut: str = ""


Draw = Callable[[Easel, Look], None]


def cloth(easel: Easel, look: Look, outline: Outline) -> None:
    """Lay a piece of the main cloth, print and all."""
    easel.cloth(outline, look.body, look.print_alpha, look.accent)


def cloths(easel: Easel, look: Look, outline: Outline) -> None:
    """Lay a piece of the main cloth and its mirror image."""
    cloth(easel, look, outline)
    cloth(easel, look, mirrored(outline, AXIS))


def trims(easel: Easel, colour: RGB, outline: Outline) -> None:
    """Lay a lit piece in one colour and its mirror image."""
    easel.cloth(outline, colour)
    easel.cloth(mirrored(outline, AXIS), colour)


def seam(easel: Easel, look: Look, points: Points, width: float = 0.8, strength: float = 0.35) -> None:
    """Draw a line in a shade of the main colour."""
    easel.line(points, width, ink(look.body, strength), named=look.body)


def seams(easel: Easel, look: Look, points: Points, width: float = 0.8, strength: float = 0.35) -> None:
    """Draw a line in a shade of the main colour, and its mirror image."""
    seam(easel, look, points, width, strength)
    seam(easel, look, [(2 * AXIS - x, y) for x, y in points], width, strength)


def hollow(easel: Easel, look: Look, half: Points) -> None:
    """Fill the inside of a neck, a hood or a shoe: the main colour in shade."""
    easel.fill(symmetric(half, AXIS), ink(look.body, 0.45), named=look.body)
