"""Recall checks: what share of the best there are stands in a table of recommendations, for pieces drawn by a seed.

The best are looked for among all candidates one by one, in float64, without a bound or a block of sixteen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pyarrow as pa

from pipelines.lake import progress
from pipelines.lake.materialize import upsert
from pipelines.lake.progress import Progress
from pipelines.lake.runs import Journal
from pipelines.lake.store import Snapshot
from pipelines.lake.table import Column, Expectation, Table
from pipelines.palette.tones import distinctness
from pipelines.producers import WholeTable
from pipelines.recommend import blocks, complementary, pieces, similar, similar_palettes
from pipelines.recommend.blocks import Rule
from pipelines.recommend.kernels import KEPT, Ints
from pipelines.recommend.perceptual import palettes_of
from pipelines.recommend.pieces import Pieces
from pipelines.recommend.ranking import matching_colours
from pipelines.recommend.rows import positions
from pipelines.recommend.scoring import Floats
from pipelines.recommend.transport import moved

Score = Callable[[Pieces, int, Ints], Floats]  # of one piece beside others

_TOGETHER = 4096  # candidates that are scored at once, which bounds the memory whatever the block


@dataclass(frozen=True)
class RecallParams:
    """How much is checked."""

    sources: int = 200  # of each table
    seed: int = 20_250


def by_swatches(held: Pieces, source: int, others: Ints) -> Floats:
    """Return Σ_j w_j · min_i ‖t_i − s_j‖ in RGB."""
    own = held.palettes.colours[source, : held.palettes.counts[source]].astype(np.int64)
    worth = distinctness(own)
    theirs = held.palettes.colours[others].astype(np.float64)
    total = np.zeros(len(others))
    for weight, colour in zip(worth / worth.sum(), own, strict=True):
        total += weight * np.linalg.norm(theirs - colour, axis=2).min(axis=1)
    return total


def by_matching_colours(held: Pieces, source: int, others: Ints) -> Floats:
    """Return the least distance in RGB of a matching colour to a swatch."""
    matching = matching_colours(held, np.array([source], np.int32))[0].astype(np.float64)
    theirs = held.palettes.colours[others].astype(np.float64)
    nearest: Floats = np.linalg.norm(theirs[:, :, None] - matching, axis=3).min(axis=(1, 2))
    return nearest


def by_palettes(held: Pieces, source: int, others: Ints) -> Floats:
    """Return the earth mover's distance in OKLab."""
    own, *theirs = palettes_of(held.palettes.where(np.append(source, others)))
    return np.array([moved(own, one) for one in theirs])


def check(journal: Journal, table: Table, params: RecallParams) -> None:
    """Check each table of recommendations that is made of what is there now; others are left as they were checked.

    Nothing is read but logs where these tables and what they are made of are what they were at the last check.
    """
    store = journal.store
    with journal.step(table.name) as step:
        current = [standing for each in _CHECKS if (standing := Standing.begin(journal, each)).is_current]
        own = store.snapshot(table)
        step.rows_in = len(current)
        if not current or progress.read(store, own) == _progress(own, current):
            step.unchanged = step.rows_in
            return
        found = pa.Table.from_pylist([standing.row(params) for standing in current])
        step.unchanged = upsert(store, journal.run, table, found).unchanged
        step.new = step.rows_in - step.unchanged
        progress.write(store, table, _progress(store.snapshot(table), current))


def _progress(own: Snapshot, current: Iterable[Standing]) -> Progress:
    """Return what is checked of which files. A table that is made anew of others counts as changed."""
    read = {f"{one.own.table.name}/{each.table.name}": each for one in current for each in (one.own, *one.inputs)}
    files = {name: sorted(snapshot.files) for name, snapshot in read.items()}
    noted = progress.progress_of(own, [own], version=0)
    return replace(noted, files=noted.files | files)


@dataclass(frozen=True)
class Check:
    """One table, and what its rows should be by."""

    table: Table
    rule: Callable[[blocks.Kinds], Rule]
    score: Score

    def best(self, held: Pieces, rule: Rule, source: int) -> list[int]:
        """Return the best of one piece, found the slow way."""
        is_allowed = rule.allowed(int(rule.kinds.of[source]))[rule.kinds.of] & held.is_candidate
        is_allowed[source] = False
        is_allowed[held.excluded.pieces[held.excluded.starts[source] : held.excluded.starts[source + 1]]] = False
        others = np.flatnonzero(is_allowed)
        best, scores = others[:0], np.empty(0)
        for first in range(0, len(others), _TOGETHER):
            some = others[first : first + _TOGETHER]
            best, scores = np.append(best, some), np.append(scores, self.score(held, source, some))
            kept = np.lexsort((best, scores))[:KEPT]
            best, scores = best[kept], scores[kept]
        return [int(other) for other in best]


@dataclass(frozen=True)
class Standing:
    """A table that is to be checked as it stands, and the inputs that it is to be made of."""

    check: Check
    own: Snapshot
    inputs: tuple[Snapshot, ...]
    is_current: bool  # it is there, and made of these inputs

    @classmethod
    def begin(cls, journal: Journal, check: Check) -> Self:
        """Read the logs, by the pins of the table's own step: what it was made of is what it is checked against."""
        store, table = journal.store, check.table
        pinned = [store.snapshot(each, store.pin(journal.run, each, reader=table.name)) for each in pieces.INPUTS]
        own = store.snapshot(table)
        now = progress.progress_of(own, (*pinned, own), version=0)
        return cls(check, own, tuple(pinned), bool(own.files) and progress.read(store, own) == now)

    def row(self, params: RecallParams) -> dict[str, object]:
        """Check it."""
        held = pieces.read(self.inputs, similar.SimilarParams().match_labels)
        rule = self.check.rule(blocks.kinds(held.attributes))
        chosen = np.random.default_rng(params.seed).permutation(len(held))[: params.sources].tolist()
        best = {(source, other) for source in chosen for other in self.check.best(held, rule, source)}
        rows = self.own.read(["source_id", "rec_id"])
        mine = set(zip(*(positions(rows[name], held.ids).tolist() for name in rows.column_names), strict=True))
        return {
            "table_name": self.check.table.name,
            "source_count": len(chosen),
            "recall": len(best & mine) / max(len(best), 1),
            "checked_against": "all candidates of their blocks, one by one, in float64",
        }


_CHECKS = (
    Check(similar.TABLE, similar.rule_of(similar.SimilarParams()), by_swatches),
    Check(complementary.TABLE, complementary.rule_of(complementary.ComplementaryParams()), by_matching_colours),
    Check(similar_palettes.TABLE, similar.rule_of(similar.SimilarParams()), by_palettes),
)

TABLE = Table(
    name="recall_checks",
    description="How much of the best there are each table of recommendations holds, for pieces drawn by a seed.",
    grain=("table_name",),
    inputs=tuple(check.table for check in _CHECKS),
    columns=(
        Column(
            "table_name",
            pa.string(),
            "The table that was checked.",
            values=tuple(check.table.name for check in _CHECKS),
        ),
        Column("source_count", pa.int32(), "For how many pieces.", bounds=(1, 2**31 - 1)),
        Column("recall", pa.float64(), "The share of their best that stands in the table.", bounds=(0, 1)),
        Column("checked_against", pa.string(), "What it was compared with."),
    ),
    expectations=(
        Expectation(
            "exact", "Nothing that belongs is missing.", "SELECT table_name FROM recall_checks WHERE recall < 1"
        ),
    ),
    produce=WholeTable(check, RecallParams(), version=1, on_request=True),
)
