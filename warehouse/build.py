"""The build: one DuckDB file, made aside from snapshots of the lake in bounded memory.

The storage format is pinned to one that DuckDB 1.5 reads too, since BI tools embed their own. No
extension is needed to build or to read it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.lake.errors import CannotRun
from pipelines.lake.recipe import Run
from pipelines.lake.store import Snapshot
from pipelines.lake.table import Table
from warehouse.manifest import PINS, RELEASE, VERSION, Pin, name_of
from warehouse.marts import VIEWS
from warehouse.marts.view import View

Built = Callable[[str], None]  # told the name of each table that is in
Config = dict[str, str | bool | int | float | list[str]]

_STORAGE = "v1.5.0"
_MEMORY = "256MB"  # beside it the process holds the libraries and one part of a table
_THREADS = min(4, os.cpu_count() or 1)
_INDEXES = (("products", "master_category"), ("products", "sub_category"))
_LICENCE = (
    "The rows describe images and films of others. What each source allows stands in image_sources, movies and "
    "bechdel_ratings; a row where allow_training is false must not be learned from."
)
_ATTRIBUTIONS = """
    SELECT DISTINCT attribution
    FROM (
        FROM image_sources SELECT attribution
        UNION ALL
        FROM movies SELECT attribution
        UNION ALL
        FROM bechdel_ratings SELECT attribution
    )
    WHERE attribution IS NOT NULL
    ORDER BY 1
"""


def build(
    file: Path,
    run: Run,
    snapshots: Mapping[Table, Snapshot],
    pins: Mapping[str, Pin],
    gate: Callable[[duckdb.DuckDBPyConnection], None],
    built: Built,
) -> None:
    """Write the release's file; `gate` sees it whole and raises when it must not go out. Raises CannotRun."""
    with _plain_errors(file), _writing(file) as connection:
        for table, snapshot in snapshots.items():
            _load(connection, table, snapshot)
            built(table.name)
        for view in VIEWS:
            connection.execute(view.definition(_quoted(view.table.name)))
            _require_columns(connection, view)
        gate(connection)
        _write_notes(connection, run, pins)
        for table in (*snapshots, RELEASE, PINS):
            _forbid_nulls(connection, table)
        for name, column in _INDEXES:
            connection.execute(f"CREATE INDEX {name}_{column} ON {name} ({column})")
        for table in (*snapshots, RELEASE, PINS):
            _comment(connection, "TABLE", table)
        for view in VIEWS:
            if view.viewer:  # the columns of a macro cannot carry comments
                target = f"MACRO TABLE {_quoted(view.table.name)}"
                connection.execute(f"COMMENT ON {target} IS {_text(view.table.description)}")
            else:
                _comment(connection, "VIEW", view.table)


@contextmanager
def _plain_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, pa.ArrowInvalid, OSError) as error:
        raise CannotRun(
            f"the release could not be built in {file.parent}: {str(error).splitlines()[0]} Nothing was published. "
            "Check the space on that disk, and the lake with: tessera doctor."
        ) from error


