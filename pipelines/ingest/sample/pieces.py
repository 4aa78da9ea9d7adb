"""Pieces: what the sample shop sells, one at a time, each made from the seed and its own number alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pipelines.imaging import encode_jpeg
from pipelines.ingest.sample.colours import NAMED, draw_accent, draw_colour, vary
from pipelines.ingest.sample.drawing import RGB, Easel, Field, Pose
from pipelines.ingest.sample.look import HEIGHT, WIDTH, Look
from pipelines.ingest.sample.prints import draw_print
from pipelines.ingest.sample.wardrobe import KINDS, WEIGHTS, Cut, Kind

_BRANDS = (
    "Almond Row", "Birchwell", "Corvane", "Dunmarsh", "Elmstead", "Fennimore", "Greylark", "Harrowby", "Inkfield",
    "Juniper Lane", "Kestrelle", "Lindqvale", "Marlow & Pine", "Northwick", "Oakhaven", "Pellamy",
)  # fmt: skip
_YEARS = {2010: 1, 2011: 14, 2012: 16, 2013: 2, 2015: 3, 2016: 6, 2017: 3, 2018: 1}
_SEASONS = {"Summer": 21, "Fall": 11, "Winter": 9, "Spring": 3}
_MOTIFS = {"striped": "Striped ", "check": "Check ", "polka": "Polka Dot ", "floral": "Floral "}
_PRINTED = 0.35  # of the pieces whose kind comes in prints
T = TypeVar("T")

_FIRST_ID, _ID_STEP = 9_000_000, 3  # beyond the real set's ids, so that one lake can hold both


@dataclass(frozen=True)
class Piece:
    """A piece, what is true of it (where a catalogue may leave it out), and its picture (JPEG).

    Attributes:
        colours: sRGB of everything that shows on at least 4 % of it, before light and shade; the main one first.
    """

    product_id: int
    gender: str
    master_category: str
    sub_category: str
    article_type: str
    base_colour: str
    season: str
    year: int
    usage: str
    display_name: str
    colours: tuple[RGB, ...]
    image: bytes


def pieces(count: int, seed: int = 7) -> Iterator[Piece]:
    """Yield the first `count` pieces of the shop that `seed` makes, one by one."""
    for index in range(count):
        yield make_piece(index, seed)


def make_piece(index: int, seed: int, width: int = WIDTH, height: int = HEIGHT) -> Piece:
    """Return one piece; `width` and `height` crop its picture about the middle."""
    design = make_design(index, seed)
    easel = design.drawn()
    left, top = (WIDTH - width) // 2, (HEIGHT - height) // 2
    image = encode_jpeg(np.ascontiguousarray(easel.picture()[top : top + height, left : left + width]))
    return design.piece(easel.named_colours(), image)


@dataclass(frozen=True)
class Design:
    """A piece before it is drawn."""

    product_id: int
    kind: Kind
    cut: Cut
    print_name: str
    base_colour: str
    body: RGB
    accent: RGB
    gender: str
    season: str
    year: int
    usage: str
    brand: str
    sketch: str  # seeds all that is drawn

    @property
    def display_name(self) -> str:
        motif = _MOTIFS.get(self.print_name, "")
        return f"{self.brand} {self.gender} {self.base_colour} {motif}{self.cut.noun}"

    def piece(self, colours: tuple[RGB, ...], image: bytes) -> Piece:
        """Return the piece with its picture."""
        kind = self.kind
        return Piece(
            product_id=self.product_id,
            gender=self.gender,
            master_category=kind.master_category,
            sub_category=kind.sub_category,
            article_type=kind.article_type,
            base_colour=self.base_colour,
            season=self.season,
            year=self.year,
            usage=self.usage,
            display_name=self.display_name,
            colours=colours,
            image=image,
        )

    def drawn(self) -> Easel:
        """Return the piece drawn."""
        rng = Random(self.sketch)
        ground = rng.choice(((255, 255, 255), (255, 255, 255), (252, 252, 252), (250, 250, 251)))
        easel = Easel(WIDTH, HEIGHT, ground, _pose(rng), _folds(rng))
        look = Look(self.body, self.accent, draw_print(self.print_name, rng, WIDTH, HEIGHT), self.cut.word)
        self.kind.draw(easel, look)
        return easel


def make_design(index: int, seed: int) -> Design:
    """Return what piece `index` is. A text seeds the generator: the same on every machine and in every process."""
    rng = Random(f"tessera {seed} piece {index}")
    kind = rng.choices(KINDS, WEIGHTS)[0]
    cut = rng.choice(kind.cuts)
    colour = draw_colour(rng, cut.colours)
    return Design(
        product_id=_FIRST_ID + _ID_STEP * index + rng.randrange(_ID_STEP),
        kind=kind,
        cut=cut,
        print_name="plain" if cut.is_plain or rng.random() > _PRINTED else rng.choice(kind.prints),
        base_colour=colour,
        body=vary(rng, NAMED[colour]),
        accent=draw_accent(rng, colour),
        gender=rng.choice(kind.genders),
        season=_weighted(rng, _SEASONS),
        year=_weighted(rng, _YEARS),
        usage=rng.choice(kind.usages),
        brand=rng.choice(_BRANDS),
        sketch=f"tessera {seed} sketch {index}",
    )


def _weighted(rng: Random, choices: dict[T, int]) -> T:
    return rng.choices(list(choices), list(choices.values()))[0]


def _pose(rng: Random) -> Pose:
    return Pose(
        scale_x=rng.uniform(0.93, 1.02),
        scale_y=rng.uniform(0.96, 1.06),
        turn=math.radians(rng.gauss(0, 1.2)),
        shift_x=rng.uniform(-1.5, 1.5),
        shift_y=rng.uniform(-1.5, 1.5),
        flip=rng.random() < 0.5,
    )


def _folds(rng: Random) -> Field:
    """Return light from one side and a few soft folds, about 1."""
    y, x = np.ogrid[0:HEIGHT, 0:WIDTH]
    light: NDArray[np.float64] = 1.0 + rng.uniform(-0.05, 0.05) * (x - WIDTH / 2) / (WIDTH / 2) + 0.0 * y
    for _ in range(3):
        wave = rng.uniform(0.12, 0.45) * x + rng.uniform(-0.12, 0.12) * y
        light += rng.uniform(0.008, 0.022) * np.sin(wave + rng.uniform(0, 6.3))
    return light
