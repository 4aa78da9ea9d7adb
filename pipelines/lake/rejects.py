"""Rejects: every item that could not be made into a row, with the reason, kept as long as the defect stands."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.lake.materialize import upsert
from pipelines.lake.recipe import Run
from pipelines.lake.store import Store
from pipelines.lake.table import Column, Table

TABLE = Table(
    name="rejects",
    description="Items that could not be made into rows: what, why, and since when. Closed ones were mended.",
    grain=("source", "key", "reason"),
    columns=(
        Column("source", pa.string(), "Where the item was met: a source, or the table that could not be made of it."),
        Column("key", pa.string(), "The item's own name there: a product id, a file name, an image_id."),
        Column("reason", pa.string(), "Why, as a short code.", pattern=r"[a-z0-9_]+"),
        Column("detail", pa.string(), "Why, as a sentence for a person."),
        Column("recipe", pa.string(), "The recipe that failed on the item; empty for sources.", pattern=r"[0-9a-f]*"),
        Column("is_open", pa.bool_(), "True while its source's latest run still met the defect."),
        Column("first_run_id", pa.string(), "The run that first met the defect.", provenance=True),
        Column("last_run_id", pa.string(), "The run that last changed this row.", provenance=True),
    ),
)


@dataclass(frozen=True)
class Reject:
    """One item that could not be made into a row."""

    key: str
    reason: str
    detail: str


def standing(store: Store, source: str, recipe: str = "") -> list[Reject]:
    """Return the open rejects of one source under one recipe."""
    held = store.snapshot(TABLE).read()
    rows = held.filter((pc.field("source") == source) & (pc.field("recipe") == recipe) & pc.field("is_open"))
    return [Reject(row["key"], row["reason"], row["detail"]) for row in rows.to_pylist()]


def record(
    store: Store,
    run: Run,
    source: str,
    found: Iterable[Reject],
    recipe: str = "",
    looked_at: Container[str] | None = None,
) -> None:
    """Make the open rejects of `source` exactly those `found`: open new ones, close those that are gone.

    With `looked_at`, only rejects of those keys are closed. Commits nothing when they are the same as before. Of
    several rejects with one key and reason the first counts.
    """
    held = store.snapshot(TABLE).read()
    held = held.filter(pc.field("source") == source)
    first_run = {(row["key"], row["reason"]): row["first_run_id"] for row in held.to_pylist()}
    rows = {
        (reject.key, reject.reason): _row(run, source, reject, recipe, first_run.get((reject.key, reject.reason)))
        for reject in reversed(list(found))
    }
    for row in held.to_pylist():
        is_gone = (row["key"], row["reason"]) not in rows and (looked_at is None or row["key"] in looked_at)
        if row["is_open"] and is_gone:
            rows[row["key"], row["reason"]] = row | {"is_open": False, "last_run_id": run.run_id}
    upsert(store, run, TABLE, pa.Table.from_pylist(list(rows.values()), TABLE.schema))


def _row(run: Run, source: str, reject: Reject, recipe: str, first_run_id: str | None) -> dict[str, object]:
    return {
        "source": source,
        "key": reject.key,
        "reason": reject.reason,
        "detail": reject.detail,
        "recipe": recipe,
        "is_open": True,
        "first_run_id": first_run_id or run.run_id,
        "last_run_id": run.run_id,
    }
