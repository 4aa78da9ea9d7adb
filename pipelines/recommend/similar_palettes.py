"""Similar palettes: the ten pieces whose palettes look nearest to a piece's. Made when it is asked for."""

from __future__ import annotations

import pyarrow as pa

from pipelines.lake.runs import Journal
from pipelines.lake.table import Column, Table
from pipelines.producers import WholeTable
from pipelines.recommend import label_aliases, match_labels, pieces
from pipelines.recommend.columns import RANK, REC_ID, SOURCE_ID, expectations
from pipelines.recommend.perceptual import Perceptual
from pipelines.recommend.similar import SimilarParams, rule_of
from pipelines.recommend.update import Ranked, Recommendation, bring_up_to_date


def recommend(journal: Journal, table: Table, params: SimilarParams) -> None:
    """Bring the table up to date. Raises ContractBroken for a seed that is not sound."""
    kind = Recommendation(
        method=Perceptual,
        rule=rule_of(params),
        rows=rows,
        match_labels=params.match_labels,
        seeds=(match_labels.SEED, label_aliases.SEED),
    )
    bring_up_to_date(journal, table, kind)


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
        Column(
            "block",
            pa.string(),
            "What the two share: labels, or the article type where the source has no label.",
            values=("labels", "article_type"),
        ),
        Column("shared_labels", pa.list_(pa.string()), "The labels they share, or the article types."),
    ),
    expectations=expectations("similar_palettes", "distance", "shared_labels"),
    produce=WholeTable(recommend, SimilarParams(), version=1, on_request=True),
)
