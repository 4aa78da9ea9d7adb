"""Mosaics: every mosaic that is asked for, laid out and drawn.

One that stands is looked at again when its tiles have changed: a cell keeps its tile until another is nearer by a
margin. What is no longer asked for goes, from the table now and from the lake's `_mosaics/` with the next cleaning.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingest import image_sources, images
from pipelines.ingest.columns import IMAGE_ID
from pipelines.ingest.inbox import mosaic_requests, uploads
from pipelines.ingest.inbox.mosaic_requests import MosaicRequest
from pipelines.ingest.inbox.uploads import USER_ID
from pipelines.lake import progress, rejects
from pipelines.lake.errors import Rejected
from pipelines.lake.materialize import remove, upsert
from pipelines.lake.recipe import recipe
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal
from pipelines.lake.store import Snapshot
from pipelines.lake.table import Column, Expectation, Table
from pipelines.mosaic import making, mosaic_cells, mosaic_tiles, tile_pictures
from pipelines.mosaic.making import Mosaic
from pipelines.mosaic.material import Tiles
from pipelines.mosaic.params import MosaicParams
from pipelines.mosaic.search import NOWHERE, Places
from pipelines.producers import WholeTable

Row = dict[str, Any]

_INPUTS = (mosaic_requests.TABLE, mosaic_tiles.TABLE, tile_pictures.TABLE, uploads.TABLE, image_sources.TABLE)


def make(journal: Journal, table: Table, params: MosaicParams) -> None:
    """Make what is asked for and not there, and look again at what has other tiles than before. Raises CannotRun."""
    store = journal.store
    with journal.step(table.name) as step:
        own = store.snapshot(table)
        inputs = [store.snapshot(each, store.pin(journal.run, each, reader=table.name)) for each in _INPUTS]
        standing = rejects.standing(store, table.name, recipe(table))
        step.unchanged, step.rejected = sum(own.files.values()), len(standing)
        step.rows_in = step.unchanged + step.rejected
        if progress.read(store, own) == progress.progress_of(own, inputs, own.version):
            return
        wanted = mosaic_requests.standing(store)
        night = _Night(journal, table, params, Tiles(inputs[1], inputs[2]), _rows(own))
        night.forget({request.mosaic_id for request in wanted})
        lost = list(night.bring_up_to_date(wanted))
        rejects.record(store, journal.run, table.name, lost, recipe(table))
        step.rows_in, step.rejected, step.new = len(wanted), len(lost), night.made
        step.unchanged = step.rows_in - step.rejected - step.new
        now = store.snapshot(table)
        progress.write(store, table, progress.progress_of(now, inputs, now.version))


def _rows(own: Snapshot) -> dict[str, Row]:
    rows = own.read().to_pylist()
    is_ours = all(path.startswith(f"{recipe(own.table)}/") for path in own.files)
    return {row["mosaic_id"]: row | ({} if is_ours else {"made_of": ""}) for row in rows}


@dataclass
class _Night:
    """One night's work: what there is to make mosaics of, and what stands."""

    journal: Journal
    table: Table
    params: MosaicParams
    tiles: Tiles
    held: dict[str, Row]
    made: int = 0

    def forget(self, wanted: set[str]) -> None:
        """Take out the mosaics that nobody asks for any more."""
        laid_out = self.journal.store.snapshot(mosaic_cells.TABLE).read(["mosaic_id"])["mosaic_id"].unique().to_pylist()
        if gone := sorted((self.held.keys() | set(laid_out)) - wanted):
            self._remove(gone)

    def _remove(self, mosaic_ids: list[str]) -> None:
        gone = pa.array(mosaic_ids, pa.string())
        for each in (self.table, mosaic_cells.TABLE):
            remove(self.journal.store, self.journal.run, each, lambda rows: pc.is_in(rows["mosaic_id"], gone))

    def bring_up_to_date(self, wanted: Iterable[MosaicRequest]) -> Iterable[Reject]:
        """Make each mosaic that is not as it should be; yield those that cannot be made."""
        for request in wanted:
            tile_ids = self.tiles.of(request)
            made_of = self.tiles.fingerprint(tile_ids)
            before = self.held.get(request.mosaic_id)
            if before and before["made_of"] == made_of:
                continue
            try:
                self._make(request, tile_ids, made_of, before)
            except Rejected as error:
                if before:  # it shows tiles that are not there any more
                    self._remove([request.mosaic_id])
                yield Reject(request.mosaic_id, error.reason, f"Mosaic of {request.image_id[:12]}: {error.detail}")
            else:
                self.made += 1

    def _make(self, request: MosaicRequest, tile_ids: pa.Array, made_of: str, before: Row | None) -> None:
        store, run = self.journal.store, self.journal.run
        sketch = making.sketched(store, request)
        held = self._held(request.mosaic_id, tile_ids, sketch.columns * sketch.rows) if before else None
        mosaic = making.lay_out(
            sketch, tile_ids, lambda mode: self.tiles.features(tile_ids, mode), held, self.params.margin
        )
        step = f"mosaic {request.mosaic_id}"
        making.draw(store, mosaic, lambda done: self.journal.progress(step, done, sketch.size[1]))
        upsert(store, run, mosaic_cells.TABLE, _cells(mosaic), within=("mosaic_id",))
        changed = len(mosaic.layout.places) if held is None else int((held != mosaic.layout.places).sum())
        row = _row(mosaic) | {"changed_count": changed, "made_of": made_of}
        upsert(store, run, self.table, pa.Table.from_pylist([row], self.table.schema))

    def _held(self, mosaic_id: str, tile_ids: pa.Array, count: int) -> Places | None:
        """Return the layout that stands, NOWHERE where a tile has gone; None where there is none of this size."""
        batches = self.journal.store.snapshot(mosaic_cells.TABLE).batches(["mosaic_id", "y", "x", "tile_id"])
        rows = [pa.Table.from_batches([batch]).filter(pc.equal(batch["mosaic_id"], mosaic_id)) for batch in batches]
        cells = pa.concat_tables(rows).sort_by([("y", "ascending"), ("x", "ascending")]) if rows else None
        if cells is None or cells.num_rows != count:
            return None
        places = pc.index_in(cells["tile_id"].combine_chunks(), tile_ids)
        return np.asarray(pc.fill_null(places, NOWHERE)).astype(np.int32)


