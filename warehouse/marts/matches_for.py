"""matches_for(image): the pieces that go with one piece, of those a user may see and does not dislike."""

from __future__ import annotations

from pipelines.lake.table import Table
from pipelines.recommend import complementary
from warehouse.marts.recommended_pieces import BLOCK, COLOUR_HEX, LABELS, RELATION, SCORE
from warehouse.marts.view import View, query_beside

_ROW = {column.name: column for column in complementary.TABLE.columns}

VIEW = View(
    Table(
        name="matches_for",
        description="The pieces to wear with a piece, by kind and by a colour that matches its own, the best first. "
        "Asked of a product's photo or number, it answers for the product.",
        grain=("source_id", "rank"),
        columns=(
            *(_ROW[name] for name in ("source_id", "rank", "rec_id")),
            SCORE,
            BLOCK,
            LABELS,
            RELATION,
            COLOUR_HEX,
        ),
        inputs=(complementary.TABLE,),
    ),
    query_beside(__file__),
    viewer=True,
    parameters=("image",),
)
