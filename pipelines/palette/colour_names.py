"""Colour names: the 267 of ISCC-NBS, each with its centroid in sRGB and the family people would look for it in.

The names are those of Kelly and Judd, "Color: Universal Language and Dictionary of Names" (NBS Special Publication
440, 1976). They stand in `colour_names.csv` beside this module; the families are ours, and may be edited.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.lake.runs import Journal
from pipelines.lake.table import Table
from pipelines.palette.color import Floats, rgb_of, to_oklab
from pipelines.palette.columns import BLUE, FAMILY, GREEN, HEX, NAME, RED
from pipelines.producers import WholeTable, listed

_FILE = Path(__file__).with_suffix(".csv")
_GREY = 0.012  # OKLab chroma up to which people see no hue in a swatch; neighbouring greys of a picture lie within it
_PLAIN_GREY = 0.005  # up to which there is none; the centroids of the plain names have no more, of all others more
_PLAIN = ("black", "dark gray", "medium gray", "light gray", "white")


@dataclass(frozen=True)
class ColourName:
    """A published name, its colour, and the family it belongs to."""

    name: str
    hex: str
    family: str


@cache
def colour_names() -> tuple[ColourName, ...]:
    """Return all names, in order."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        return tuple(ColourName(**row) for row in csv.DictReader(file))


@cache
def _centroids() -> Floats:
    """Return (n, 3) OKLab."""
    return np.array([to_oklab(*map(float, rgb_of(colour.hex))) for colour in colour_names()])


@cache
def _hues() -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return of each name whether it is of a hue's family, and whether there is any hue in it."""
    is_hue = [colour.family not in ("black", "grey", "white") for colour in colour_names()]
    return np.array(is_hue), np.array([colour.name not in _PLAIN for colour in colour_names()])


def nearest_names(lab: npt.NDArray[np.floating]) -> Sequence[ColourName]:
    """Return the name whose colour is nearest to each OKLab colour of (n, 3); of equals, the first.

    A colour that shows no hue is called black, white or grey, and one that has none by such a name without a hue: these
    names lie so far apart in lightness that some pale blue or pink would be nearer.
    """
    names = colour_names()
    distance = np.square(lab[:, None, :] - _centroids()).sum(axis=2)
    chroma = np.hypot(lab[:, 1], lab[:, 2])[:, None]
    is_hue, is_tinted = _hues()
    distance[(chroma <= _GREY) & is_hue | (chroma <= _PLAIN_GREY) & is_tinted] = np.inf
    return [names[place] for place in distance.argmin(axis=1)]


@cache
def digest() -> str:
    """Return what tells whether the file says something else: names and families stand in every palette."""
    return hashlib.sha256(_FILE.read_bytes()).hexdigest()[:16]


@dataclass(frozen=True)
class ColourNameParams:
    """What the file says: all there is to the table."""

    names: tuple[ColourName, ...]


def put_up(journal: Journal, table: Table, params: ColourNameParams) -> None:
    """Bring the table to what the file says."""
    rows = []
    for colour in params.names:
        red, green, blue = rgb_of(colour.hex)
        rows.append(
            {"name": colour.name, "hex": colour.hex, "red": red, "green": green, "blue": blue, "family": colour.family}
        )
    listed.put_up(journal, table, pa.Table.from_pylist(rows, table.schema))


TABLE = Table(
    name="colour_names",
    description="Names of colours, each with the colour it stands for and the family people look for it in.",
    grain=("name",),
    columns=(NAME, HEX, RED, GREEN, BLUE, FAMILY),
    produce=WholeTable(put_up, ColourNameParams(colour_names()), version=1),
)
