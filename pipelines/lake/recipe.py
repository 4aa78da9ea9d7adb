"""What a row was made with (the recipe) and when (the run)."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipelines import __version__
from pipelines.lake.errors import CannotRun
from pipelines.lake.table import Table

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,199}")


def recipe(table: Table) -> str:
    """Return 16 hex digits naming all that decides a table's rows beside its source data.

    Hashes (name, version, parameters and model version, recipes of the inputs): a change in any of them
    makes every row pending again. Neither source files nor commits are hashed, so that a reworded
    comment recomputes nothing; a golden test per producer fails when rows change and the version does not.
    """
    produce = table.produce
    made_with = {
        "table": table.name,
        "version": table.version,
        "producer": None if produce is None else {"version": produce.version, **produce.fingerprint},
        "inputs": [recipe(upstream) for upstream in table.inputs],
    }
    return hashlib.sha256(json.dumps(made_with, sort_keys=True).encode()).hexdigest()[:16]


def new_run_id() -> str:
    """Return a run id that sorts by time and is safe in paths."""
    now = datetime.now(UTC)
    return now.strftime("%Y-%m-%dT%H%M%S.%f") + "Z"


@dataclass(frozen=True)
class Run:
    """One run of a command; the same `run_id` stands in logs, commits, pins, `runs` and the release.

    Raises CannotRun when the id cannot be part of a path.
    """

    run_id: str = field(default_factory=new_run_id)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    code_version: str = __version__

    def __post_init__(self) -> None:
        if not _RUN_ID.fullmatch(self.run_id):
            raise CannotRun(f"run id {self.run_id!r} is not usable: use letters, digits and _ . : + - (200 at most).")
