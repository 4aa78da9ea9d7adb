"""Update: one night's work on a table made of pieces.

What came or changed is compared with all there is, and all there is with what came as a candidate; what left or
changed makes those look anew that had it. The rows are those of a night that starts from nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.lake import progress, rejects
from pipelines.lake.progress import Progress
from pipelines.lake.recipe import recipe
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal, Step
from pipelines.lake.store import Snapshot
from pipelines.lake.table import Table
from pipelines.recommend import blocks, pieces, ranking, remembered
from pipelines.recommend.blocks import Kinds, Rule
from pipelines.recommend.columns import dictionary
from pipelines.recommend.kernels import Best, Ints
from pipelines.recommend.parts import Parts, Rows
from pipelines.recommend.pieces import Mask, Pieces
from pipelines.recommend.ranking import Method
from pipelines.recommend.remembered import Codes, Come, Remembered
from pipelines.recommend.scoring import Floats, Small
from pipelines.recommend.seeds import Pairs, Seed


@dataclass(frozen=True)
class Night:
    """A table as it stands, the inputs it is to be made of, and what is known of the last time."""

    journal: Journal
    table: Table
    inputs: Sequence[Snapshot]
    own: Snapshot
    before: Progress
    known: Remembered | None

    @classmethod
    def begin(cls, journal: Journal, table: Table, inputs: Sequence[Table]) -> Self:
        store = journal.store
        pinned = [store.snapshot(each, store.pin(journal.run, each, reader=table.name)) for each in inputs]
        own = store.snapshot(table)
        before = progress.read(store, own)
        return cls(journal, table, pinned, own, before, remembered.load(store, table, before))

    @property
    def is_quiet(self) -> bool:
        """True where nothing has changed: neither the inputs nor the table."""
        return self.known is not None and self.before == _progress(self.own, self.inputs)

    def come(self, now: Remembered) -> Come:
        """Return what came since the last time."""
        return remembered.come(self.known, now)

    def publish(
        self, rows: Rows, now: Remembered, prints: npt.NDArray[np.int64], is_changed: Mask, gone: Codes
    ) -> None:
        """Write the rows of what changed, in one commit, and remember what was done."""
        store = self.journal.store
        parts = Parts(store, self.table, rows, now.ids, prints, is_changed, gone, self.files)
        store.change(self.table, self.journal.run, parts.plan)
        self.remember(parts.made, now)

    @property
    def files(self) -> frozenset[str] | None:
        """The files that hold what is remembered, None where nothing is or others have written since."""
        held = frozenset(self.own.files)
        return held if self.known and held == frozenset(self.before.files.get(self.table.name, ())) else None

    def remember(self, made: frozenset[str], now: Remembered) -> None:
        """Note what was done, unless others have written since: then the next night starts from nothing."""
        own = self.journal.store.snapshot(self.table)
        if own.files.keys() == made:
            remembered.save(self.journal.store, self.table, _progress(own, self.inputs), now)


def _progress(own: Snapshot, inputs: Sequence[Snapshot]) -> Progress:
    """Return where a table stands: what it is made of, and what it is."""
    return progress.progress_of(own, (*inputs, own), version=0)


@dataclass(frozen=True)
class Chosen:
    """Recommendations, those of a source after each other, best first: pieces, their places and scores."""

    sources: Small
    recs: Small
    ranks: Ints
    scores: Floats

    def ids(self, ranked: Ranked) -> tuple[pa.Array, pa.Array, pa.Array]:
        """Return the columns source_id, rank and rec_id."""
        source, rec = (ranked.pieces.ids.take(pa.array(each)) for each in (self.sources, self.recs))
        return source, pa.array((self.ranks + 1).astype(np.int16)), rec

    def blocks(self, ranked: Ranked) -> pa.Array:
        """Return by what the candidates of each source were chosen."""
        return dictionary(ranked.rule.kinds.of[self.sources], ranked.rule.block, pa.string())

    def reasons(self, ranked: Ranked) -> pa.Array:
        """Return the labels, or article types, by which each was chosen."""
        kinds, count = ranked.rule.kinds, len(ranked.rule.kinds)
        pairs = kinds.of[self.sources].astype(np.int64) * count + kinds.of[self.recs]
        return dictionary(pairs, lambda pair: ranked.rule.why(pair // count, pair % count), pa.list_(pa.string()))


@dataclass(frozen=True)
class Ranked:
    """The best of all pieces, by a rule."""

    pieces: Pieces
    rule: Rule
    best: Best

    def chosen(self, first: int, last: int) -> Chosen:
        """Return what is recommended to the pieces from one place up to another."""
        at, ranks = np.nonzero(self.best.pieces[first:last] >= 0)
        sources = (at + first).astype(np.int32)
        return Chosen(sources, self.best.pieces[sources, ranks], ranks, self.best.scores[sources, ranks])


RowsOf = Callable[[Table, Ranked, int, int], pa.Table]  # of the pieces from one place up to another


@dataclass(frozen=True)
class Recommendation:
    """What tells two tables of recommendations apart: who may have whom, how they are scored, what a row says."""

    method: Callable[[Pieces], Method]
    rule: Callable[[Kinds], Rule]
    rows: RowsOf
    match_labels: Pairs
    seeds: Sequence[Seed]


def bring_up_to_date(journal: Journal, table: Table, kind: Recommendation) -> None:
    """Bring a table up to date; nothing is read but logs where no input has changed. Raises ContractBroken."""
    with journal.step(table.name) as step:
        for seed in kind.seeds:
            seed.require_sound()
        night = Night.begin(journal, table, pieces.INPUTS)
        if night.known and night.is_quiet:
            step.rows_in = len(night.known.ids)
            step.rejected = len(rejects.standing(journal.store, table.name, recipe(table)))
            step.unchanged = step.rows_in - step.rejected
            return
        held = pieces.read(night.inputs, kind.match_labels)
        rule = kind.rule(blocks.kinds(held.attributes))
        come = night.come(remembered.now(held))
        best = best_of(kind.method(held), held, rule, come)
        now = remembered.now(held, best)
        is_changed = come.anew | (best.pieces != come.best).any(axis=1)
        ranked = Ranked(held, rule, best)
        night.publish(
            lambda first, last: kind.rows(table, ranked, first, last), now, _prints(now), is_changed, come.gone
        )
        _account(night, step, ranked, is_changed)


def _prints(now: Remembered) -> npt.NDArray[np.int64]:
    """Return what the rows of each piece say, in numbers: itself, and its best."""
    first = now.ids[:, :8].copy().view(np.uint64)[:, 0]
    theirs = [np.where(now.best >= 0, each[now.best], np.uint64(0)) for each in (first, now.as_candidate)]
    return np.concatenate([now.as_source[:, None], *theirs], axis=1).view(np.int64)


def _account(night: Night, step: Step, ranked: Ranked, is_changed: Mask) -> None:
    """Count the pieces; those that there is nothing to compare by are rejects."""
    is_blocked = ranked.rule.is_blocked[ranked.rule.kinds.of]
    lost = ranked.pieces.ids.filter(pa.array(~is_blocked)).to_pylist()
    why = "it has neither a label nor an article type, so that there is nothing to choose its candidates by."
    found = [Reject(image_id, "no_block", why) for image_id in lost]
    store, table = night.journal.store, night.table
    rejects.record(store, night.journal.run, table.name, found, recipe(table))
    step.rows_in, step.rejected = len(is_blocked), len(lost)
    step.new = int((is_changed & is_blocked).sum())
    step.unchanged = step.rows_in - step.rejected - step.new


def best_of(method: Method, held: Pieces, rule: Rule, come: Come) -> Best:
    """Return the best of all pieces, given what of it is known."""
    best = Best(come.best.copy(), come.scores.copy())
    everyone = np.arange(len(held), dtype=np.int32)
    anew, others = everyone[come.anew], everyone[~come.anew]
    if len(anew):
        ranking.rank(method, ranking.field_of(held, rule, held.is_candidate, anew), anew, best)
    if len(others):
        field = ranking.field_of(held, rule, come.candidates & held.is_candidate, others)
        ranking.rank(method, field, others, best)
    return best
