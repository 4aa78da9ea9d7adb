"""settled_pieces(viewer): what a user need not be shown any more, since they said so of it or of a look-alike."""

from __future__ import annotations

import pyarrow as pa

from pipelines.duplicates import near_duplicates
from pipelines.ingest import products
from pipelines.ingest.columns import IMAGE_ID
from pipelines.ingest.inbox import uploads, votes
from pipelines.lake.table import Column, Table
from warehouse.marts.view import View, query_beside

VIEW = View(
    Table(
        name="settled_pieces",
        description="The images a user dislikes or has, put in or liked, and those that show the same product or "
        "look the same in the same colours.",
        grain=("image_id",),
        columns=(
            IMAGE_ID,
            Column("is_disliked", pa.bool_(), "True if the user dislikes it or one that is like it."),
            Column("is_owned", pa.bool_(), "True if the user has put in or likes it or one that is like it."),
        ),
        inputs=(votes.TABLE, uploads.TABLE, products.PRODUCT_IMAGES, near_duplicates.TABLE),
    ),
    query_beside(__file__),
    viewer=True,
)
