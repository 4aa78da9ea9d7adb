"""find_pieces(label, tag, colour, family): pieces by what they are and by their colours, in one question."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from pipelines.inference import labels, tags
from pipelines.ingest import products
from pipelines.ingest.columns import IMAGE_ID
from pipelines.ingest.inbox import uploads
from pipelines.lake.table import Column, Table
from pipelines.palette import colour_names, palettes
from warehouse.marts.images_near import DISTANCE
from warehouse.marts.view import View, query_beside

_SWATCH = {column.name: replace(column, nullable=True) for column in palettes.TABLE.columns}
_TAG = {column.name: column for column in tags.TABLE.columns}

VIEW = View(
    Table(
        name="find_pieces",
        description="The pieces of the catalogue and of users that have a label of any group (piece, article_type, "
        "base_colour, …), a tag, a swatch near a colour, a share of a colour family: all that is asked for, and what "
        "is not asked for is empty. min_share is the swatch's (else 0) or the family's (else 0.3).",
        grain=("image_id",),
        columns=(
            IMAGE_ID,
            Column("label_groups", pa.list_(pa.string()), "The groups in which it has the label.", nullable=True),
            replace(_TAG["probability"], description="How probable a model finds the tag.", nullable=True),
            replace(DISTANCE, nullable=True),
            _SWATCH["hex"],
            _SWATCH["name"],
            Column("family_share", pa.float32(), "Part of its pixels that is of the family.", nullable=True),
        ),
        inputs=(
            products.PRODUCT_IMAGES,
            uploads.TABLE,
            labels.TABLE,
            tags.TABLE,
            palettes.TABLE,
            colour_names.TABLE,
        ),
    ),
    query_beside(__file__),
    viewer=True,
    parameters=(
        "label := NULL",
        "tag := NULL",
        "colour := NULL",
        "family := NULL",
        "within := 0.1",
        "min_share := NULL",
    ),
)