def _cells(mosaic: Mosaic) -> pa.Table:
    layout, columns = mosaic.layout, mosaic.sketch.columns
    at = np.arange(len(layout.places), dtype=np.int32)
    return pa.Table.from_arrays(
        [
            pa.repeat(mosaic.sketch.request.mosaic_id, len(at)),
            pa.array(at // columns),
            pa.array(at % columns),
            mosaic.tile_ids.take(pa.array(layout.places)),
            pa.array(layout.distances),
            pa.array(layout.ranks.astype(np.int32)),
        ],
        schema=mosaic_cells.TABLE.schema,
    )


def _row(mosaic: Mosaic) -> Row:
    sketch, layout = mosaic.sketch, mosaic.layout
    width, height = sketch.size
    return {
        "mosaic_id": sketch.request.mosaic_id,
        "image_id": sketch.request.image_id,
        "user_id": sketch.request.user_id,
        "mode": sketch.mode,
        "columns": sketch.columns,
        "rows": sketch.rows,
        "width_px": width,
        "height_px": height,
        "tile_count": len(mosaic.tile_ids),
        "used_count": len(mosaic.used[0]),
        "most_uses": int(np.bincount(layout.places).max()),
        "distance": layout.distance,
        "bound": layout.bound,
        "gap": layout.gap,
        "error": mosaic.error,
        "picture": mosaic.path,
    }


_DISTANCE = mosaic_cells.TABLE.columns[4]

TABLE = Table(
    name="mosaics",
    description="Each mosaic that was asked for: its size, how near its picture it is, and where it lies.",
    grain=("mosaic_id",),
    inputs=(mosaic_requests.TABLE, *_INPUTS[1:], mosaic_cells.TABLE, images.TABLE),
    columns=(
        Column("mosaic_id", pa.string(), "The mosaic, as it was asked for.", pattern="[0-9a-f]{16}"),
        replace(IMAGE_ID, description="The picture it shows."),
        replace(USER_ID, description="Whose it is; null: an operator's.", nullable=True),
        Column("mode", pa.string(), "What of a cell was compared with a tile.", values=mosaic_requests.MODES),
        Column("columns", pa.int32(), "Cells across.", bounds=(1, 2_000)),
        Column("rows", pa.int32(), "Cells down.", bounds=(1, 1_000_000)),
        Column("width_px", pa.int32(), "Width of its picture.", bounds=(1, 1 << 30)),
        Column("height_px", pa.int32(), "Height of its picture.", bounds=(1, 1 << 30)),
        Column("tile_count", pa.int32(), "How many tiles were allowed.", bounds=(1, 2**31 - 1)),
        Column("used_count", pa.int32(), "How many different tiles it shows.", bounds=(1, 1_000_000)),
        Column("most_uses", pa.int32(), "How often the most used of them comes.", bounds=(1, 1_000_000)),
        replace(_DISTANCE, description="Mean distance of its cells."),
        replace(_DISTANCE, name="bound", description="No layout within its limits has a lower mean distance."),
        Column("gap", pa.float64(), "By which share of the bound the distance is above it; 0: it is the best."),
        Column("error", pa.float64(), "Mean distance in OKLab over 3 x 3 parts of each cell, in any mode."),
        Column("changed_count", pa.int32(), "How many cells changed when it was last laid out.", provenance=True),
        Column("picture", pa.string(), "Where its picture lies in the lake; of a .dzi a .html lies beside it."),
        Column("made_of", pa.string(), "Tells whether its tiles are those there are now.", provenance=True),
    ),
    expectations=(
        Expectation(
            "every_cell_is_there",
            "A mosaic has a cell for each place.",
            "SELECT mosaic_id FROM mosaics LEFT JOIN mosaic_cells USING (mosaic_id) "
            'GROUP BY mosaic_id, "columns", "rows" HAVING count(tile_id) <> "columns" * "rows"',
        ),
        Expectation(
            "limits_are_kept",
            "No tile is used more often than was asked.",
            "SELECT mosaic_id FROM mosaics JOIN mosaic_requests USING (mosaic_id) WHERE most_uses > max_uses",
        ),
        Expectation(
            "bound_is_below",
            "No mosaic is better than the best there can be.",
            "SELECT mosaic_id FROM mosaics WHERE distance < bound * (1 - 1e-4)",
        ),
    ),
    produce=WholeTable(make, MosaicParams(), version=1),
)
