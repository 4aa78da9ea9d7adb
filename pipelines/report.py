"""What can be asked of a lake without changing it: its runs, its tables, where they come from, whether all is well."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from pipelines import catalog
from pipelines.lake import rejects, runs
from pipelines.lake.errors import CannotRun, TesseraError
from pipelines.lake.objects import Objects
from pipelines.lake.probe import probe
from pipelines.lake.recipe import recipe
from pipelines.lake.rows import digest
from pipelines.lake.store import Store
from pipelines.lake.table import Table
from pipelines.settings import Settings
from pipelines.sources import DOWNLOADS, SOURCES

Rows = list[dict[str, Any]]
_PACKAGES = ("apache-airflow", "dask", "deltalake", "duckdb", "great-expectations", "mlflow", "pyarrow", "torch")
_DISK_BYTES = 5 << 30


def run_rows(store: Store, run_id: str | None, limit: int) -> Rows:
    """Return the steps of the newest runs, newest run first and steps in their order; or those of one run."""
    held: Rows = store.snapshot(runs.TABLE).read().to_pylist()
    held.sort(key=lambda row: row["started_at"])
    newest = list(dict.fromkeys(row["run_id"] for row in reversed(held)))
    shown = [run_id] if run_id else newest[:limit]
    return [row for wanted in shown for row in held if row["run_id"] == wanted]


def reject_rows(store: Store, source: str | None) -> Rows:
    """Return how many open rejects there are per source and reason, with an example of each."""
    held = store.snapshot(rejects.TABLE).read()
    held = held.filter(pc.field("is_open"))
    if source:
        held = held.filter(pc.field("source") == source)
    by_reason = held.sort_by("key").group_by(["source", "reason"], use_threads=False)  # in order, for `first`
    groups = by_reason.aggregate([("key", "count"), ("key", "first"), ("detail", "first")])
    groups = groups.rename_columns(["source", "reason", "count", "first_key", "example"])
    rows: Rows = groups.sort_by([("source", "ascending"), ("count", "descending")]).to_pylist()
    return rows


def table_facts(store: Store, table: Table) -> dict[str, Any]:
    """Return what the lake holds of a table: version, rows, files, recipe and newest commits."""
    snapshot = store.snapshot(table)
    return {
        "table": table.name,
        "description": table.description,
        "grain": ", ".join(table.grain),
        "recipe": recipe(table),
        "version": snapshot.version,
        "rows": sum(snapshot.files.values()),
        "files": len(snapshot.files),
        "last_run": next((commit["run_id"] for commit in store.history(table, 1) if "run_id" in commit), None),
    }


def hashes(store: Store, tables: tuple[Table, ...]) -> Rows:
    """Return the ordered row hash of each table: equal wherever the same content lies, whatever wrote it."""
    return [{"table": table.name, "row_hash": digest(table, store.snapshot(table).read())} for table in tables]


def upstream(table: Table, depth: int = 0) -> Iterator[tuple[int, Table]]:
    """Yield (depth, table) for a table and all it is made of."""
    yield depth, table
    for other in table.inputs:
        yield from upstream(other, depth + 1)


def downstream(table: Table) -> list[Table]:
    """Return the tables that are made of this one."""
    return [other for other in catalog.TABLES if table in other.inputs]


@dataclass(frozen=True)
class Finding:
    """One thing the doctor looked at."""

    what: str
    is_well: bool
    detail: str


def findings(settings: Settings) -> list[Finding]:
    """Look at everything a night needs, and say of each thing whether it is well."""
    return [
        _python(),
        *(_package(name) for name in _PACKAGES),
        _store("lake", settings.lake_uri),
        _store("releases", settings.releases_uri),
        _disk(settings),
        *(_source(settings, name) for name in settings.wanted),
        _executor(settings),
    ]


def _python() -> Finding:
    version = sys.version_info
    return Finding("python", (3, 11) <= version[:2] < (3, 14), f"{version.major}.{version.minor}; 3.11 to 3.13 will do")


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, False, "is not installed: make setup")


def _answer(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, check())
    except TesseraError as error:
        return Finding(what, False, str(error))


def _store(what: str, uri: str) -> Finding:
    def check() -> str:
        probe(Objects(uri))
        return f"{uri} keeps its promises (put if absent, replace if unchanged, 16 racers)"

    return _answer(what, check)


def _disk(settings: Settings) -> Finding:
    settings.root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.root).free
    return Finding("disk", free > _DISK_BYTES, f"{free / 2**30:.0f} GiB free at {settings.root}; 5 are enough to begin")


def _source(settings: Settings, name: str) -> Finding:
    """Say where a source will be looked for, and whether it is there as far as this machine can tell."""
    if name not in SOURCES:
        return Finding(name, False, f"TESSERA_SOURCES names no source of this name; there are: {', '.join(SOURCES)}")
    if name == "sample":
        return Finding(name, True, "drawn by Tessera; name others with TESSERA_FASHION, TESSERA_CIFAR10, …")
    if name == "inbox":
        return Finding(name, True, f"{settings.lake_uri}/incoming")
    if name == "tmdb":
        return Finding(name, settings.tmdb_token is not None, f"{settings.tmdb_api}, with TESSERA_TMDB_TOKEN")
    place = str(getattr(settings, name))
    is_there = place in ("", *DOWNLOADS) or Path(place).expanduser().exists()
    return Finding(name, is_there, (place or "downloaded") + ("" if is_there else " is not there"))


def _executor(settings: Settings) -> Finding:
    from pipelines.executor import cores, open_executor

    def check() -> str:
        with open_executor(settings.dask_scheduler) as executor:
            if executor.submit(int, "1").result(timeout=60) != 1:
                raise CannotRun("a task gave another result than it should.")
        return f"{settings.dask_scheduler} answers ({cores()} cores here)"

    return _answer("executor", check)
