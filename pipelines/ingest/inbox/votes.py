"""Votes: who likes or dislikes which picture; the latest word counts."""

from __future__ import annotations

import pyarrow as pa

from pipelines.ingest import images
from pipelines.ingest.columns import IMAGE_ID
from pipelines.ingest.inbox.uploads import BATCH, USER_ID
from pipelines.lake.table import Column, Table

TABLE = Table(
    name="votes",
    description="Which pictures users like or dislike; of several votes on one picture the latest counts.",
    grain=("user_id", "image_id"),
    columns=(
        USER_ID,
        IMAGE_ID,
        Column("value", pa.int16(), "1: likes it, -1: dislikes it.", bounds=(-1, 1)),
        Column("voted_at", pa.timestamp("us", "UTC"), "When the user said so."),
        BATCH,
    ),
    inputs=(images.TABLE,),
)
