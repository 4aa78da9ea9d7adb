"""wardrobe(viewer): a user's own pieces, with their colours and what others think of them."""

from __future__ import annotations

import pyarrow as pa

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
        description="The pieces one user has put in, with their colours and the votes on them; nobody else's.",
        grain=("user_id", "image_id"),
        columns=(
            *(_UPLOAD[name] for name in ("user_id", "image_id", "title", "visibility", "uploaded_at")),
            Column("palette", pa.list_(pa.string()), "Its colours, most common first, as hex digits.", nullable=True),
            _count("like_count", "Users who like it."),
            _count("dislike_count", "Users who dislike it."),
        ),
        inputs=(uploads.TABLE, votes.TABLE, palettes.TABLE),
    ),
    query_beside(__file__),
    viewer=True,
)
