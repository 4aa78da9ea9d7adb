"""Mosaic cells: which tile each cell of each mosaic shows. They are laid out with the mosaics."""

from __future__ import annotations

import pyarrow as pa

from pipelines.ingest.inbox import mosaic_requests
from pipelines.lake.table import Column, Expectation, Table
from pipelines.mosaic import mosaic_tiles
from pipelines.mosaic.params import MosaicParams
from pipelines.producers import Companion

TABLE = Table(
    name="mosaic_cells",
    description="Which tile each cell of each mosaic shows, how near it is, and how many would be nearer.",
    grain=("mosaic_id", "y", "x"),
    inputs=(mosaic_requests.TABLE, mosaic_tiles.TABLE),
    columns=(
        Column("mosaic_id", pa.string(), "The mosaic.", pattern="[0-9a-f]{16}"),
        Column("y", pa.int32(), "Its row, from above, from 0.", bounds=(0, 1_000_000)),
        Column("x", pa.int32(), "Its column, from the left, from 0.", bounds=(0, 2_000)),
        Column("tile_id", pa.string(), "The tile it shows.", pattern=r"[0-9a-f]{64}"),
        Column(
            "distance",
            pa.float64(),
            "How far the tile is from what it stands for: in OKLab (black to white is 1), in mean_rgb in RGB.",
            bounds=(0, 442),
        ),
        Column("rank", pa.int32(), "Its place by distance among all tiles that were allowed; 1: none is nearer."),
    ),
    expectations=(
        Expectation(
            "tile_is_there",
            "Each cell shows a tile.",
            "SELECT mosaic_id, tile_id FROM mosaic_cells ANTI JOIN mosaic_tiles USING (tile_id)",
        ),
        Expectation(
            "ranks_are_places",
            "A rank is 1 or more.",
            'SELECT mosaic_id FROM mosaic_cells WHERE "rank" < 1',
        ),
    ),
    produce=Companion(MosaicParams(), version=1),
)
