"""Matching colours: the thirteen colours that go with the dominant colour of each piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingest import products
from pipelines.ingest.inbox import uploads
from pipelines.lake.materialize import remove, stage
from pipelines.lake.objects import sha256
from pipelines.lake.runs import Journal
from pipelines.lake.store import Change, DataFile, Snapshot
from pipelines.lake.table import Column, Expectation, Table
from pipelines.palette import palettes
from pipelines.palette.columns import BLUE, GREEN, HEX, RED
from pipelines.producers import WholeTable
from pipelines.recommend import harmony, pieces
from pipelines.recommend.columns import RELATION, SOURCE_ID, dictionary, hex_colours
from pipelines.recommend.harmony import RELATIONS
from pipelines.recommend.kernels import Ints
from pipelines.recommend.pieces import Bytes, Mask
from pipelines.recommend.remembered import Codes, Come, Remembered, codes
from pipelines.recommend.update import Night

_COUNT = len(RELATIONS)
_SOURCES = 16_384  # in a file at most
_MOST_FILES = 100  # before all is written anew


@dataclass(frozen=True)
class MatchingColourParams:
    """There is nothing to choose."""


def match(journal: Journal, table: Table, _: MatchingColourParams) -> None:
    """Bring the table up to date; nothing is read but logs where no input has changed."""
    with journal.step(table.name) as step:
        night = Night.begin(journal, table, table.inputs)
        if night.known and night.is_quiet:
            step.rows_in = step.unchanged = _COUNT * len(night.known.ids)
            return
        ids, dominant = pieces.dominant_colours(night.inputs)
        prints = (dominant.astype(np.uint64) << np.array([32, 16, 0], np.uint64)).sum(axis=1)
        nobody = np.empty((len(ids), 0))
        now = Remembered(codes(ids), prints, np.zeros(len(ids), np.uint64), nobody.astype(np.int32), nobody)
        come = night.come(now)
        _publish(night, now, come, partial(rows, table, ids, dominant))
        step.rows_in, step.new = _COUNT * len(ids), _COUNT * int(come.anew.sum())
        step.unchanged = step.rows_in - step.new


def _publish(night: Night, now: Remembered, come: Come, made: Callable[[Ints], pa.Table]) -> None:
    """Add the rows of what came; take out those of what left or changed before. Many small files become few again."""
    store, table, run = night.journal.store, night.table, night.journal.run
    stands = night.files if night.files and len(night.files) < _MOST_FILES else None
    anew, everyone = np.flatnonzero(come.anew), np.arange(len(now.ids))
    changed = now.ids[anew[_is_among(now.ids[anew], night.known)]]
    doomed = pa.array([*_names(come.gone), *_names(changed)], pa.string())
    if stands and len(doomed):
        remove(store, run, table, lambda held: pc.is_in(held["source_id"], doomed))
        stands = frozenset(store.snapshot(table).files)
    paths = set[str]()

    def plan(own: Snapshot) -> Change | None:
        is_whole = own.files.keys() != stands  # others have written since
        added = _stage(night, now, everyone if is_whole else anew, made)
        kept = {file.path for file in added} | (set() if is_whole else own.files.keys())
        paths.clear()
        paths.update(kept)
        fresh = [file for file in added if file.path not in own.files]
        removed = sorted(own.files.keys() - kept)
        return Change(fresh, removed) if fresh or removed else None

    store.change(table, run, plan)
    night.remember(frozenset(paths), now)


def _names(ids: Codes) -> list[str]:
    return [one.tobytes().hex() for one in ids]


def _is_among(ids: Codes, known: Remembered | None) -> Mask:
    """Return which ids were there the last time."""
    if known is None or not len(known.ids):
        return np.zeros(len(ids), np.bool_)
    here, there = (np.ascontiguousarray(each).view("S32")[:, 0] for each in (ids, known.ids))
    return np.isin(here, there)


def _stage(night: Night, now: Remembered, chosen: Ints, made: Callable[[Ints], pa.Table]) -> list[DataFile]:
    """Write the rows of some pieces, under names that what they say decides."""
    files = []
    for part in np.split(chosen, range(_SOURCES, len(chosen), _SOURCES)) if len(chosen) else ():
        told = now.ids[part].tobytes() + now.as_source[part].tobytes()
        files.append(stage(night.journal.store, night.table, made(part), sha256(told)[:32]))
    return files


def rows(table: Table, ids: pa.StringArray, dominant: Bytes, chosen: Ints) -> pa.Table:
    """Return the rows of some pieces."""
    colours = harmony.matching_colours(dominant[chosen]).reshape(-1, 3)
    place = np.tile(np.arange(_COUNT), len(chosen))
    columns = [
        ids.take(pa.array(np.repeat(chosen, _COUNT))),
        dictionary(place, RELATIONS.__getitem__, pa.string()),
        pa.array((place + 1).astype(np.int16)),
        hex_colours(colours),
        *(pa.array(channel.astype(np.int16)) for channel in colours.T),
    ]
    return pa.Table.from_arrays(columns, schema=table.schema)


TABLE = Table(
    name="matching_colours",
    description="The colours that go with the dominant colour of each piece.",
    grain=("source_id", "relation"),
    inputs=(palettes.TABLE, products.PRODUCT_IMAGES, uploads.TABLE),
    columns=(
        SOURCE_ID,
        replace(RELATION, description="How the colour comes of the dominant one: hue turned, saturation, value."),
        Column("position", pa.int16(), "Its place in the order of relations.", bounds=(1, _COUNT)),
        HEX,
        RED,
        GREEN,
        BLUE,
    ),
    expectations=(
        Expectation(
            "all_of_them",
            "A piece has all thirteen, in order.",
            f"SELECT source_id FROM matching_colours GROUP BY ALL HAVING count(DISTINCT position) <> {_COUNT}",  # noqa: S608
        ),
        Expectation(
            "the_source_has_a_palette",
            "Each piece has a palette.",
            "SELECT source_id FROM matching_colours ANTI JOIN palettes ON source_id = image_id",
        ),
    ),
    produce=WholeTable(match, MatchingColourParams(), version=1),
)
