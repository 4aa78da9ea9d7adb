"""Thumbnails: every image as a small JPEG of one size, whatever its shape, for people to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from pipelines import imaging
from pipelines.ingest import image_sources, images
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.table import Column, Table
from pipelines.producers import Coverage, Image, PerImage, Row

_SIDE = 224  # pixels


@dataclass(frozen=True)
class ThumbnailParams:
    """How large a thumbnail is, and how good."""

    width: int = _SIDE
    height: int = _SIDE
    quality: int = 85  # of its JPEG, 1..100; colour in full resolution


def thumbnail(image: Image, params: ThumbnailParams) -> Iterator[Row]:
    """Yield the image's one row; the aspect is not kept."""
    pixels = imaging.resized(image.pixels, params.width, params.height)
    yield {
        "image_id": image.image_id,
        "width_px": params.width,
        "height_px": params.height,
        "data": imaging.encode_jpeg(pixels, params.quality),
    }


TABLE = Table(
    name="thumbnails",
    description="Every image but those of CIFAR-10 as a small JPEG of one size, stretched to it.",
    grain=("image_id",),
    inputs=(images.TABLE, image_sources.TABLE),
    columns=(
        IMAGE_ID,
        Column("width_px", pa.int32(), "Width of the thumbnail.", bounds=(1, 4_096)),
        Column("height_px", pa.int32(), "Height of the thumbnail.", bounds=(1, 4_096)),
        Column("data", pa.binary(), "The thumbnail as a JPEG, seen upright and over white.", blob=True),
    ),
    produce=PerImage(
        thumbnail,
        ThumbnailParams(),
        version=1,
        min_side=_SIDE * 3 // 2,  # the decoder's reduction alone would blur
        coverage=Coverage(without=("cifar10", "sample_cifar10")),
    ),
)
