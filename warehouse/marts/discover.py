"""discover(viewer): pieces of the catalogue drawn by chance that a user has not voted on."""

from __future__ import annotations

from pipelines.ingest import products
from pipelines.ingest.columns import IMAGE_ID, PRODUCT_ID
from pipelines.ingest.inbox import votes
from pipelines.lake.table import Table
from warehouse.marts.view import View, query_beside

_PRODUCT = {column.name: column for column in products.TABLE.columns}

VIEW = View(
    Table(
        name="discover",
        description="Pieces of the catalogue that a user has not voted on, n of them drawn by chance. One seed draws "
        "the same ones until the user votes on them or the catalogue changes.",
        grain=("image_id",),
        columns=(
            IMAGE_ID,
            PRODUCT_ID,
            *(_PRODUCT[name] for name in ("display_name", "article_type", "base_colour")),
        ),
        inputs=(products.TABLE, products.PRODUCT_IMAGES, votes.TABLE),
    ),
    query_beside(__file__),
    viewer=True,
    parameters=("viewer", "n := 1", "seed := 0"),
)
