"""The account: what became of a selection, asked for by its id."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pyarrow.compute as pc

from pipelines.lake import runs
from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import Objects
from pipelines.lake.recipe import Run
from pipelines.lake.store import Store
from pipelines.selection.bundle import Bundle
from pipelines.selection.choice import STEP

_UNFINISHED = {"params": None, "status": "unfinished", "error": None, "counts": None, "started": None, "ended": None}


def status(store: Store, bundles: Objects, run_id: str) -> dict[str, Any]:
    """Return id, params, status, error, counts, started, ended, and where the bundle lies if it is whole.

    An `unfinished` one still runs, or was killed. Raises CannotRun for an id that no selection has.
    """
    bundle = Bundle(bundles, Run(run_id))  # a run id is safe in paths, whatever was asked for
    held = store.snapshot(runs.TABLE).read()
    rows = held.filter((pc.field("run_id") == run_id) & (pc.field("step") == STEP)).to_pylist()
    if not rows and not bundle.is_begun:
        raise CannotRun(f"there is no selection {run_id}. Its id stands in what tessera select printed last.")
    outcome = _outcome(rows[0]) if rows else _UNFINISHED
    return {"id": run_id, **outcome, "bundle": bundle.uri if bundle.is_whole else None}


def _outcome(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "params": json.loads(row["params"] or "null"),
        "status": row["status"],
        "error": row["error"],
        "counts": {"products": row["in_count"], "images": row["new_count"] + row["unchanged_count"]},
        "started": row["started_at"],
        "ended": row["started_at"] + timedelta(seconds=row["seconds"]),
    }
