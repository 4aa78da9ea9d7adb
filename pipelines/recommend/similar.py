"""Similar: the ten pieces whose colours are nearest to a piece's, among those that are of its kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa

from pipelines.lake.runs import Journal
from pipelines.lake.table import Column, Table
from pipelines.producers import WholeTable
from pipelines.recommend import label_aliases, match_labels, pieces
from pipelines.recommend.blocks import Kinds, Rule, resembling
from pipelines.recommend.columns import BLOCK, RANK, REC_ID, SHARED_LABELS, SOURCE_ID, expectations
from pipelines.recommend.methods import searching
from pipelines.recommend.pieces import Pieces
from pipelines.recommend.ranking import Method, size_of
from pipelines.recommend.scoring import nearest_swatches
from pipelines.recommend.seeds import Pairs
from pipelines.recommend.update import Ranked, Recommendation, RowsOf, bring_up_to_date


@dataclass(frozen=True)
class SimilarParams:
    """What decides who is of a kind."""

    match_labels: Pairs = field(default_factory=lambda: match_labels.SEED.pairs)
    aliases: Pairs = field(default_factory=lambda: label_aliases.SEED.pairs)


def recommend(journal: Journal, table: Table, params: SimilarParams) -> None:
    """Bring the table up to date. Raises ContractBroken for a seed that is not sound."""
    bring_up_to_date(journal, table, by_kind(params, searching(table, "Similar"), rows))


def by_kind(params: SimilarParams, method: Callable[[Pieces], Method], rows: RowsOf) -> Recommendation:
    """Return the recommendation of what is of a piece's kind, however it is scored."""
    seeds = (match_labels.SEED, label_aliases.SEED)
    return Recommendation(method, rule_of(params), rows, params.match_labels, seeds)


def rule_of(params: SimilarParams) -> Callable[[Kinds], Rule]:
    """Return what decides who may be recommended to whom."""
    return partial(resembling, aliases=params.aliases)


def rows(table: Table, ranked: Ranked, first: int, last: int) -> pa.Table:
    """Return the rows of the pieces from one place up to another."""
    chosen = ranked.chosen(first, last)
    palettes = ranked.pieces.palettes
    colours = palettes.colours.astype(np.int16)
    nearest = nearest_swatches(size_of(colours), colours, chosen.sources, chosen.recs)
    is_there = np.arange(nearest.shape[1]) < palettes.counts[chosen.sources][:, None]
    ends = np.concatenate([[0], np.cumsum(is_there.sum(axis=1))]).astype(np.int32)
    columns = [
        *chosen.ids(ranked),
        pa.array(chosen.scores),
        chosen.blocks(ranked),
        chosen.reasons(ranked),
        pa.ListArray.from_arrays(pa.array(ends), pa.array(nearest[is_there])),
    ]
    return pa.Table.from_arrays(columns, schema=table.schema)


TABLE = Table(
    name="similar",
    description="The pieces whose colours are nearest to a piece's: ten at most, among those of its kind.",
    grain=("source_id", "rank"),
    inputs=(*pieces.INPUTS, match_labels.TABLE, label_aliases.TABLE),
    columns=(
        SOURCE_ID,
        RANK,
        REC_ID,
        Column(
            "score",
            pa.float64(),
            "Distance in RGB from each of the source's swatches to the nearest of the other's, by weight; 0 is alike.",
            bounds=(0, 442),
        ),
        BLOCK,
        SHARED_LABELS,
        Column(
            "nearest",
            pa.list_(pa.int16()),
            "For each swatch of the source, by rank, the rank of the other's nearest swatch.",
        ),
    ),
    expectations=expectations("similar", "score", "shared_labels"),
    produce=WholeTable(recommend, SimilarParams(), version=1, device="cpu"),
)
