"""Near duplicates: pairs of images that look alike, and what speaks for each pair."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.duplicates import evidence, perceptual_hashes
from pipelines.duplicates.evidence import Looks, positions
from pipelines.duplicates.pairs import Limits, Pairs, updated
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake import progress
from pipelines.lake.errors import CannotRun
from pipelines.lake.materialize import stage
from pipelines.lake.progress import Progress
from pipelines.lake.recipe import recipe
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal
from pipelines.lake.store import Change, Snapshot, Store
from pipelines.lake.table import Column, Expectation, Table
from pipelines.palette import palettes
from pipelines.producers import WholeTable


@dataclass(frozen=True)
class NearDuplicateParams:
    """How near is near."""

    hash_distance: int = 2  # bits of 64; pairs further apart are not in the table
    palette_distance: float = 0.02  # mean OKLab distance; pairs further apart are a look in another colour
    layout_distance: float = 0.03  # OKLab distance of the most different of 8x8 cells; what encoding again costs
    partners: int = 100  # that one image brings, its best; in the real catalogue no image has more than 34

    @property
    def limits(self) -> Limits:
        return Limits(self.hash_distance, self.palette_distance, self.layout_distance, self.partners)


def compare(journal: Journal, table: Table, params: NearDuplicateParams) -> None:
    """Bring the pairs up to date: what is new since the last time is compared with all there is.

    The table is small and its rows lean on each other, so it is written whole, in one commit; nothing is read but
    logs, and nothing is committed, where no evidence came or went.
    """
    store, run = journal.store, journal.run
    with journal.step(table.name) as step:
        own = store.snapshot(table)
        hashes, colours = (store.snapshot(each, store.pin(run, each, reader=table.name)) for each in table.inputs)
        step.rows_in = step.unchanged = sum(hashes.files.values())
        before = progress.read(store, own)
        if before == progress.progress_of(own, (hashes, colours), own.version):
            return
        update = Update(store, table, params, before, hashes, colours)
        store.change(table, run, update.plan)
        step.new = update.looks.fresh_count
        step.unchanged = step.rows_in - step.new
        progress.write(store, table, update.progress)


@dataclass
class Update:
    """One night's work on the table, planned anew on each snapshot that another writer leaves."""

    store: Store
    table: Table
    params: NearDuplicateParams
    before: Progress
    hashes: Snapshot
    colours: Snapshot
    progress: Progress = field(default_factory=Progress)

    @cached_property
    def looks(self) -> Looks:
        return evidence.read(self.hashes, self.colours, self.before)

    def plan(self, own: Snapshot) -> Change | None:
        """Return the change from what a snapshot holds to what it should hold, None where they are the same."""
        if self.before.recipe and not progress.read(self.store, own).recipe:
            raise CannotRun(
                f"table {self.table.name} was made anew by another recipe meanwhile: another version of Tessera runs "
                "beside this one. Start again, with one version."
            )
        is_stale = any(not path.startswith(f"{recipe(self.table)}/") for path in own.files)
        held = self.table.schema.empty_table() if is_stale else own.read()
        rows = self._rows(held)
        content = digest(self.table, rows)
        is_same = not is_stale and content == digest(self.table, held)
        self.progress = progress.progress_of(own, (self.hashes, self.colours), own.version + (not is_same))
        return None if is_same else Change([stage(self.store, self.table, rows, content[:32])], list(own.files))

    def _rows(self, held: pa.Table) -> pa.Table:
        """Return the rows the table should hold, given those of this recipe that it holds."""
        left, right = (positions(held[name], self.looks.ids) for name in self.table.grain)
        apart = held["palette_distance"].to_numpy(), held["layout_distance"].to_numpy()
        pairs = Pairs(left, right, held["hash_distance"].to_numpy().astype(np.int64), *apart)
        pairs = updated(pairs, self.looks.evidence, self.looks.is_fresh, self.params.limits)
        later = self._later(held.filter(pa.array((left < 0) | (right < 0))))
        return pa.concat_tables([self._table(pairs), later]).sort_by([(name, "ascending") for name in self.table.grain])

    def _later(self, held: pa.Table) -> pa.Table:
        """Return the rows of images that came after our pin: a night beside this one made them."""
        if not held.num_rows:
            return held
        now = self.store.snapshot(self.hashes.table).read(["image_id"])["image_id"]
        ends = [held[name] for name in self.table.grain]
        is_there = pc.and_(*(pc.is_in(end, now) for end in ends))
        is_later = pc.or_(*(pc.invert(pc.is_in(end, self.looks.known)) for end in ends))
        return held.filter(pc.and_(is_there, is_later))

    def _table(self, pairs: Pairs) -> pa.Table:
        ids = self.looks.ids
        distances = (pairs.hash_distance.astype(np.int16), pairs.palette_distance, pairs.layout_distance)
        is_near = pairs.palette_distance <= self.params.palette_distance
        is_same = pairs.layout_distance <= self.params.layout_distance
        columns = [
            ids.take(pa.array(pairs.left)),
            ids.take(pa.array(pairs.right)),
            *map(pa.array, (*distances, is_near, is_same)),
        ]
        return pa.Table.from_arrays(columns, schema=self.table.schema)


_PARAMS = NearDuplicateParams()

TABLE = Table(
    name="near_duplicates",
    description="Pairs of images that look alike, and how near they are; near duplicates are so in colour too.",
    grain=("image_id", "other_image_id"),
    inputs=(perceptual_hashes.TABLE, palettes.TABLE),
    columns=(
        IMAGE_ID,
        replace(IMAGE_ID, name="other_image_id", description="The other image of the pair; its id is the higher one."),
        Column(
            "hash_distance",
            pa.int16(),
            "In how many bits the perceptual hashes differ; says nothing of colour.",
            bounds=(0, _PARAMS.hash_distance),
        ),
        Column(
            "palette_distance",
            pa.float64(),
            "How far a colour of the one is from the nearest of the other, in OKLab: mean by share, both ways.",
            bounds=(0, 2),
        ),
        Column(
            "layout_distance",
            pa.float64(),
            "How far the most different two of 8x8 cells are from each other, in OKLab.",
            bounds=(0, 2),
        ),
        Column(
            "is_near_duplicate",
            pa.bool_(),
            f"True if the palettes are within {_PARAMS.palette_distance} too: one look in one range of colours.",
        ),
        Column(
            "is_same_picture",
            pa.bool_(),
            f"True if no cell is further apart than {_PARAMS.layout_distance}: one picture, encoded or scaled again.",
        ),
    ),
    expectations=(
        Expectation(
            "lower_id_first",
            "A pair stands here once, the lower id first.",
            "SELECT image_id, other_image_id FROM near_duplicates WHERE image_id >= other_image_id",
        ),
        Expectation(
            "other_image_is_there",
            "The other image has a perceptual hash too.",
            "SELECT other_image_id FROM near_duplicates AS d ANTI JOIN perceptual_hashes AS h "
            "ON d.other_image_id = h.image_id",
        ),
        Expectation(
            "limits_hold",
            "Near duplicates and same pictures are exactly the pairs within the limits.",
            "SELECT image_id, other_image_id FROM near_duplicates "  # noqa: S608  # numbers of ours
            f"WHERE is_near_duplicate <> (palette_distance <= {_PARAMS.palette_distance}) "
            f"OR is_same_picture <> (layout_distance <= {_PARAMS.layout_distance})",
        ),
    ),
    produce=WholeTable(compare, _PARAMS, version=1),
)
