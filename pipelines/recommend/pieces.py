"""Pieces: what is known of every image that is compared, read from the lake into small arrays.

A piece is an image that stands for a product, its thumbnail or else its large photo, or that a user has put in; one
without a palette is not compared. Pieces are known by their place in the order of their ids, so that a lower number
is a lower id.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.duplicates import near_duplicates
from pipelines.inference import labels
from pipelines.ingest import products
from pipelines.ingest.inbox import uploads
from pipelines.lake.store import Snapshot
from pipelines.lake.table import Table
from pipelines.palette import palettes
from pipelines.recommend.attributes import Attributes, attributes
from pipelines.recommend.kernels import Excluded, Ints
from pipelines.recommend.rows import placed, positions, together
from pipelines.recommend.seeds import Pairs

INPUTS: tuple[Table, ...] = (
    *(palettes.TABLE, labels.TABLE, near_duplicates.TABLE),
    *(products.TABLE, products.PRODUCT_IMAGES, uploads.TABLE),
)

Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Palettes:
    """Swatches in the order of their ranks; where a piece has fewer than `k`, the first stands in for the others.

    `colours` (n, k, 3); `counts` (n,) of swatches; `shares` (n, k), 0 where there is none; `dominant` (n,) which of
    them is.
    """

    colours: Bytes
    counts: npt.NDArray[np.int8]
    shares: npt.NDArray[np.float32]
    dominant: npt.NDArray[np.int8]

    def where(self, mask: Mask | Ints) -> Palettes:
        return Palettes(self.colours[mask], self.counts[mask], self.shares[mask], self.dominant[mask])


@dataclass(frozen=True)
class Pieces:
    """Pieces, which of them may be recommended, what they are, and whom each never has beside itself."""

    ids: pa.StringArray
    palettes: Palettes
    attributes: Attributes
    is_candidate: Mask
    excluded: Excluded

    def __len__(self) -> int:
        return len(self.ids)


def read(inputs: Iterable[Snapshot], match_labels: Pairs) -> Pieces:
    """Read the pieces of pinned inputs."""
    held = {snapshot.table.name: snapshot for snapshot in inputs}
    shows = held["product_images"].read().sort_by([("product_id", "ascending"), ("kind", "descending")])
    put_in = held["uploads"].read(["image_id", "visibility"])
    public = pa.concat_arrays([pa.array([], pa.string()), *_representing(shows).chunks, *_shared(put_in).chunks])
    everyone = pc.unique(pa.concat_arrays([public, *put_in["image_id"].chunks]))
    ids = everyone.take(pc.sort_indices(everyone))
    seen, ids = _palettes(held["palettes"], ids)
    said = attributes(held["labels"], held["products"], shows, ids, match_labels)
    excluded = _excluded([_one_product(shows, ids), _alike(held["near_duplicates"], ids)], len(ids))
    return Pieces(ids, seen, said, pc.is_in(ids, public).to_numpy(zero_copy_only=False), excluded)


def dominant_colours(inputs: Iterable[Snapshot]) -> tuple[pa.StringArray, Bytes]:
    """Return the ids of all pieces, and the dominant colour (n, 3) of each."""
    held = {snapshot.table.name: snapshot for snapshot in inputs}
    shows = held["product_images"].read().sort_by([("product_id", "ascending"), ("kind", "descending")])
    named = [*_representing(shows).chunks, *held["uploads"].read(["image_id"])["image_id"].chunks]
    everyone = pc.unique(pa.concat_arrays([pa.array([], pa.string()), *named]))
    seen, ids = _palettes(held["palettes"], everyone.take(pc.sort_indices(everyone)))
    return ids, seen.colours[np.arange(len(ids)), seen.dominant]


def _representing(shows: pa.Table) -> pa.ChunkedArray:
    """Return the image that stands for each product: of a thumbnail and a photo the first, in the order given."""
    return shows.group_by("product_id", use_threads=False).aggregate([("image_id", "first")])["image_id_first"]


def _shared(put_in: pa.Table) -> pa.ChunkedArray:
    return put_in.filter(pc.equal(put_in["visibility"], "shared"))["image_id"]


def _palettes(snapshot: Snapshot, ids: pa.StringArray) -> tuple[Palettes, pa.StringArray]:
    """Return the palettes of those images that have one, and their ids."""
    size = 1 + max((pc.max(batch["rank"]).as_py() or 0 for batch in snapshot.batches(["rank"])), default=0)
    count = len(ids)
    colours, shares = np.zeros((count, size, 3), np.uint8), np.zeros((count, size), np.float32)
    counts, dominant = np.zeros(count, np.int8), np.zeros(count, np.int8)
    for held in together(snapshot, ["image_id", "rank", "red", "green", "blue", "share", "is_dominant"]):
        rows = placed(held, ids)
        at, rank = rows["at"].to_numpy(), rows["rank"].to_numpy()
        for channel, name in enumerate(("red", "green", "blue")):
            colours[at, rank, channel] = rows[name].to_numpy()
        shares[at, rank] = rows["share"].to_numpy()
        np.add.at(counts, at, 1)
        is_dominant = rows["is_dominant"].to_numpy()
        dominant[at[is_dominant]] = rank[is_dominant]
    is_absent = np.arange(size) >= counts[:, None]
    colours[is_absent] = np.broadcast_to(colours[:, :1], colours.shape)[is_absent]
    seen = Palettes(colours, counts, shares, dominant)
    return seen.where(counts > 0), ids.filter(pa.array(counts > 0))


def _one_product(shows: pa.Table, ids: pa.StringArray) -> Ints:
    """Return (n, 2) pieces that show one product."""
    of, at = shows["product_id"].to_numpy(), positions(shows["image_id"], ids)
    of, at = of[at >= 0], at[at >= 0]  # in the order of the products
    pairs = [np.stack([at[:-step], at[step:]], axis=1)[of[:-step] == of[step:]] for step in (1, 2) if len(of) > step]
    return np.concatenate([np.empty((0, 2), np.int64), *pairs])


def _alike(snapshot: Snapshot, ids: pa.StringArray) -> Ints:
    """Return (n, 2) pieces that are near duplicates, or the same picture."""
    found = [np.empty((0, 2), np.int64)]
    for held in together(snapshot, ["image_id", "other_image_id", "is_near_duplicate", "is_same_picture"]):
        rows = held.filter(pc.or_(held["is_near_duplicate"], held["is_same_picture"]))
        ends = np.stack([positions(rows[name], ids) for name in ("image_id", "other_image_id")], axis=1)
        found.append(ends[(ends >= 0).all(axis=1)])
    return np.concatenate(found)


def _excluded(pairs: list[Ints], count: int) -> Excluded:
    """Return pairs of either direction by their first piece."""
    one_way = np.concatenate(pairs)
    both = np.unique(np.concatenate([one_way, one_way[:, ::-1]]), axis=0)
    both = both[both[:, 0] != both[:, 1]]
    return Excluded(np.searchsorted(both[:, 0], np.arange(count + 1)), both[:, 1].astype(np.int32))
