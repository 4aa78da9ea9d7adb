"""The lake: Delta tables at one address, changed only by optimistic steps of one writer at a time.

Files are written first, under names that their content decides; a change then names them in the Delta log
in one commit, made against the very snapshot it was planned on. Every change of a table carries the same
application id, so that Delta refuses whichever of two simultaneous changes comes second, and the loser
plans anew on what it finds. A repeat finds nothing left to do. (Delta accepts a replayed transaction from
a fresh table object, which doubles rows; planning on the snapshot is what prevents it.)
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from pipelines.lake.encoding import NOTES, encoded
from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import Objects, allows_http, is_remote
from pipelines.lake.recipe import Run
from pipelines.lake.table import Table

_ATTEMPTS = 50  # of one change against other writers; each loser waits a little longer
_BATCH_ROWS = 32_768
_STAGED_SECONDS = 24 * 3600  # vacuum keeps uncommitted files longer than this
_ABSENT = -1  # the version of a table that nothing was committed to yet


@dataclass(frozen=True)
class DataFile:
    """A Parquet file below a table's folder; `notes` travel in its footer."""

    path: str
    size: int
    rows: int
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """What one commit does: name new files, forget old ones."""

    add: Sequence[DataFile] = ()
    remove: Sequence[str] = ()


@dataclass(frozen=True)
class Snapshot:
    """A table as of one version; `delta` is None when nothing was ever committed to it."""

    table: Table
    delta: DeltaTable | None

    @property
    def version(self) -> int:
        return _ABSENT if self.delta is None else self.delta.version()

    @cached_property
    def files(self) -> dict[str, int]:
        """Path below the table's folder → number of rows."""
        if self.delta is None:
            return {}
        actions = pa.table(self.delta.get_add_actions(flatten=True))
        return dict(zip(actions["path"].to_pylist(), actions["num_records"].to_pylist(), strict=True))

    def fragments(self, columns: Sequence[str], skip: Collection[str] = ()) -> Iterator[tuple[str, pa.Table]]:
        """Yield (path, rows) for each data file whose path is not in `skip`."""
        if self.delta is None or self.files.keys() <= set(skip):
            return
        for fragment in self.delta.to_pyarrow_dataset().get_fragments():
            path = unquote(fragment.path)
            if path not in skip:
                yield path, fragment.to_table(columns=list(columns))

    def batches(self, columns: Sequence[str], paths: Collection[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the rows, of the files at `paths` only where these are given, few in memory at a time."""
        if self.delta is None:
            return
        scan = {"columns": list(columns), "batch_size": _BATCH_ROWS, "batch_readahead": 2}
        for fragment in self.delta.to_pyarrow_dataset().get_fragments():
            if paths is None or unquote(fragment.path) in paths:
                yield from fragment.scanner(**scan).to_batches()

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows, columns in declared order; an absent table has none."""
        schema = self.table.schema
        if columns is not None:
            schema = pa.schema([schema.field(name) for name in columns])
        if self.delta is None:
            return schema.empty_table()
        return self.delta.to_pyarrow_dataset().to_table(columns=schema.names).cast(schema)


@dataclass(frozen=True)
class Store:
    """The tables below one lake address. Carries no secret, so it may travel to workers."""

    uri: str

    def __post_init__(self) -> None:
        if "%" in self.uri:
            raise CannotRun(f"the lake cannot lie at {self.uri}: the Delta client decodes a % in an address. Move it.")

    @property
    def objects(self) -> Objects:
        return Objects(self.uri)

    def folder(self, table: Table) -> Objects:
        """The files of one table, committed or not."""
        return Objects(f"{self.uri}/{table.name}")

    def _options(self) -> dict[str, str]:
        return {"allow_http": "true"} if is_remote(self.uri) and allows_http() else {}

    def snapshot(self, table: Table, version: int | None = None) -> Snapshot:
        """Return the table as of `version`, or as of now. Raises CannotRun when that version is gone."""
        if version == _ABSENT:
            return Snapshot(table, None)
        try:
            delta = DeltaTable(self.folder(table).uri, version, storage_options=self._options())
        except TableNotFoundError as error:
            if version is not None:
                gone = f"table {table.name} has no version {version} at {self.uri} any more. Start a new run."
                raise CannotRun(gone) from error
            return Snapshot(table, None)
        except (DeltaError, OSError) as error:
            raise CannotRun(f"table {table.name} cannot be read at {self.uri}: {error}") from error
        _require_same_columns(table, delta)
        return Snapshot(table, delta)

    def pin(self, run: Run, table: Table, reader: str) -> int:
        """Return the version of a table that `reader`, a step of this run, reads; a retry of it reads the same."""
        path = f"_pins/{run.run_id}/{reader}/{table.name}.json"
        if self.objects.find(path) is None:
            self.objects.create(path, json.dumps(self.snapshot(table).version).encode())
        return int(json.loads(self.objects.get(path)))

    def unpin(self, run: Run) -> None:
        """Forget what the steps of a run read: it begins again from its sources."""
        for pin in list(self.objects.list(f"_pins/{run.run_id}")):
            self.objects.delete(pin.path)

    def write(self, table: Table, path: str, rows: pa.Table, notes: dict[str, Any] | None = None) -> DataFile:
        """Write rows to a Parquet file that no reader sees until a change names it.

        A file that is there is never overwritten: it may be committed. A fresh one is taken, for its name says it
        holds the same rows; beside an old one, which cleaning may take, another is written.
        """
        data = encoded(table, rows, notes or {})
        if not self.folder(table).create(path, data):
            there = self.staged(table, path)
            if there and there.notes == (notes or {}):
                return there
            path = f"{path.removesuffix('.parquet')}-{uuid4().hex}.parquet"
            self.folder(table).put(path, data)
        return DataFile(path, len(data), rows.num_rows, notes or {})

    def staged(self, table: Table, path: str) -> DataFile | None:
        """Return a file left by an earlier attempt, None when there is none, or it is torn or about to be cleaned."""
        found = self.folder(table).find(path)
        if found is None or found.age_seconds > _STAGED_SECONDS or self._is_doomed(table, path):
            return None
        try:
            data = self.folder(table).get(path)
            meta = pq.read_metadata(io.BytesIO(data))
        except (FileNotFoundError, pa.ArrowInvalid):
            return None
        return DataFile(path, len(data), meta.num_rows, json.loads(meta.metadata[NOTES]))

    def _is_doomed(self, table: Table, path: str) -> bool:
        """True for a file that a commit took out of the table: cleaning may remove it at any moment."""
        delta = self.snapshot(table).delta
        if delta is None:
            return False
        gone = delta.vacuum(0, dry_run=True, enforce_retention_duration=False, full=False)
        return path in {unquote(name) for name in gone}

    def open(self, table: Table, path: str) -> pq.ParquetFile:
        """Open one data file by its path below the table's folder."""
        return pq.ParquetFile(pa.BufferReader(self.folder(table).get(path)))

    def change(self, table: Table, run: Run, plan: Callable[[Snapshot], Change | None]) -> None:
        """Commit what `plan` makes of the newest snapshot, exactly once.

        `plan` says what is still missing (None: nothing) and is asked again whenever another writer came
        first. Raises CannotRun when others come first every time.
        """
        for attempt in range(_ATTEMPTS):
            snapshot = self.snapshot(table)
            change = plan(snapshot)
            if change is None or not (any(file.rows for file in change.add) or change.remove):
                return
            try:
                if snapshot.delta is None:
                    self._create(table)  # and plan again: another writer may have created and filled it
                else:
                    self._commit(table, snapshot.delta, change, run)
            except CommitFailedError:
                time.sleep(min(0.01 * 2**attempt, 1.0))
            except (DeltaError, OSError) as error:
                raise CannotRun(f"table {table.name} cannot be written at {self.uri}: {error}") from error
            else:
                if snapshot.delta is not None:
                    return
        raise CannotRun(f"table {table.name}: {_ATTEMPTS} commits in a row lost to other writers. Start fewer at once.")

    def _create(self, table: Table) -> None:
        DeltaTable.create(
            self.folder(table).uri,
            Schema.from_arrow(table.schema),
            mode="ignore",
            name=table.name,
            description=table.description,
            storage_options=self._options(),
        )

    def _commit(self, table: Table, delta: DeltaTable, change: Change, run: Run) -> None:
        now = int(time.time() * 1000)
        adds = [_add(file, now) for file in change.add if file.rows]
        removes = [RemoveAction(path, True, now) for path in change.remove]
        properties = CommitProperties(
            custom_metadata={"run_id": run.run_id, "code_version": run.code_version},
            app_transactions=[Transaction(f"tessera/{table.name}", delta.version() + 1, now)],
        )
        delta.create_write_transaction([*adds, *removes], "append", delta.schema(), commit_properties=properties)

    def history(self, table: Table, limit: int = 20) -> list[dict[str, Any]]:
        """Return the newest commits, newest first."""
        delta = self.snapshot(table).delta
        return [] if delta is None else delta.history(limit)

    def vacuum(
        self, table: Table, keep_hours: int, keep_versions: Iterable[int] = (), leftovers: bool = True
    ) -> list[str]:
        """Delete files that no version of the last `keep_hours`, nor one of `keep_versions`, names; return their paths.

        With `leftovers` also files that no version ever named: what killed writers left. Then `keep_hours` must
        exceed the longest run, or a running one loses files it has not committed yet.
        """
        delta = self.snapshot(table).delta
        if delta is None:
            return []
        kept = sorted(version for version in keep_versions if version != _ABSENT)
        vacuum = partial(delta.vacuum, keep_hours, enforce_retention_duration=False, full=leftovers, keep_versions=kept)
        return vacuum(dry_run=False) if vacuum(dry_run=True) else []  # it would commit even for nothing


def _require_same_columns(table: Table, delta: DeltaTable) -> None:
    held = {f.name: str(f.type) for f in delta.schema().fields}
    declared = {f.name: str(f.type) for f in Schema.from_arrow(table.schema).fields}
    if held != declared:
        differing = sorted(name for name in held | declared if held.get(name) != declared.get(name))
        raise CannotRun(
            f"table {table.name} was written with other columns ({', '.join(differing)} differ). "
            "Start with an empty lake, or go back to the version of Tessera that wrote it."
        )


def _add(file: DataFile, now: int) -> AddAction:
    return AddAction(file.path, file.size, {}, now, True, json.dumps({"numRecords": file.rows}))
