"""The choice: which products of a lake a request means, and where their images lie."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingest import images, products
from pipelines.lake.errors import CannotRun
from pipelines.lake.recipe import Run
from pipelines.lake.store import Snapshot, Store
from pipelines.selection.request import Selection

STEP = "select"
FIELDS = (
    *("image_id", "gender", "master_category", "sub_category", "article_type"),
    *("base_colour", "season", "year", "usage", "display_name"),
)


@dataclass(frozen=True)
class Choice:
    """Rows of `FIELDS`, one per product and sorted by its id, and the files of `images` with the ids wanted of each.

    Every row's image stands in one of the files; products that have none are counted, and left out.
    """

    rows: pa.Table
    files: Mapping[str, frozenset[str]]
    without_image: int

    @property
    def image_ids(self) -> frozenset[str]:
        return frozenset[str]().union(*self.files.values())


def choose(store: Store, run: Run, selection: Selection) -> Choice:
    """Find products and images in the versions this run reads, which are the same for its repeats.

    Tables are pinned before those they refer to, so that what a row refers to is there. Raises ContractBroken for a
    value that no product has, CannotRun when there are no products at all.
    """
    tables = (products.PRODUCT_IMAGES, products.TABLE, images.TABLE)
    shown, pieces, pictures = (store.snapshot(table, store.pin(run, table, STEP)) for table in tables)
    found = _matching(pieces, selection)
    ids = _image_of(shown, found["product_id"])
    files = _files(pictures, set(ids.drop_null().to_pylist()))
    held = pa.array(sorted(frozenset[str]().union(*files.values())), pa.string())
    rows = found.append_column("image_id", ids).filter(pc.is_in(ids, held))
    return Choice(rows.select(FIELDS), files, found.num_rows - rows.num_rows)


def located(store: Store, run: Run, image_ids: Collection[str]) -> Mapping[str, frozenset[str]]:
    """Return the files of `images` with the ids wanted of each, in the version that the selection of this run read."""
    return _files(store.snapshot(images.TABLE, store.pin(run, images.TABLE, STEP)), set(image_ids))


def _matching(pieces: Snapshot, selection: Selection) -> pa.Table:
    """Return the products asked for, by id."""
    if not pieces.files:
        raise CannotRun("the lake holds no products to select from. Take a catalogue in first: tessera ingest.")
    names = ["product_id", *FIELDS[1:]]
    schema = pa.schema([products.TABLE.schema.field(name) for name in names])
    held = {name: set[str]() for name in selection.open_columns}
    found = [schema.empty_table()]
    for batch in pieces.batches(names):
        for name, values in held.items():
            values.update(batch[name].unique().drop_null().to_pylist())
        found.append(pa.Table.from_batches([batch]).filter(selection.condition).cast(schema))
    selection.check_held(held)
    return pa.concat_tables(found).sort_by("product_id")


def _image_of(shown: Snapshot, product_ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the image of each product: its thumbnail, else its photo, else null."""
    schema, asked = shown.table.schema, pc.field("product_id").isin(product_ids.combine_chunks())
    batches = (pa.Table.from_batches([batch]) for batch in shown.batches(schema.names))
    found = pa.concat_tables([schema.empty_table(), *(rows.filter(asked).cast(schema) for rows in batches)])
    found = found.sort_by([("kind", "descending")])  # thumbnails before photos: the first that is met counts
    return found["image_id"].take(pc.index_in(product_ids, found["product_id"].combine_chunks()))


def _files(pictures: Snapshot, ids: set[str]) -> dict[str, frozenset[str]]:
    parts = {path: ids.intersection(rows["image_id"].to_pylist()) for path, rows in pictures.fragments(["image_id"])}
    return {path: frozenset(parts[path]) for path in sorted(parts) if parts[path]}
