"""mosaics_of(viewer): the mosaics a user may look at, their own and the operators', as they were asked for."""

from __future__ import annotations

from pipelines.ingest import image_sources, images
from pipelines.ingest.inbox import mosaic_requests, uploads
from pipelines.lake.table import Table
from pipelines.mosaic import mosaics
from warehouse.marts.view import View, query_beside

_MADE = {column.name: column for column in mosaics.TABLE.columns}
_ASKED = {column.name: column for column in mosaic_requests.TABLE.columns}

VIEW = View(
    Table(
        name="mosaics_of",
        description="The mosaics one user has asked for, and the operators' mosaics of pictures that everybody sees, "
        "as they were asked for and as they came out; the one asked for last comes first.",
        grain=("mosaic_id",),
        columns=(
            *(_MADE[name] for name in ("mosaic_id", "image_id", "user_id")),
            _ASKED["asked_at"],
            _MADE["mode"],
            *(_ASKED[name] for name in ("sources", "tag_path", "families", "max_uses", "apart", "tile_px", "tint")),
            _ASKED["format"],
            *(_MADE[name] for name in ("columns", "rows", "width_px", "height_px", "tile_count", "used_count")),
            *(_MADE[name] for name in ("most_uses", "distance", "gap", "error", "picture")),
        ),
        inputs=(mosaics.TABLE, mosaic_requests.TABLE, images.TABLE, image_sources.TABLE, uploads.TABLE),
    ),
    query_beside(__file__),
    viewer=True,
)
