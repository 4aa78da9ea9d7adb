"""Uploads: which pictures users have put in, and who may see them."""

from __future__ import annotations

import pyarrow as pa

from pipelines.ingest import images
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.table import Column, Table

USER_ID = Column("user_id", pa.string(), "Whom the row belongs to.", pattern=r"[^\x00-\x1f\x7f]{1,200}")
BATCH = Column("batch", pa.string(), "The batch of the inbox that last said so.", provenance=True)

TABLE = Table(
    name="uploads",
    description="The pictures users have put in. Private ones are for their owner's eyes only.",
    grain=("user_id", "image_id"),
    columns=(
        USER_ID,
        IMAGE_ID,
        Column("title", pa.string(), "The title the user gave it.", nullable=True),
        Column("visibility", pa.string(), "Who may see it: its owner, or everybody.", values=("private", "shared")),
        Column("file_name", pa.string(), "Its name when it came in; names never identify a picture."),
        Column("uploaded_at", pa.timestamp("us", "UTC"), "When the user put it in."),
        BATCH,
    ),
    inputs=(images.TABLE,),
)
