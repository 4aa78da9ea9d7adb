"""Complementary: the ten pieces that go with a piece, whose colours are nearest to one that goes with its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa

from pipelines.lake.runs import Journal
from pipelines.lake.table import Column, Table
from pipelines.producers import WholeTable
from pipelines.recommend import complements, match_labels, outfits, pieces
from pipelines.recommend.blocks import Kinds, Rule, completing
from pipelines.recommend.columns import RANK, REC_ID, RELATION, SOURCE_ID, dictionary, expectations, hex_colours
from pipelines.recommend.harmony import RELATIONS
from pipelines.recommend.methods import searching
from pipelines.recommend.ranking import matching_colours, size_of
from pipelines.recommend.scoring import nearest_matches
from pipelines.recommend.seeds import Pairs
from pipelines.recommend.update import Ranked, Recommendation, bring_up_to_date


@dataclass(frozen=True)
class ComplementaryParams:
    """What decides who goes with whom."""

    match_labels: Pairs = field(default_factory=lambda: match_labels.SEED.pairs)
    complements: Pairs = field(default_factory=lambda: complements.SEED.pairs)
    outfits: Pairs = field(default_factory=lambda: outfits.SEED.pairs)


def recommend(journal: Journal, table: Table, params: ComplementaryParams) -> None:
    """Bring the table up to date. Raises ContractBroken for a seed that is not sound."""
    kind = Recommendation(
        method=searching(table, "Complementary"),
        rule=rule_of(params),
        rows=rows,
        match_labels=params.match_labels,
        seeds=(match_labels.SEED, complements.SEED, outfits.SEED),
    )
    bring_up_to_date(journal, table, kind)


def rule_of(params: ComplementaryParams) -> Callable[[Kinds], Rule]:
    """Return what decides who may go with whom."""
    return partial(completing, complements=params.complements, outfits=params.outfits)


def rows(table: Table, ranked: Ranked, first: int, last: int) -> pa.Table:
    """Return the rows of the pieces from one place up to another."""
    chosen = ranked.chosen(first, last)
    colours = ranked.pieces.palettes.colours.astype(np.int16)
    matching = matching_colours(ranked.pieces, np.arange(first, last, dtype=np.int32))[chosen.sources - first]
    relation, swatch = nearest_matches((size_of(colours), (0,) * len(RELATIONS)), colours, matching, chosen.recs).T
    columns = [
        *chosen.ids(ranked),
        pa.array(np.sqrt(chosen.scores)),
        dictionary(relation, RELATIONS.__getitem__, pa.string()),
        hex_colours(matching[np.arange(len(relation)), relation]),
        pa.array(swatch),
        chosen.blocks(ranked),
        chosen.reasons(ranked),
    ]
    return pa.Table.from_arrays(columns, schema=table.schema)


TABLE = Table(
    name="complementary",
    description="The pieces that go with a piece, by what they are and by their colours: ten at most.",
    grain=("source_id", "rank"),
    inputs=(*pieces.INPUTS, match_labels.TABLE, complements.TABLE, outfits.TABLE),
    columns=(
        SOURCE_ID,
        RANK,
        REC_ID,
        Column(
            "score",
            pa.float64(),
            "Distance in RGB from a matching colour of the source to the nearest swatch; 0 is that colour itself.",
            bounds=(0, 442),
        ),
        RELATION,
        Column("colour_hex", pa.string(), "That matching colour: six upper-case digits.", pattern=r"[0-9A-F]{6}"),
        Column("swatch", pa.int16(), "The rank of the other's swatch that is nearest to it.", bounds=(0, 15)),
        Column(
            "block",
            pa.string(),
            "By what they go together: labels, or the article types of an outfit where the source has no label.",
            values=("labels", "outfit"),
        ),
        Column("matched_labels", pa.list_(pa.string()), "Which of the other's labels, or article types, go with it."),
    ),
    expectations=expectations("complementary", "score", "matched_labels"),
    produce=WholeTable(recommend, ComplementaryParams(), version=1, device="cpu"),
)
