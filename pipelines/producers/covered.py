"""Which images a table is made of: those in the lake that its coverage names."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.lake.recipe import Run
from pipelines.lake.store import Snapshot, Store
from pipelines.lake.table import Table
from pipelines.producers.kinds import EVERY_IMAGE, Coverage
from pipelines.producers.worker import producer

Files = dict[str, list[str]]  # path of an image file → the image of each of its rows


def pinned(store: Store, run: Run, table: Table) -> tuple[Files, set[str]]:
    """Return the image files of the version this run reads, and the images in them that the table covers."""
    held = [store.snapshot(read, store.pin(run, read, reader=table.name)) for read in _read(table)]
    return _files_and_ids(table, held)


def newest(store: Store, table: Table) -> set[str]:
    """Return the covered images there are now: a night beside this one may have taken some in after our pin."""
    return _files_and_ids(table, [store.snapshot(read) for read in _read(table)])[1]


def _read(table: Table) -> tuple[Table, ...]:
    """Return the tables that decide which images there are: the images and, for a coverage, their sources."""
    if producer(table).coverage == EVERY_IMAGE:
        return table.inputs[:1]
    return (table.inputs[0], _sources(table))


def _sources(table: Table) -> Table:
    for upstream in table.inputs:
        if upstream.name == "image_sources":
            return upstream
    raise TypeError(f"table {table.name} has a coverage, so image_sources must be among its inputs")


def _files_and_ids(table: Table, held: Sequence[Snapshot]) -> tuple[Files, set[str]]:
    images, *sources = held
    fragments = sorted(images.fragments(["image_id"]), key=itemgetter(0))
    files = {path: rows["image_id"].to_pylist() for path, rows in fragments}
    ids = set().union(*files.values())
    for snapshot in sources:
        ids &= _named(snapshot, producer(table).coverage)
    return files, ids


def _named(held: Snapshot, coverage: Coverage) -> set[str]:
    """Return the images that a source named which counts."""
    named = set[str]()
    for _, rows in held.fragments(["source", "image_id"]):
        counts = pc.invert(pc.is_in(rows["source"], pa.array(coverage.without, pa.string())))
        if coverage.sources:
            counts = pc.and_(counts, pc.is_in(rows["source"], pa.array(coverage.sources, pa.string())))
        named.update(rows["image_id"].filter(counts).to_pylist())
    return named
