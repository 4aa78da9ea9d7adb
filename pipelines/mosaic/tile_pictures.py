"""Tile pictures: the middle of every image as a small square, and what it is compared by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines import imaging
from pipelines.ingest import images
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.table import Column, Table
from pipelines.mosaic import features
from pipelines.mosaic.features import PARTS, SIDE, Features, Mode
from pipelines.mosaic.pictures import centre_crop
from pipelines.producers import Image, PerImage, Row

# One value of `features`, little-endian: for each mode the numbers that tiles are compared by.
LAYOUT = np.dtype(
    [("mean_rgb", "<i4", (3,)), *((mode, "<i2", (3 * parts * parts,)) for mode, parts in sorted(PARTS.items()))]
)


@dataclass(frozen=True)
class TileParams:
    """How a tile is cut: the largest square in the middle, reduced to `side` pixels."""

    side: int = SIDE


def tile(image: Image, params: TileParams) -> Iterator[Row]:
    """Yield the image's one row."""
    square = imaging.resized(centre_crop(image.pixels), params.side, params.side)
    found = np.zeros((), LAYOUT)
    found["mean_rgb"] = features.sums(square)
    for mode, parts in PARTS.items():
        found[mode] = features.of_tile(square, parts)
    yield {"image_id": image.image_id, "pixels": square.tobytes(), "features": found.tobytes()}


def read(column: pa.ChunkedArray, mode: Mode) -> Features:
    """Return what tiles are compared by, (n, length), of the values of `features`."""
    held = np.frombuffer(b"".join(column.to_pylist()), LAYOUT)
    return np.ascontiguousarray(held[mode], dtype=np.float64 if mode == "mean_rgb" else np.float32)


def means(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Return the mean of each channel, (n, 3), 0..255, of the values of `features`."""
    return read(column, "mean_rgb") / features.PIXELS


TABLE = Table(
    name="tile_pictures",
    description="The middle of each image as a square of 32 x 32 pixels, and what mosaics compare it by.",
    grain=("image_id",),
    inputs=(images.TABLE,),
    columns=(
        IMAGE_ID,
        Column("pixels", pa.binary(), "The square: 3,072 bytes, row by row, red, green and blue in turn.", blob=True),
        Column(
            "features",
            pa.binary(),
            "Sums of red, green, blue (int32); OKLab of 2 x 2, then of 3 x 3 parts in 1/1024 (int16): L of all, a, b.",
            blob=True,
        ),
    ),
    produce=PerImage(tile, TileParams(), version=1, min_side=SIDE * 3 // 2),
)
