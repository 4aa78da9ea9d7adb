"""The way into the lake: write → audit → publish. Rows are checked before they are written, seen after the commit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.lake.contract import conform
from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import sha256
from pipelines.lake.recipe import Run, recipe
from pipelines.lake.rows import Difference, compare, texts, without
from pipelines.lake.store import Change, DataFile, Snapshot, Store
from pipelines.lake.table import Table


def stage(store: Store, table: Table, rows: pa.Table, name: str, notes: dict[str, object] | None = None) -> DataFile:
    """Check rows against the contract and write them to a file of the table's current recipe; commit nothing.

    Raises ContractBroken.
    """
    return store.write(table, path_of(table, name), conform(table, rows), notes)


def path_of(table: Table, name: str) -> str:
    """Return where a file of the current recipe lies; its folder tells which recipe made it."""
    return f"{recipe(table)}/{name}.parquet"


def name_of(ids: Collection[str]) -> str:
    """Return a file name that the identities of its rows decide, so that a repeat writes the same file."""
    return sha256("\n".join(sorted(ids)).encode())[:32]


@dataclass
class Keys:
    """The values of a table's leading grain column, followed from snapshot to snapshot, each file read once.

    Only files below `folder` count: those of one recipe.
    """

    table: Table
    folder: str = ""
    seen: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)

    def follow(self, snapshot: Snapshot) -> set[str]:
        """Take in the files that came since the last call; return all values."""
        if self.seen - snapshot.files.keys():  # a change removed files: start over
            self.seen, self.values = set(), set()
        key = self.table.grain[0]
        for path, rows in snapshot.fragments([key], skip=self.seen):
            self.seen.add(path)
            if path.startswith(self.folder):
                self.values.update(rows[key].to_pylist())
        return self.values


Staged = tuple[DataFile, Collection[str]]  # a file no reader sees yet, and the identities of its rows


def publish(store: Store, run: Run, files: Sequence[Staged], keys: Keys) -> set[str]:
    """Commit staged files in one step, less what other writers committed of their ids in the meantime.

    Returns the ids that came in by this commit.
    """
    parts: list[DataFile] = []
    came: set[str] = set()

    def plan(snapshot: Snapshot) -> Change | None:
        if any(not path.startswith(keys.folder) for path in snapshot.files):
            raise CannotRun(
                f"table {keys.table.name} was made anew by another recipe meanwhile: another version of Tessera runs "
                "beside this one. Start again, with one version."
            )
        there = set(keys.follow(snapshot))
        parts[:] = filter(None, (_missing(store, keys, snapshot, file, ids) for file, ids in files))
        came.clear()
        came.update(*(ids for _, ids in files))
        came.difference_update(there)
        return Change(parts) if parts else None

    store.change(keys.table, run, plan)
    for part in parts:
        if part.rows:
            keys.seen.add(part.path)
    keys.values.update(came)
    return came


def supersede(store: Store, run: Run, files: Sequence[Staged], keys: Keys) -> None:
    """Put staged files in the place of all rows of other recipes, in one commit.

    What other writers committed under this recipe in the meantime stays, and is left out of ours.
    """

    def plan(snapshot: Snapshot) -> Change:
        parts = [_missing(store, keys, snapshot, file, ids) for file, ids in files]
        others = [path for path in snapshot.files if not path.startswith(keys.folder)]
        return Change([part for part in parts if part], others)

    store.change(keys.table, run, plan)


def _missing(store: Store, keys: Keys, snapshot: Snapshot, file: DataFile, ids: Collection[str]) -> DataFile | None:
    """Return what a table still lacks of a file: all of it, a part as a file of its own, or nothing."""
    there = keys.follow(snapshot).intersection(ids)
    if len(there) == len(ids):
        return None
    return _less(store, keys.table, file, there) if there else file


def _less(store: Store, table: Table, file: DataFile, there: set[str]) -> DataFile:
    rows = store.open(table, file.path).read()
    left = rows.filter(pc.invert(pc.is_in(rows[table.grain[0]], pa.array(sorted(there)))))
    return stage(store, table, left, name_of(left[table.grain[0]].unique().to_pylist()), file.notes)


def upsert(
    store: Store, run: Run, table: Table, rows: pa.Table, within: Sequence[str] = (), newest: Sequence[str] = ()
) -> Difference:
    """Bring rows in by grain: add new ones, replace those whose content changed, leave the rest untouched.

    With `within`, incoming rows are all there is of the groups they name: held rows that share these columns
    with one of them, and are not among them, go. With `newest`, columns that order rows in time, a group that
    the lake holds a later row of stays as it is. Of a file that holds changed rows the others are copied, so
    the commit swaps whole files. Commits nothing when nothing differs. Raises ContractBroken.
    """
    rows = conform(table, rows)
    group = within or table.grain
    outcome: list[Difference] = []

    def plan(snapshot: Snapshot) -> Change | None:
        held = _held(snapshot, rows, group)
        current = _not_older(rows, held, group, newest) if newest else rows
        difference = compare(table, _sharing(held, current, group), current)
        outcome.append(replace(difference, unchanged=difference.unchanged + rows.num_rows - current.num_rows))
        fresh = pa.concat_tables([difference.new, difference.changed])
        doomed = pa.concat_tables([difference.changed, difference.gone])
        return _swap(store, snapshot, doomed, [_stage_content(store, table, fresh)] if fresh.num_rows else [])

    store.change(table, run, plan)
    return outcome[-1]


def _not_older(rows: pa.Table, held: pa.Table, group: Sequence[str], newest: Sequence[str]) -> pa.Table:
    """Return the rows of the groups that hold nothing later."""
    latest: dict[str, tuple[Any, ...]] = {}
    for name, moment in _moments(held, group, newest):
        latest[name] = max(moment, latest.get(name, moment))
    kept = [moment >= latest.get(name, moment) for name, moment in _moments(rows, group, newest)]
    return rows.filter(pa.array(kept, pa.bool_()))


def _moments(rows: pa.Table, group: Sequence[str], newest: Sequence[str]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    moments = (tuple(row.values()) for row in rows.select(newest).to_pylist())
    return zip(texts(rows, group).to_pylist(), moments, strict=True)


def _sharing(held: pa.Table, rows: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Return the held rows that share `columns` with one of the others."""
    return held.filter(pc.is_in(texts(held, columns), texts(rows, columns).combine_chunks()))


