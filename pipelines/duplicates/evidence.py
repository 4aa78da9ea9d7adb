"""Evidence: what is known of every image that can be compared, read from the lake into arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.compiled import compiled
from pipelines.duplicates.distances import Floats
from pipelines.duplicates.hashing import LAYOUT
from pipelines.duplicates.pairs import Evidence, Mask
from pipelines.lake.progress import Progress
from pipelines.lake.store import Snapshot
from pipelines.palette.color import to_oklab

_CHANNELS = ["red", "green", "blue", "share"]


@dataclass(frozen=True)
class Looks:
    """Images in the order of their ids: those with a hash and a palette, which of them are fresh, and their evidence.

    `known` are all images of the pinned version and `fresh_count` how many of them are fresh, compared or not.
    """

    ids: pa.StringArray
    evidence: Evidence
    is_fresh: Mask
    known: pa.StringArray
    fresh_count: int


def read(hashes: Snapshot, palettes: Snapshot, progress: Progress) -> Looks:
    """Read the evidence; an image is fresh when any of its own lies in a file that has not been compared."""
    rows = _hashes(hashes, progress.came(hashes))
    known, is_fresh = rows["image_id"].combine_chunks(), np.array(rows["is_fresh"].to_numpy())
    colours = _palettes(palettes, progress.came(palettes), known, is_fresh)
    usable = rows["phash"].is_valid().to_numpy() & (colours[:, :, 3] > 0).any(axis=1)
    rows = rows.filter(pa.array(usable))
    codes = rows["phash"].to_numpy().view(np.uint64)
    evidence = Evidence(codes, colours[usable], _layouts(rows["layout"]))
    return Looks(known.filter(pa.array(usable)), evidence, is_fresh[usable], known, int(is_fresh.sum()))


def positions(ids: pa.ChunkedArray, among: pa.StringArray) -> npt.NDArray[np.int64]:
    """Return where each id stands in sorted ids, -1 where it does not."""
    found = pc.fill_null(pc.index_in(ids, value_set=among), -1)
    return np.asarray(found.to_numpy(), np.int64)


def _hashes(snapshot: Snapshot, came: set[str]) -> pa.Table:
    """Return all rows in order of their ids, with a column `is_fresh`: whether their file came."""
    rows = [snapshot.table.schema.empty_table().append_column("is_fresh", pa.array([], pa.bool_()))]
    for path, part in snapshot.fragments(snapshot.table.schema.names):
        is_fresh = pa.array(np.full(part.num_rows, path in came))
        rows.append(part.append_column("is_fresh", is_fresh).cast(rows[0].schema))
    return pa.concat_tables(rows).sort_by("image_id")


def _layouts(layouts: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    """Return (n, cells, 3) OKLab."""
    colours = np.frombuffer(b"".join(layouts.to_pylist()), np.uint8).reshape(-1, 3).astype(np.float64)
    _to_oklab(colours)
    return colours.astype(np.float32).reshape(len(layouts), LAYOUT * LAYOUT, 3)


def _palettes(snapshot: Snapshot, came: set[str], ids: pa.StringArray, is_fresh: Mask) -> Floats:
    """Return (n, k, 4) OKLab and share, share 0 where an image has no such swatch; mark the images that came."""
    size = (pc.max(snapshot.read(["rank"])["rank"]).as_py() or 0) + 1
    palettes = np.zeros((len(ids), size, 4))
    for path, rows in snapshot.fragments(["image_id", "rank", *_CHANNELS]):
        at, rank = positions(rows["image_id"], ids), rows["rank"].to_numpy()
        here = at >= 0
        colours = np.stack([rows[name].to_numpy().astype(np.float64) for name in _CHANNELS], axis=1)
        _to_oklab(colours)
        palettes[at[here], rank[here]] = colours[here]
        is_fresh[at[here]] |= path in came
    return palettes


@compiled
def _to_oklab(colours: Floats) -> None:
    for colour in colours:
        colour[0], colour[1], colour[2] = to_oklab(colour[0], colour[1], colour[2])
