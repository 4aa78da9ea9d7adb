"""mosaic_tiles_of(mosaic, viewer): which tiles a mosaic shows, and how often, the most used first."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from pipelines.ingest import image_sources, images
from pipelines.ingest.inbox import mosaic_requests, uploads
from pipelines.lake.table import Column, Table
from pipelines.mosaic import mosaic_cells, mosaic_tiles, mosaics
from warehouse.marts.view import View, query_beside

_CELL = {column.name: column for column in mosaic_cells.TABLE.columns}
_TILE = {column.name: column for column in mosaic_tiles.TABLE.columns}

VIEW = View(
    Table(
        name="mosaic_tiles_of",
        description="The tiles of one mosaic that the viewer may see: what they show, how often they come, how near "
        "they are; none of a mosaic that is somebody else's.",
        grain=("mosaic_id", "tile_id"),
        columns=(
            _CELL["mosaic_id"],
            *(_TILE[name] for name in ("tile_id", "label", "source", "tag_path", "family")),
            Column("use_count", pa.int64(), "How many cells show it.", bounds=(1, 1_000_000)),
            replace(_CELL["distance"], name="mean_distance", description="Mean distance of those cells."),
        ),
        inputs=(
            *(mosaic_cells.TABLE, mosaic_tiles.TABLE, mosaics.TABLE, mosaic_requests.TABLE),
            *(images.TABLE, image_sources.TABLE, uploads.TABLE),
        ),
    ),
    query_beside(__file__),
    viewer=True,
    parameters=("mosaic",),
)
