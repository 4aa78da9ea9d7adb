"""images_with_family(family): the images that are red, or green, for the most part, of those a user may see."""

from __future__ import annotations

import pyarrow as pa

from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.table import Column, Table
from pipelines.palette import colour_names, palettes
from warehouse.marts.view import View, query_beside

VIEW = View(
    Table(
        name="images_with_family",
        description="The images of which at least min_share of the pixels that count for their palette is of a colour "
        "family, the most first.",
        grain=("image_id",),
        columns=(
            IMAGE_ID,
            Column("share", pa.float32(), "Part of its pixels that is of the family.", bounds=(0, 1)),
            Column("colours", pa.list_(pa.string()), "Its colours of that family, most common first, as hex digits."),
        ),
        inputs=(palettes.TABLE, colour_names.TABLE),
    ),
    query_beside(__file__),
    viewer=True,
    parameters=("family", "min_share := 0.3"),
)
