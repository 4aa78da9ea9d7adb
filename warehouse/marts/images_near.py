"""images_near(colour): the images with a swatch near a colour, the nearest first, of those a user may see."""

from __future__ import annotations

import pyarrow as pa

from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.table import Column, Table
from pipelines.palette import palettes
from warehouse.marts.view import View, query_beside

_SWATCH = {column.name: column for column in palettes.TABLE.columns}
DISTANCE = Column("distance", pa.float64(), "How far it is in OKLab, where white to black is 1.", bounds=(0, 2))

VIEW = View(
    Table(
        name="images_near",
        description="The images with a swatch within an OKLab distance of a colour like '#8B1A1A', each with the "
        "nearest such swatch, the nearest first. With min_share only swatches of at least that share count.",
        grain=("image_id",),
        columns=(IMAGE_ID, DISTANCE, *(_SWATCH[name] for name in ("hex", "name", "share", "rank"))),
        inputs=(palettes.TABLE,),
    ),
    query_beside(__file__),
    viewer=True,
    parameters=("colour", "within := 0.1", "min_share := 0.0"),
)
