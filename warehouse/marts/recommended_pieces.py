"""recommended_pieces(viewer): every recommendation a user may see, of both kinds, but for what they dislike."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from pipelines.lake.table import Column, Table
from pipelines.recommend import complementary, similar
from warehouse.marts.view import View, query_beside

_SIMILAR = {column.name: column for column in similar.TABLE.columns}
_MATCH = {column.name: column for column in complementary.TABLE.columns}
KIND = Column("kind", pa.string(), "What it is to its source.", values=("similar", "complementary"))
SCORE = replace(_SIMILAR["score"], description="How far the colours are apart, in RGB; lower is nearer.")
BLOCK = replace(_SIMILAR["block"], description="What had to fit beside the colours.", values=None)
LABELS = Column("labels", pa.list_(pa.string()), "The labels that fit, sorted.")
RELATION, COLOUR_HEX = (replace(_MATCH[name], nullable=True) for name in ("relation", "colour_hex"))
_SWATCHES = Column(
    "swatches",
    pa.list_(pa.int16()),
    "The ranks of the candidate's swatches that count: the nearest to each swatch of the source, or the one that fits.",
)

VIEW = View(
    Table(
        name="recommended_pieces",
        description="The pieces that are like each piece in colour and kind, and those that go with it.",
        grain=("source_id", "kind", "rank"),
        columns=(
            _SIMILAR["source_id"],
            KIND,
            _SIMILAR["rank"],
            _SIMILAR["rec_id"],
            SCORE,
            BLOCK,
            LABELS,
            RELATION,
            COLOUR_HEX,
            _SWATCHES,
        ),
        inputs=(similar.TABLE, complementary.TABLE),
    ),
    query_beside(__file__),
    viewer=True,
)
