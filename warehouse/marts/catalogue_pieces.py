"""catalogue_pieces: which image stands for each product where pieces are recommended, whatever image one has."""

from __future__ import annotations

from dataclasses import replace

from pipelines.ingest import images, products
from pipelines.ingest.columns import IMAGE_ID, PRODUCT_ID
from pipelines.lake.table import Table
from warehouse.marts.view import View, query_beside

PIECE_ID = replace(
    IMAGE_ID, name="piece_id", description="The image that stands for the product: its thumbnail, else its photo."
)

VIEW = View(
    Table(
        name="catalogue_pieces",
        description="Every image of the catalogue, and the one that stands for its product in recommendations.",
        grain=("product_id", "image_id"),
        columns=(PRODUCT_ID, IMAGE_ID, PIECE_ID),
        inputs=(products.TABLE, products.PRODUCT_IMAGES, images.TABLE),
    ),
    query_beside(__file__),
)
