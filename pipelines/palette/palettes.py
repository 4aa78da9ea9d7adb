"""Palettes: the dominant colours of each image, most common first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.imaging import resized
from pipelines.ingest import images
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.errors import Rejected
from pipelines.lake.table import Column, Expectation, Table
from pipelines.palette import colour_names
from pipelines.palette.background import without_background
from pipelines.palette.color import Floats, hex_of, to_oklab, to_srgb
from pipelines.palette.columns import BLUE, FAMILY, GREEN, HEX, NAME, RED
from pipelines.palette.quantize import quantize
from pipelines.palette.reference import SIDE, drawn_colours
from pipelines.palette.tones import distinctness
from pipelines.producers import Image, PerImage, Row

Field = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PaletteParams:
    """What a palette is made of.

    In the space "rgb" it is made as an earlier system made it, of draws from the picture at 224 x 224, and the
    background counts.
    """

    size: int = 5  # swatches kept per image
    center_sigma: float = 0.1  # Gaussian weight around the centre, as a part of the side; 0 = uniform
    is_background_counted: bool = False  # else an even ground weighs nothing
    space: Literal["oklab", "rgb"] = "oklab"
    names: str = field(default_factory=colour_names.digest)  # which list the colours are named by


@lru_cache(maxsize=8)
def center_weights(height: int, width: int, sigma: float) -> Field:
    """Return (height, width) weights that sum to 1: two crossed Gaussians around the centre, or a flat field."""
    if sigma == 0:
        return np.full((height, width), 1 / (height * width), np.float32)
    across, down = (
        np.exp(-0.5 * ((np.arange(side) - (side - 1) / 2) / (sigma * side)) ** 2) for side in (width, height)
    )
    field = np.outer(down, across)
    weights: Field = (field / field.sum()).astype(np.float32)
    return weights


class Colours(NamedTuple):
    """`rgb` (k, 3) 8-bit colours and `share` (k,) of what was looked at."""

    rgb: npt.NDArray[np.int64]
    share: Floats


def swatches(image: Image, params: PaletteParams) -> Iterator[Row]:
    """Yield the image's dominant colours, most common first; transparent pixels count for nothing.

    Raises Rejected when nothing of the image is visible.
    """
    found = _in_rgb(image, params) if params.space == "rgb" else _in_oklab(image, params)
    rgb, worth = found.rgb, distinctness(found.rgb)
    lab = np.array([to_oklab(*map(float, colour)) for colour in rgb])
    names = colour_names.nearest_names(lab)
    order = sorted(range(params.size), key=lambda k: (-found.share[k], hex_of(tuple(rgb[k]))))
    dominant = max(order, key=lambda k: worth[k])  # of equals, the first in rank order
    for rank, k in enumerate(order):
        red, green, blue = (int(channel) for channel in rgb[k])
        yield {
            "image_id": image.image_id,
            "rank": rank,
            "hex": hex_of((red, green, blue)),
            "red": red,
            "green": green,
            "blue": blue,
            "lightness": lab[k, 0],
            "oklab_a": lab[k, 1],
            "oklab_b": lab[k, 2],
            "name": names[k].name,
            "family": names[k].family,
            "share": min(float(found.share[k]), 1.0),
            "weight": float(worth[k] / worth.sum()),
            "is_dominant": k == dominant,
        }


def _in_oklab(image: Image, params: PaletteParams) -> Colours:
    weights = _visible(center_weights(*image.pixels.shape[:2], params.center_sigma), image.alpha)
    if not params.is_background_counted:
        weights = without_background(image.pixels, weights)
    found = quantize(image.pixels, weights, params.size)
    return Colours(np.array([[round(channel) for channel in to_srgb(*lab)] for lab in found.lab]), found.share)


def _in_rgb(image: Image, params: PaletteParams) -> Colours:
    alpha = None if image.alpha is None else resized(np.dstack([image.alpha] * 3), SIDE, SIDE)[:, :, 0]
    weights = _visible(center_weights(SIDE, SIDE, params.center_sigma), alpha).astype(np.float64).reshape(-1)
    pixels = resized(image.pixels, SIDE, SIDE).reshape(-1, 3)
    return Colours(*drawn_colours(pixels, weights / weights.sum(), params.size, int(image.image_id[:16], 16)))


def _visible(weights: Field, alpha: npt.NDArray[np.uint8] | None) -> Field:
    """Return the weights of what is visible. Raises Rejected when nothing is."""
    if alpha is not None:
        weights = (weights * (alpha / 255)).astype(np.float32)
        if not weights.any():
            raise Rejected("nothing_visible", "every pixel of the image is transparent, so it has no colours.")
    return weights


TABLE = Table(
    name="palettes",
    description="The dominant colours of each image, most common first.",
    grain=("image_id", "rank"),
    inputs=(images.TABLE,),
    columns=(
        IMAGE_ID,
        Column("rank", pa.int16(), "Position in the palette; 0 is the most common.", bounds=(0, 15)),
        HEX,
        RED,
        GREEN,
        BLUE,
        Column("lightness", pa.float32(), "Its lightness in OKLab: 0 is black, 1 white.", bounds=(0, 1.001)),
        Column("oklab_a", pa.float32(), "From green (-) to red (+) in OKLab.", bounds=(-0.5, 0.5)),
        Column("oklab_b", pa.float32(), "From blue (-) to yellow (+) in OKLab.", bounds=(-0.5, 0.5)),
        NAME,
        FAMILY,
        Column("share", pa.float32(), "Weighted part of the pixels nearest to this colour.", bounds=(0, 1)),
        Column("weight", pa.float32(), "How much it counts in comparisons; small near skin and grey.", bounds=(0, 1)),
        Column("is_dominant", pa.bool_(), "True for the one colour of the image farthest from skin and neutral tones."),
    ),
    expectations=(
        Expectation(
            "shares_sum_to_one",
            "The shares of an image's colours add up to 1.",
            "SELECT image_id FROM palettes GROUP BY image_id HAVING abs(sum(share) - 1) > 1e-3",
        ),
        Expectation(
            "one_dominant_colour",
            "Each image has exactly one dominant colour.",
            "SELECT image_id FROM palettes GROUP BY image_id HAVING count_if(is_dominant) <> 1",
        ),
    ),
    produce=PerImage(swatches, PaletteParams(), version=2, min_side=224),
)
