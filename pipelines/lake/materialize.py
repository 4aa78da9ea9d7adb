"""The way into the lake: write → audit → publish. Rows are checked before they are written, seen after the commit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

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
        for path, found in snapshot.fragments(self.table.grain[0], skip=self.seen):
            self.seen.add(path)
            if path.startswith(self.folder):
                self.values.update(found)
        return self.values

    def learn(self, path: str, values: Collection[str]) -> None:
        """Take in a file whose values are known without reading it."""
        self.seen.add(path)
        self.values.update(values)


def publish(store: Store, run: Run, file: DataFile, ids: Collection[str], keys: Keys) -> None:
    """Commit a staged file, less what other writers committed of its `ids` in the meantime."""
    left: DataFile | None = None

    def plan(snapshot: Snapshot) -> Change | None:
        nonlocal left
        if any(not path.startswith(keys.folder) for path in snapshot.files):
            raise CannotRun(
                f"table {keys.table.name} was made anew by another recipe meanwhile: another version of Tessera runs "
                "beside this one. Start again, with one version."
            )
        left = _missing(store, keys, snapshot, file, ids)
        return Change([left]) if left else None

    store.change(keys.table, run, plan)
    if left and left.rows:
        keys.learn(left.path, ids)


def supersede(store: Store, run: Run, files: Sequence[tuple[DataFile, Collection[str]]], keys: Keys) -> None:
    """Put staged files, each with its ids, in the place of all rows of other recipes, in one commit.

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


def upsert(store: Store, run: Run, table: Table, rows: pa.Table) -> Difference:
    """Bring rows in by grain: add new ones, replace those whose content changed, leave the rest untouched.

    Of a file that holds changed rows the others are copied, so the commit swaps whole files. Commits
    nothing when nothing differs. Raises ContractBroken.
    """
    rows = conform(table, rows)
    outcome: list[Difference] = []

    def plan(snapshot: Snapshot) -> Change | None:
        difference = compare(table, _held(snapshot, rows), rows)
        outcome.append(difference)
        fresh = pa.concat_tables([difference.new, difference.changed])
        if not fresh.num_rows:
            return None
        rewritten = _rewritten(store, snapshot, difference.changed)
        copies = [_stage_content(store, table, kept) for kept in rewritten.values() if kept.num_rows]
        return Change([_stage_content(store, table, fresh), *copies], list(rewritten))

    store.change(table, run, plan)
    return outcome[-1]


def _held(snapshot: Snapshot, incoming: pa.Table) -> pa.Table:
    """Return the rows that share a grain with incoming ones; memory does not grow with the table."""
    table = snapshot.table
    wanted = texts(incoming, table.grain).combine_chunks()
    batches = (pa.Table.from_batches([batch]) for batch in snapshot.batches(table.schema.names))
    found = [rows.filter(pc.is_in(texts(rows, table.grain), wanted)).cast(table.schema) for rows in batches]
    return pa.concat_tables([table.schema.empty_table(), *found])


def _rewritten(store: Store, snapshot: Snapshot, changed: pa.Table) -> dict[str, pa.Table]:
    """Return, for each file that holds a changed row, the rows of it that stay."""
    if not changed.num_rows:
        return {}
    table, rewritten = snapshot.table, {}
    for path in snapshot.files:
        rows = store.open(table, path).read()
        kept = without(table, rows, changed)
        if kept.num_rows < rows.num_rows:
            rewritten[path] = kept
    return rewritten


def _stage_content(store: Store, table: Table, rows: pa.Table) -> DataFile:
    everything = texts(rows, table.schema.names)
    return stage(store, table, rows, name_of(everything.to_pylist()))
