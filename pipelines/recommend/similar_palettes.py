"""Similar palettes: the ten pieces whose palettes look nearest to a piece's. Made when it is asked for."""

from __future__ import annotations

import pyarrow as pa

from pipelines.lake.runs import Journal
from pipelines.lake.table import Column, Table
from pipelines.producers import WholeTable
from pipelines.recommend import label_aliases, match_labels, pieces
from pipelines.recommend.columns import BLOCK, RANK, REC_ID, SHARED_LABELS, SOURCE_ID, expectations
from pipelines.recommend.perceptual import Perceptual
from pipelines.recommend.similar import SimilarParams, by_kind
from pipelines.recommend.update import Ranked, bring_up_to_date


def recommend(journal: Journal, table: Table, params: SimilarParams) -> None:
    """Bring the table up to date. Raises ContractBroken for a seed that is not sound."""
    bring_up_to_date(journal, table, by_kind(params, Perceptual, rows))


def rows(table: Table, ranked: Ranked, first: int, last: int) -> pa.Table:
    """Return the rows of the pieces from one place up to another."""
    chosen = ranked.chosen(first, last)
    columns = [*chosen.ids(ranked), pa.array(chosen.scores), chosen.blocks(ranked), chosen.reasons(ranked)]
    return pa.Table.from_arrays(columns, schema=table.schema)


TABLE = Table(
    name="similar_palettes",
    description="The pieces whose palettes are nearest to a piece's as the eye sees them, among those of its kind.",
    grain=("source_id", "rank"),
    inputs=(*pieces.INPUTS, match_labels.TABLE, label_aliases.TABLE),
    columns=(
        SOURCE_ID,
        RANK,
        REC_ID,
        Column(
            "distance",
            pa.float64(),
            "How far the shares of one palette have to be moved in OKLab to become the other; 1 is white to black.",
            bounds=(0, 2),
        ),
        BLOCK,
        SHARED_LABELS,
    ),
    expectations=expectations("similar_palettes", "distance", "shared_labels"),
    produce=WholeTable(recommend, SimilarParams(), version=1, on_request=True),
)
