"""wardrobe(viewer): a user's own pieces, put in or liked, with their colours and what others think of them."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from pipelines.ingest import products
from pipelines.ingest.inbox import uploads, votes
from pipelines.lake.table import Column, Table
from pipelines.palette import palettes
from warehouse.marts.view import View, query_beside

_UPLOAD = {column.name: column for column in uploads.TABLE.columns}


def _count(name: str, description: str) -> Column:
    return Column(name, pa.int64(), description, bounds=(0, float(2**62)))


VIEW = View(
    Table(
        name="wardrobe",
        description="The pieces one user has put in, and those of the catalogue they like, with their colours and the "
        "votes on them; nobody else's.",
        grain=("user_id", "image_id"),
        columns=(
            _UPLOAD["user_id"],
            _UPLOAD["image_id"],
            Column("origin", pa.string(), "Whether the user put it in or likes it.", values=("upload", "liked")),
            replace(_UPLOAD["title"], description="The title the user gave it, or the name it has in the shop."),
            replace(_UPLOAD["visibility"], description="Who may see an upload.", nullable=True),
            replace(_UPLOAD["uploaded_at"], name="added_at", description="When the user put it in or liked it."),
            Column("palette", pa.list_(pa.string()), "Its colours, most common first, as hex digits.", nullable=True),
            _count("like_count", "Users who like it."),
            _count("dislike_count", "Users who dislike it."),
        ),
        inputs=(uploads.TABLE, votes.TABLE, products.TABLE, products.PRODUCT_IMAGES, palettes.TABLE),
    ),
    query_beside(__file__),
    viewer=True,
)
