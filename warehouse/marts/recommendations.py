"""recommendations(viewer): what to show a user: pieces like theirs and pieces to wear with them."""

from __future__ import annotations

from dataclasses import replace

from pipelines.ingest.inbox import uploads, votes
from pipelines.recommend import complementary, similar
from warehouse.marts import recommended_pieces
from warehouse.marts.view import View, query_beside

_ALL = recommended_pieces.VIEW.table

VIEW = View(
    replace(
        _ALL,
        name="recommendations",
        description="Both kinds of recommendations for all that a user has put in or likes, without what they dislike "
        "or have already, look-alikes included.",
        columns=tuple(column for column in _ALL.columns if column.name != "swatches"),
        inputs=(uploads.TABLE, votes.TABLE, similar.TABLE, complementary.TABLE),
    ),
    query_beside(__file__),
    viewer=True,
)
