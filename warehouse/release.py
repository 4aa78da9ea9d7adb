"""The release: pin the lake, build aside, audit, upload, publish. Each step may be the last one a killed run does.

Order is what keeps readers safe: the file is there before its manifest, the manifest before the pointer
names it; file and manifest are created once and never written again. A run that finds them left by
another goes on from there.
"""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from pipelines.audit import put_report
from pipelines.catalog import TABLES
from pipelines.lake import runs
from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import Objects
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Snapshot, Store
from pipelines.lake.table import Table
from warehouse import pointer
from warehouse.build import build
from warehouse.gate import examine, require_ok
from warehouse.manifest import Pin, Release, file_of, is_news, manifest_of, name_of, pin_of
from warehouse.marts import VIEWS
from warehouse.pointer import list_releases, rollback

__all__ = ["list_releases", "release", "rollback"]

_LEFT_FOR_SECONDS = 24 * 3600


def release(journal: Journal, releases: Objects, scratch: Path) -> Release:
    """Make and publish the release of what the lake holds; return the one that shows it.

    Does nothing when the newest published release shows it already. Raises ContractBroken when the rows
    break a rule; readers then keep what they have.
    """
    with journal.step("release") as step:
        snapshots = _pinned(journal.store, journal.run)
        pins = {table.name: pin_of(snapshot) for table, snapshot in snapshots.items()}
        last = pointer.find_release(releases, pointer.current(releases).last_published)
        if last is not None and not is_news(pins, last):
            step.rows_in = step.unchanged = last.rows
            return last
        made = _whole(journal, releases, scratch, snapshots, pins)
        is_published = pointer.publish(releases, made, journal.run)
        step.rows_in = made.rows
        step.new, step.unchanged = (made.rows, 0) if is_published else (0, made.rows)
        return made


def _pinned(store: Store, run: Run) -> dict[Table, Snapshot]:
    """Return the snapshots this run reads; `runs` as it is, since its growth is no news.

    Tables are pinned before those they are made of, so that what a row refers to is there whatever another run
    commits in between.
    """
    versions = {table: store.pin(run, table, "release") for table in reversed(TABLES) if table != runs.TABLE}
    return {table: store.snapshot(table, versions.get(table)) for table in TABLES}


def _whole(
    journal: Journal, releases: Objects, scratch: Path, snapshots: Mapping[Table, Snapshot], pins: Mapping[str, Pin]
) -> Release:
    """Return the release of these pins, file and manifest in place: found, finished or built."""
    name = name_of(pins)
    if found := pointer.find_release(releases, name):
        return found
    _sweep(scratch)
    with TemporaryDirectory(prefix=f"release-{name}.{os.getpid()}.", dir=scratch) as folder:
        file = Path(folder) / file_of(name)
        made = _left_behind(releases, file)
        if made is None:
            _build(journal, releases, file, snapshots, pins)
            if not releases.create(file.name, file.read_bytes()):
                file.write_bytes(releases.get(file.name))  # another run was faster: the file it put there counts
            made = _described(file)
    releases.create(manifest_of(name), made.to_json())
    return made


def _sweep(scratch: Path) -> None:
    """Make the scratch folder; remove what killed runs left in it more than a day ago."""
    scratch.mkdir(parents=True, exist_ok=True)
    for leftover in scratch.glob("release-*"):
        if leftover.stat().st_mtime < time.time() - _LEFT_FOR_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)


def _left_behind(releases: Objects, file: Path) -> Release | None:
    """Return the release whose audited file a killed run uploaded already, None if there is none."""
    try:
        file.write_bytes(releases.get(file.name))
        return _described(file)
    except FileNotFoundError:
        return None
    except duckdb.Error:  # torn by a power failure: no manifest names it, so no reader can have met it
        releases.delete(file.name)
        file.unlink()
        return None


def _build(
    journal: Journal, releases: Objects, file: Path, snapshots: Mapping[Table, Snapshot], pins: Mapping[str, Pin]
) -> None:
    done = itertools.count(1)

    def gate(connection: duckdb.DuckDBPyConnection) -> None:
        docs = file.parent / "docs"
        report = examine(connection, (*snapshots, *(view.own for view in VIEWS if not view.viewer)), docs)
        require_ok(report, file.stem, put_report(releases, f"docs/{file.stem}", docs, report))

    def built(table: str) -> None:
        journal.progress(f"release: {table}", next(done), len(snapshots))

    build(file, journal.run, snapshots, pins, gate, built)


def _described(file: Path) -> Release:
    """Read back from a finished file what its manifest says of it."""
    with duckdb.connect(file, read_only=True) as connection:
        note = connection.execute("FROM _release").fetchone()
        pins = connection.execute("SELECT table_name, table_version, row_count, delta_id, files_hash FROM _pins")
        held = {name: Pin(*pin) for name, *pin in pins.fetchall()}
    if note is None:
        raise CannotRun(f"{file.name} is no release of Tessera: its _release table is empty. Remove it, run again.")
    name, run_id, created_at, code_version, warehouse_version, *_ = note
    with file.open("rb") as data:
        digest = file_digest(data, "sha256").hexdigest()
    at = created_at.isoformat(timespec="microseconds") + "+00:00"
    return Release(name, run_id, at, code_version, warehouse_version, held, file.stat().st_size, digest)
