"""The account: what became of a selection and of what was applied to it, asked for by its id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pyarrow.compute as pc

from pipelines.lake import runs
from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import Objects
from pipelines.lake.recipe import Run
from pipelines.lake.store import Store
from pipelines.selection import augmented, choice, predictions
from pipelines.selection.bundle import Bundle

Row = dict[str, Any]

_UNFINISHED = {"params": None, "status": "unfinished", "error": None, "counts": None, "started": None, "ended": None}


def status(store: Store, bundles: Objects, run_id: str) -> Row:
    """Return id, params, status, error, counts, started, ended, and where the bundle lies if it is whole.

    `predict` and `augment` tell the same of these, None where nobody asked for them. What is `unfinished` still runs,
    or was killed. Raises CannotRun for an id that no selection has.
    """
    bundle = Bundle(bundles, Run(run_id))  # a run id is safe in paths, whatever was asked for
    held = store.snapshot(runs.TABLE).read()
    rows = {row["step"]: row for row in held.filter(pc.field("run_id") == run_id).to_pylist()}
    is_begun = bundle.is_begun
    if choice.STEP not in rows and not is_begun:
        raise CannotRun(f"there is no selection {run_id}. Its id stands in what tessera select printed last.")
    return {
        "id": run_id,
        **(_selected(rows[choice.STEP]) if choice.STEP in rows else _UNFINISHED),
        "predict": _applied(rows, predictions.STEP, bundle.has_predictions),
        "augment": _applied(rows, augmented.STEP, bundle.has_augmentations),
        "bundle": bundle.uri if bundle.is_whole else None,
    }


def _selected(row: Row) -> Row:
    return _outcome(row, {"products": row["in_count"], "images": row["new_count"] + row["unchanged_count"]})


def _applied(rows: Mapping[str, Row], step: str, is_begun: bool) -> Row | None:
    if row := rows.get(step):
        return _outcome(row, {"images": row["new_count"] + row["unchanged_count"], "left_out": row["reject_count"]})
    return _UNFINISHED if is_begun else None


def _outcome(row: Row, counts: Mapping[str, int]) -> Row:
    return {
        "params": json.loads(row["params"] or "null"),
        "status": row["status"],
        "error": row["error"],
        "counts": dict(counts),
        "started": row["started_at"],
        "ended": row["started_at"] + timedelta(seconds=row["seconds"]),
    }
