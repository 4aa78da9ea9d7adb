"""A catalogue of any size for the benchmark: copies of the pieces of a lake, their colours moved by ±2 by a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.duplicates import near_duplicates
from pipelines.inference import labels
from pipelines.ingest import products
from pipelines.ingest.inbox import uploads
from pipelines.lake.materialize import path_of, remove
from pipelines.lake.recipe import Run
from pipelines.lake.store import Change, Store
from pipelines.lake.table import Table
from pipelines.palette import palettes
from pipelines.palette.color import hex_of
from pipelines.palette.tones import distinctness
from pipelines.recommend.attributes import Attributes
from pipelines.recommend.kernels import Excluded
from pipelines.recommend.pieces import Palettes, Pieces

JITTER = 2  # levels of a channel
_FILE_IMAGES = 16_384


def grown(source: Store, folder: Path, count: int) -> tuple[Store, np.ndarray]:
    """Write a lake of `count` pieces; return it, and their ids."""
    lake = Store(str(folder))
    shows = source.snapshot(products.PRODUCT_IMAGES).read().filter(pc.field("kind") == "thumbnail")
    images = pc.unique(shows["image_id"])
    tables = {t: source.snapshot(t).read() for t in (palettes.TABLE, labels.TABLE, products.TABLE)}
    tables |= {products.PRODUCT_IMAGES: shows}
    for table in tables:
        if "image_id" in table.schema.names:
            tables[table] = tables[table].filter(pc.is_in(tables[table]["image_id"], images))
    ids: list[str] = []
    for copy in range(-(-count // len(images))):
        some = images[: min(len(images), count - len(ids))]
        named = pa.array([hashlib.sha256(f"{copy}:{one}".encode()).hexdigest() for one in some.to_pylist()])
        ids += named.to_pylist()
        for table, rows in tables.items():
            _write(lake, table, _copied(table, rows, copy, some, named), copy)
    for table in (near_duplicates.TABLE, uploads.TABLE):
        _write(lake, table, table.schema.empty_table(), 0)
    return lake, np.array(sorted(ids))


def multiplied(some: Pieces, count: int) -> Pieces:
    """Return as many pieces in memory alone, mixed, as hashes would mix them; without exclusions."""
    chance = np.random.default_rng(count)
    chosen = chance.permutation(np.arange(count) % len(some))
    seen, said = some.palettes, some.attributes
    colours = seen.colours[chosen].astype(np.int16)
    colours += chance.integers(-JITTER, JITTER + 1, colours.shape, np.int16)
    palettes = Palettes(
        np.clip(colours, 0, 255).astype(np.uint8), seen.counts[chosen], seen.shares[chosen], seen.dominant[chosen]
    )
    kinds = Attributes(said.labels[chosen], said.types[chosen], said.genders[chosen], said.type_sets)
    nobody = Excluded(np.zeros(count + 1, np.int64), np.zeros(0, np.int32))
    return Pieces(some.ids.take(pa.array(chosen)), palettes, kinds, np.ones(count, np.bool_), nobody)


def _copied(table: Table, rows: pa.Table, copy: int, some: pa.Array, named: pa.Array) -> pa.Table:
    numbers = 10_000_000 * copy
    if "product_id" in table.schema.names:
        moved = pc.add(rows["product_id"], numbers)
        rows = rows.set_column(table.schema.get_field_index("product_id"), table.schema.field("product_id"), moved)
    if "image_id" not in table.schema.names:
        return rows
    place = pc.index_in(rows["image_id"], some)
    rows, place = rows.filter(place.is_valid()), place.drop_null()
    rows = rows.set_column(table.schema.get_field_index("image_id"), "image_id", named.take(place))
    return _jittered(rows, copy) if table == palettes.TABLE else rows


def _jittered(rows: pa.Table, seed: int) -> pa.Table:
    """Move every channel a little; what follows from the colours follows."""
    rows = rows.sort_by([("image_id", "ascending"), ("rank", "ascending")])
    rgb = np.stack([rows[name].to_numpy().astype(np.int64) for name in ("red", "green", "blue")], axis=1)
    if seed:
        rgb = np.clip(rgb + np.random.default_rng(seed).integers(-JITTER, JITTER + 1, rgb.shape), 0, 255)
    worth = np.concatenate([distinctness(part) for part in np.array_split(rgb, max(1, len(rgb) // 8192))])
    _, starts = np.unique(rows["image_id"].to_numpy(), return_index=True)
    sizes = np.diff([*starts, len(rgb)])
    most = np.repeat(np.maximum.reduceat(worth, starts), sizes)
    first = np.minimum.reduceat(np.where(worth == most, np.arange(len(rgb)), len(rgb)), starts)
    changed = {
        **{name: channel.astype(np.int16) for name, channel in zip(("red", "green", "blue"), rgb.T, strict=True)},
        "hex": [hex_of(tuple(colour)) for colour in rgb.tolist()],
        "weight": (worth / np.repeat(np.add.reduceat(worth, starts), sizes)).astype(np.float32),
        "is_dominant": np.isin(np.arange(len(rgb)), first),
    }
    for name, values in changed.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, pa.array(values))
    return rows


def _write(lake: Store, table: Table, rows: pa.Table, copy: int) -> None:
    rows = rows.cast(table.schema)
    parts = max(1, -(-rows.num_rows // (5 * _FILE_IMAGES)))
    size = -(-rows.num_rows // parts) or 1
    files = [
        lake.write(table, path_of(table, f"{copy}-{part}"), rows.slice(part * size, size)) for part in range(parts)
    ]
    lake.change(table, Run(), lambda _: Change(files))


def without(lake: Store, image_ids: Iterable[str]) -> None:
    """Take pieces out."""
    gone = pa.array(sorted(image_ids))
    for table in (palettes.TABLE, labels.TABLE, products.PRODUCT_IMAGES):
        remove(lake, Run(), table, lambda rows: pc.is_in(rows["image_id"], gone))
