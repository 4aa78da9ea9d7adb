"""Perceptual hashes: how each image looks in 64 bits, so that alike images can be found without their pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from pipelines.duplicates.hashing import look
from pipelines.ingest import images
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.table import Column, Table
from pipelines.producers import Image, PerImage, Row


@dataclass(frozen=True)
class HashParams:
    """When a hash says something."""

    min_contrast: float = 1.0  # RMS levels; the bits of a flatter picture are noise, and would pair all flat ones


def hashed(image: Image, params: HashParams) -> Iterator[Row]:
    """Yield the image's one row."""
    found = look(image.pixels)
    signed = found.bits - (found.bits >> 63 << 64)
    yield {
        "image_id": image.image_id,
        "phash": signed if found.contrast >= params.min_contrast else None,
        "contrast": found.contrast,
        "layout": found.layout.tobytes(),
    }


TABLE = Table(
    name="perceptual_hashes",
    description="How each image looks in 64 bits: alike images differ in few of them, whatever their colours.",
    grain=("image_id",),
    inputs=(images.TABLE,),
    columns=(
        IMAGE_ID,
        Column(
            "phash",
            pa.int64(),  # Delta has no unsigned integers
            "The hash as two's complement; bit_count(xor(a, b)) is the distance. Empty where the image is flat.",
            nullable=True,
        ),
        Column("contrast", pa.float32(), "RMS contrast of what the hash sees, in levels of 255.", bounds=(0, 255)),
        Column("layout", pa.binary(), "Mean sRGB of 8x8 cells, row by row, three bytes each.", blob=True),
    ),
    produce=PerImage(hashed, HashParams(), version=1, min_side=64),
)
