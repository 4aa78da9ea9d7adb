"""Images: every distinct picture, once, as the bytes it came in. Names never identify a picture."""

from __future__ import annotations

import pyarrow as pa

from pipelines import imaging
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.table import Column, Table

TABLE = Table(
    name="images",
    description="Every distinct image, identified by its bytes.",
    grain=("image_id",),
    columns=(
        IMAGE_ID,
        Column(
            "format",
            pa.string(),
            "How the bytes are encoded; cifar10: 32x32 raw, plane by plane.",
            values=("jpeg", "png", "webp", "cifar10"),
        ),
        Column("width_px", pa.int32(), "Width as stored, before any EXIF rotation.", bounds=(1, 16_384)),
        Column("height_px", pa.int32(), "Height as stored, before any EXIF rotation.", bounds=(1, 16_384)),
        Column("mode", pa.string(), "Channels as stored: RGB, L (grey), CMYK, P (palette), with A for alpha."),
        Column("byte_count", pa.int64(), "Size of the original file in bytes.", bounds=(1, 32 << 20)),
        Column("data", pa.binary(), "The original bytes, untouched.", blob=True),
    ),
)


def row(image_id: str, data: bytes, format: str | None = None) -> dict[str, object]:  # noqa: A002
    """Return the row of an image. Raises Rejected when the bytes are not a whole, acceptable picture.

    A source whose pictures do not tell their format by themselves names it.
    """
    header = imaging.inspect(data, format)
    return {
        "image_id": image_id,
        "format": header.format,
        "width_px": header.width,
        "height_px": header.height,
        "mode": header.mode,
        "byte_count": len(data),
        "data": data,
    }
