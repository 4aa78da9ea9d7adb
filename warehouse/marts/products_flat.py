"""products_flat: one row per product with its image and its colours, for people who want no joins."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from pipelines.ingest import images, products
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.table import Column, Table
from pipelines.palette import palettes
from warehouse.marts.view import View, query_beside


def _maybe(column: Column, name: str, description: str) -> Column:
    """Return a column of another table as an outer join gives it: it may be empty."""
    return replace(column, name=name, description=description, nullable=True)


_IMAGE = {column.name: column for column in images.TABLE.columns}
_COLOUR = {column.name: column for column in palettes.TABLE.columns}

VIEW = View(
    Table(
        name="products_flat",
        description="Every product with the image that shows it and that image's colours; no joins needed.",
        grain=products.TABLE.grain,
        columns=(
            *products.TABLE.columns,
            _maybe(IMAGE_ID, "image_id", "The image the sizes and colours are of: the photo, else the thumbnail."),
            _maybe(IMAGE_ID, "photo_id", "The image_id of its large photo, where there is one."),
            _maybe(IMAGE_ID, "thumbnail_id", "The image_id of its thumbnail, where there is one."),
            _maybe(_IMAGE["width_px"], "width_px", "Width of that image as stored."),
            _maybe(_IMAGE["height_px"], "height_px", "Height of that image as stored."),
            Column("palette", pa.list_(pa.string()), "Its colours, most common first, as hex digits.", nullable=True),
            _maybe(_COLOUR["hex"], "dominant_hex", "The one colour farthest from skin and neutral tones."),
        ),
        inputs=(products.TABLE, products.PRODUCT_IMAGES, images.TABLE, palettes.TABLE),
    ),
    query_beside(__file__),
)
