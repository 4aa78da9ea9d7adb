"""Colours: the catalogue's words for them, what they look like, and which accent goes with which."""

from __future__ import annotations

from random import Random

from pipelines.ingest.sample.drawing import RGB

NAMED: dict[str, RGB] = {
    "Black": (40, 40, 44),
    "White": (231, 231, 234),  # never as white as the ground, which is not part of a piece
    "Blue": (45, 100, 190),
    "Navy Blue": (32, 42, 88),
    "Grey": (140, 142, 147),
    "Red": (198, 38, 46),
    "Green": (52, 140, 74),
    "Pink": (236, 130, 168),
    "Brown": (112, 72, 46),
    "Purple": (110, 62, 150),
    "Beige": (214, 192, 158),
    "Maroon": (118, 26, 44),
    "Yellow": (240, 204, 60),
    "Orange": (238, 128, 40),
    "Olive": (110, 112, 56),
    "Cream": (240, 228, 196),
    "Charcoal": (72, 75, 82),
    "Teal": (22, 126, 130),
    "Lavender": (178, 164, 216),
    "Peach": (248, 186, 156),
    "Turquoise Blue": (64, 186, 198),
    "Mustard": (204, 154, 40),
    "Silver": (178, 182, 188),
    "Gold": (202, 164, 84),
}

# Most of a shop is dark or plain; the tail is long. Roughly the order of the real catalogue.
_WEIGHTS = (17, 10, 10, 7, 7, 7, 6, 6, 6, 5, 4, 4, 4, 4, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2)
_METALLIC = ("Silver", "Gold")
_QUIET = ("White", "Black", "Grey", "Cream", "Navy Blue")
_SPREAD = 6  # of 255, either way: no two dye lots are alike


def draw_colour(rng: Random, among: tuple[str, ...] | None = None) -> str:
    """Return a colour's name: one of `among`, or any that cloth is dyed in, common ones more often."""
    if among:
        return rng.choice(among)
    names = [name for name in NAMED if name not in _METALLIC]
    return rng.choices(names, _WEIGHTS[: len(names)])[0]


def draw_accent(rng: Random, name: str) -> RGB:
    """Return a second colour that is seen on the first: mostly a quiet one, at times any."""
    lightness = _lightness(NAMED[name])
    seen = [other for other in NAMED if abs(_lightness(NAMED[other]) - lightness) > 60]
    quiet = [other for other in seen if other in _QUIET]
    return vary(rng, NAMED[rng.choice(quiet if quiet and rng.random() < 0.6 else seen)])


def vary(rng: Random, colour: RGB) -> RGB:
    """Return the colour a little off."""
    red, green, blue = (min(250, max(6, part + rng.randint(-_SPREAD, _SPREAD))) for part in colour)
    return red, green, blue


def _lightness(colour: RGB) -> float:
    red, green, blue = colour
    return 0.3 * red + 0.59 * green + 0.11 * blue
