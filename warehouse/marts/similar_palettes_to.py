"""similar_palettes_to(image): the pieces whose palettes look most like one piece's, of those a user may see."""

from __future__ import annotations

from pipelines.lake.table import Table
from pipelines.recommend import similar_palettes
from warehouse.marts.view import View, query_beside

VIEW = View(
    Table(
        name="similar_palettes_to",
        description="The pieces whose palettes look nearest to a piece's, less those the user dislikes or may not see. "
        "Empty until somebody has had similar_palettes made.",
        grain=("source_id", "rank"),
        columns=similar_palettes.TABLE.columns,
        inputs=(similar_palettes.TABLE,),
    ),
    query_beside(__file__),
    viewer=True,
    parameters=("image",),
)
