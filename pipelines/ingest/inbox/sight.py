"""Sight: which pictures everybody may see, and which only those who brought them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingest import image_sources
from pipelines.lake.rows import texts
from pipelines.lake.store import Store

SOURCE = "inbox"
OWN = ("user_id", "image_id")


def source_key(kind: str, user_id: str, image_id: str) -> str:
    """Return the key in `image_sources` of a file that a user brings: no two users share one."""
    return f"{kind}/{user_id}/{image_id}"


@dataclass(frozen=True)
class Sight:
    """Who may see which of some images: `public` ones everybody, the others whose `own` (user, image) they are."""

    public: pa.Array
    own: pa.Array

    def of(self, rows: pa.Table) -> pa.ChunkedArray:
        """Return of each row whether its user may see its image; a user who is null sees what everybody sees."""
        return pc.or_(pc.is_in(rows["image_id"], self.public), pc.is_in(texts(rows, OWN), self.own))


def look(store: Store, uploads: pa.Table, images: pa.Array, gone: Collection[tuple[str, str]] = ()) -> Sight:
    """Return who may see which of `images` while these `uploads` stand; (source, key) pairs in `gone` count no more."""
    public = set(uploads.filter(pc.equal(uploads["visibility"], "shared"))["image_id"].to_pylist())
    own = set(zip(*(uploads[name].to_pylist() for name in OWN), strict=True))
    for batch in store.snapshot(image_sources.TABLE).batches(["source", "key", "image_id"]):
        for row in batch.filter(pc.is_in(batch["image_id"], images)).to_pylist():
            if (row["source"], row["key"]) in gone:
                continue
            if row["source"] != SOURCE:
                public.add(row["image_id"])
            elif row["key"].startswith("label/"):
                own.add((row["key"].removeprefix("label/").rpartition("/")[0], row["image_id"]))
    pairs = pa.table({name: pa.array([pair[i] for pair in own], pa.string()) for i, name in enumerate(OWN)})
    return Sight(pa.array(sorted(public), pa.string()), texts(pairs, OWN).combine_chunks())