def remove(store: Store, run: Run, table: Table, doomed: Callable[[pa.Table], pa.ChunkedArray]) -> int:
    """Take out the rows for which `doomed` (a table of rows → one truth value each) is true; return their number."""
    count = 0

    def plan(snapshot: Snapshot) -> Change | None:
        nonlocal count
        batches = (pa.Table.from_batches([batch]) for batch in snapshot.batches(_keyed(table)))
        found = pa.concat_tables([_keys_only(table), *(rows.filter(doomed(rows)) for rows in batches)])
        count = found.num_rows
        return _swap(store, snapshot, found, [])

    store.change(table, run, plan)
    return count


def _keyed(table: Table) -> list[str]:
    """Return the columns a removal may ask about: all but blobs."""
    return [column.name for column in table.plain]


def _keys_only(table: Table) -> pa.Table:
    return table.schema.empty_table().select(_keyed(table))


def _swap(store: Store, snapshot: Snapshot, doomed: pa.Table, fresh: list[DataFile]) -> Change | None:
    """Return the change that takes rows out, by their grain, and adds files."""
    if not (doomed.num_rows or fresh):
        return None
    rewritten = _rewritten(store, snapshot, doomed)
    return Change([*fresh, *filter(None, rewritten.values())], list(rewritten))


def _held(snapshot: Snapshot, incoming: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Return the rows that share `columns` with incoming ones; memory does not grow with the table."""
    table = snapshot.table
    batches = (pa.Table.from_batches([batch]) for batch in snapshot.batches(table.schema.names))
    found = [_sharing(rows, incoming, columns).cast(table.schema) for rows in batches]
    return pa.concat_tables([table.schema.empty_table(), *found])


def _rewritten(store: Store, snapshot: Snapshot, doomed: pa.Table) -> dict[str, DataFile | None]:
    """Return, for each file that holds a doomed row, a copy without it, None where nothing stays."""
    table, copies = snapshot.table, dict[str, DataFile | None]()
    for path, keys in snapshot.fragments(table.grain, skip=() if doomed.num_rows else snapshot.files):
        if without(table, keys, doomed).num_rows < keys.num_rows:
            kept = without(table, store.open(table, path).read(), doomed)
            folder = path.rpartition("/")[0]  # of the recipe that made the rows
            copies[path] = _stage_content(store, table, kept, folder) if kept.num_rows else None
    return copies


def _stage_content(store: Store, table: Table, rows: pa.Table, folder: str = "") -> DataFile:
    """Write rows under a name that all their values decide: of mutable rows the grain alone does not."""
    name = name_of(texts(rows, table.schema.names).to_pylist())
    return store.write(table, f"{folder or recipe(table)}/{name}.parquet", conform(table, rows))
