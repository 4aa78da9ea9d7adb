"""Palettes: the dominant colours of each image, most common first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.ingest import images
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.errors import Rejected
from pipelines.lake.table import Column, Expectation, Table
from pipelines.palette.color import hex_of, to_srgb
from pipelines.palette.quantize import quantize
from pipelines.palette.tones import distinctness
from pipelines.producers import Image, PerImage, Row


@dataclass(frozen=True)
class PaletteParams:
    """What a palette is made of."""

    size: int = 5  # swatches kept per image
    center_sigma: float = 0.1  # Gaussian weight around the centre, as a part of the side; 0 = uniform


@lru_cache(maxsize=8)
def center_weights(height: int, width: int, sigma: float) -> npt.NDArray[np.float32]:
    """Return (height, width) weights that sum to 1: two crossed Gaussians around the centre, or a flat field."""
    if sigma == 0:
        return np.full((height, width), 1 / (height * width), np.float32)
    across, down = (
        np.exp(-0.5 * ((np.arange(side) - (side - 1) / 2) / (sigma * side)) ** 2) for side in (width, height)
    )
    field = np.outer(down, across)
    weights: npt.NDArray[np.float32] = (field / field.sum()).astype(np.float32)
    return weights


def swatches(image: Image, params: PaletteParams) -> Iterator[Row]:
    """Yield the image's dominant colours, most common first; transparent pixels count for nothing.

    Raises Rejected when nothing of the image is visible.
    """
    weights = center_weights(*image.pixels.shape[:2], params.center_sigma)
    if image.alpha is not None:
        weights = (weights * (image.alpha / 255)).astype(np.float32)
    if not weights.any():
        raise Rejected("nothing_visible", "every pixel of the image is transparent, so it has no colours.")
    found = quantize(image.pixels, weights, params.size)
    rgb = np.array([[round(channel) for channel in to_srgb(*lab)] for lab in found.lab])
    worth = distinctness(rgb)
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
            "share": min(float(found.share[k]), 1.0),
            "weight": float(worth[k] / worth.sum()),
            "is_dominant": k == dominant,
        }


TABLE = Table(
    name="palettes",
    description="The dominant colours of each image, most common first.",
    grain=("image_id", "rank"),
    inputs=(images.TABLE,),
    columns=(
        IMAGE_ID,
        Column("rank", pa.int16(), "Position in the palette; 0 is the most common.", bounds=(0, 15)),
        Column("hex", pa.string(), "The colour in sRGB, six upper-case digits.", pattern=r"[0-9A-F]{6}"),
        Column("red", pa.int16(), "Its red channel.", bounds=(0, 255)),
        Column("green", pa.int16(), "Its green channel.", bounds=(0, 255)),
        Column("blue", pa.int16(), "Its blue channel.", bounds=(0, 255)),
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
    produce=PerImage(swatches, PaletteParams(), version=1, min_side=224),
)
