"""similar_to(image): the pieces most like one piece, of those a user may see and does not dislike."""

from __future__ import annotations

from pipelines.lake.table import Table
from pipelines.recommend import similar
from warehouse.marts.recommended_pieces import BLOCK, LABELS, SCORE
from warehouse.marts.view import View, query_beside

_ROW = {column.name: column for column in similar.TABLE.columns}

VIEW = View(
    Table(
        name="similar_to",
        description="The pieces nearest in colour to a piece among those of its kind, the nearest first. Asked of a "
        "product's photo or number, it answers for the product. A gap in the ranks is a piece the user dislikes or may "
        "not see.",
        grain=("source_id", "rank"),
        columns=(*(_ROW[name] for name in ("source_id", "rank", "rec_id")), SCORE, BLOCK, LABELS),
        inputs=(similar.TABLE,),
    ),
    query_beside(__file__),
    viewer=True,
    parameters=("image",),
)