@contextmanager
def _writing(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    config: Config = {"memory_limit": _MEMORY, "threads": str(_THREADS), "temp_directory": f"{file}.spill"}
    with duckdb.connect(config=config) as connection:
        connection.execute(f"ATTACH {_text(str(file))} AS building (STORAGE_VERSION '{_STORAGE}')")
        connection.execute("USE building")  # views must not name the database: the file is renamed later
        yield connection
        connection.execute("CHECKPOINT")
        connection.execute("USE memory")
        connection.execute("DETACH building")


def _load(connection: duckdb.DuckDBPyConnection, table: Table, snapshot: Snapshot) -> None:
    """Copy a table sorted by its grain, so that row groups can be skipped. Nulls are left to the gate."""
    schema = _schema(table)
    types = connection.from_arrow(schema.empty_table()).types
    columns = ", ".join(f"{_quoted(name)} {kind}" for name, kind in zip(schema.names, types, strict=True))
    connection.execute(f"CREATE TABLE {_quoted(table.name)} ({columns})")
    batches = (batch.cast(schema) for batch in snapshot.batches(schema.names))
    connection.register("incoming", pa.RecordBatchReader.from_batches(schema, batches))
    order = ", ".join(map(_quoted, table.grain))
    connection.execute(f"INSERT INTO {_quoted(table.name)} FROM incoming ORDER BY {order}")
    connection.unregister("incoming")
    held, expected = len(connection.table(table.name)), sum(snapshot.files.values())
    if held != expected:
        raise CannotRun(
            f"table {table.name}: its log promises {expected} rows at version {snapshot.version}, its files hold "
            f"{held}. The lake is damaged, nothing was published. Look at it with: tessera doctor."
        )


def _schema(table: Table) -> pa.Schema:
    """Return a table's columns as a release holds them: no blobs; times are UTC without a zone.

    (DuckDB's Python client hands out times with a zone only where pytz is installed.)
    """
    return pa.schema([pa.field(column.name, _without_zone(column.type)) for column in table.plain])


def _without_zone(kind: pa.DataType) -> pa.DataType:
    return pa.timestamp(kind.unit) if pa.types.is_timestamp(kind) else kind


def _require_columns(connection: duckdb.DuckDBPyConnection, mart: View) -> None:
    view = mart.table
    asked = f"FROM {_quoted(view.name)}" + ("(NULL)" if mart.viewer else "")
    held, declared = connection.sql(asked), connection.from_arrow(_schema(view).empty_table())
    given = [f"{name} {kind}" for name, kind in zip(held.columns, held.types, strict=True)]
    promised = [f"{name} {kind}" for name, kind in zip(declared.columns, declared.types, strict=True)]
    if given != promised:
        raise CannotRun(
            f"view {view.name}: its query gives {', '.join(given)}, but it is declared with {', '.join(promised)}. "
            f"Bring warehouse/marts/{view.name}.sql and .py together."
        )


def _write_notes(connection: duckdb.DuckDBPyConnection, run: Run, pins: Mapping[str, Pin]) -> None:
    versions = json.dumps({name: pin.version for name, pin in pins.items()}, sort_keys=True)
    texts = connection.sql(_ATTRIBUTIONS)
    shown = "\n".join(text for (text,) in texts.fetchall()) or None
    now = datetime.now(UTC)
    note = (name_of(pins), run.run_id, now, run.code_version, VERSION, versions, _LICENCE, shown)
    _fill(connection, RELEASE, [note])
    rows = [(name, pin.version, pin.rows, pin.delta_id, pin.files_hash) for name, pin in sorted(pins.items())]
    _fill(connection, PINS, rows)


def _fill(connection: duckdb.DuckDBPyConnection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    named = [dict(zip(table.schema.names, row, strict=True)) for row in rows]
    notes = pa.Table.from_pylist(named, table.schema).cast(_schema(table))
    connection.from_arrow(notes).create(table.name)


def _forbid_nulls(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    for column in table.plain:
        if not column.nullable:
            target = f"{_quoted(table.name)} ALTER COLUMN {_quoted(column.name)}"
            connection.execute(f"ALTER TABLE {target} SET NOT NULL")


def _comment(connection: duckdb.DuckDBPyConnection, kind: str, table: Table) -> None:
    connection.execute(f"COMMENT ON {kind} {_quoted(table.name)} IS {_text(table.description)}")
    for column in table.plain:
        words = column.description + (" (UTC)" if pa.types.is_timestamp(column.type) else "")
        target = f"{_quoted(table.name)}.{_quoted(column.name)}"
        connection.execute(f"COMMENT ON COLUMN {target} IS {_text(words)}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(words: str) -> str:
    """Return a SQL literal: ATTACH and COMMENT take no bound values."""
    return "'" + words.replace("'", "''") + "'"
