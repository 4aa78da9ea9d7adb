"""Deletions: what users have taken back. The row stays, so that an old batch cannot bring a picture back."""

from __future__ import annotations

import pyarrow as pa

from pipelines.ingest.columns import IMAGE_ID
from pipelines.ingest.inbox.uploads import BATCH, USER_ID
from pipelines.lake.table import Column, Table

TABLE = Table(
    name="deletions",
    description="Pictures that users have taken back; what they had said of them before is gone.",
    grain=("user_id", "image_id"),
    columns=(
        USER_ID,
        IMAGE_ID,
        Column("deleted_at", pa.timestamp("us", "UTC"), "When the user took it back."),
        BATCH,
    ),
)
