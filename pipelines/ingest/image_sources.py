"""Image sources: every place an image was met, and what its owner allows there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingest import images
from pipelines.ingest.columns import IMAGE_ID, SOURCE
from pipelines.lake.store import Store
from pipelines.lake.table import Column, Table

TABLE = Table(
    name="image_sources",
    description="Where each image was met, and on which terms; one image may have several sources.",
    grain=("source", "key"),
    columns=(
        SOURCE,
        Column("key", pa.string(), "The image's name in that source."),
        IMAGE_ID,
        Column("stamp", pa.string(), "What the source says of the file's version; equal stamps are not read again."),
        Column("allow_training", pa.bool_(), "True if models may learn from it; all sources of an image must agree."),
        Column("expires_at", pa.timestamp("us", "UTC"), "When it must be gone by the source's terms.", nullable=True),
        Column("attribution", pa.string(), "The text that has to be shown with it.", nullable=True),
    ),
    inputs=(images.TABLE,),
)


@dataclass(frozen=True)
class Terms:
    """What a source's owner allows."""

    allow_training: bool
    attribution: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Met:
    """An image the lake has met under some key."""

    stamp: str
    image_id: str


def met(store: Store, source: str) -> dict[str, Met]:
    """Return what the lake knows of a source's files, by key."""
    held = store.snapshot(TABLE).read(["source", "key", "stamp", "image_id"])
    rows = held.filter(pc.field("source") == source).select(["key", "stamp", "image_id"])
    keys, stamps, ids = (column.to_pylist() for column in rows.columns)
    return {key: Met(stamp, image_id) for key, stamp, image_id in zip(keys, stamps, ids, strict=True)}


def row(source: str, key: str, stamp: str, image_id: str, terms: Terms) -> dict[str, object]:
    """Return one row of the table."""
    return {
        "source": source,
        "key": key,
        "image_id": image_id,
        "stamp": stamp,
        "allow_training": terms.allow_training,
        "expires_at": terms.expires_at,
        "attribution": terms.attribution,
    }
