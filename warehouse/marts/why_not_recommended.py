"""why_not_recommended(source, candidate): what keeps a piece out of the recommendations of another."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from pipelines.duplicates import near_duplicates
from pipelines.inference import labels
from pipelines.ingest import products
from pipelines.ingest.inbox import uploads, votes
from pipelines.lake.table import Column, Table
from pipelines.palette import palettes
from pipelines.recommend import complementary, label_aliases, match_labels, similar
from warehouse.marts.recommended_pieces import SCORE
from warehouse.marts.view import View, query_beside

SOURCE_ID = replace(similar.TABLE.columns[0], description="The image asked about.")
CANDIDATE_ID = replace(SOURCE_ID, name="candidate_id", description="The image that may be recommended for it.")
REASON = Column("reason", pa.string(), "What keeps it out, as a code.", pattern=r"[a-z_]+")
SENTENCE = Column("sentence", pa.string(), "The same for people to read.")

VIEW = View(
    Table(
        name="why_not_recommended",
        description="One row where a piece is not recommended for another, with what keeps it out; none where it is.",
        grain=("source_id", "candidate_id"),
        columns=(
            SOURCE_ID,
            CANDIDATE_ID,
            REASON,
            SENTENCE,
            replace(SCORE, description="How far its colours are from the source's, where they decide.", nullable=True),
        ),
        inputs=(
            similar.TABLE,
            complementary.TABLE,
            palettes.TABLE,
            labels.TABLE,
            near_duplicates.TABLE,
            match_labels.TABLE,
            label_aliases.TABLE,
            products.TABLE,
            products.PRODUCT_IMAGES,
            uploads.TABLE,
            votes.TABLE,
        ),
    ),
    query_beside(__file__),
    viewer=True,
    parameters=("source", "candidate := NULL"),
)
