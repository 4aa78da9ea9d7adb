"""Listed: tables whose rows stand in a file beside the code, and how the lake comes to hold what the file says."""

from __future__ import annotations

import pyarrow as pa

from pipelines.lake.materialize import path_of, stage
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal
from pipelines.lake.store import Change, Snapshot
from pipelines.lake.table import Table


def put_up(journal: Journal, table: Table, rows: pa.Table) -> None:
    """Bring a table to these rows, in one commit; the name of its data file tells whether it holds them."""
    store, name = journal.store, digest(table, rows)[:32]
    stem = path_of(table, name).removesuffix(".parquet")

    def plan(snapshot: Snapshot) -> Change | None:
        is_there = bool(snapshot.files) and all(path.startswith(stem) for path in snapshot.files)
        return None if is_there else Change([stage(store, table, rows, name)], list(snapshot.files))

    with journal.step(table.name) as step:
        step.rows_in = rows.num_rows
        if plan(store.snapshot(table)) is None:
            step.unchanged = rows.num_rows
            return
        store.change(table, journal.run, plan)
        step.new = rows.num_rows
