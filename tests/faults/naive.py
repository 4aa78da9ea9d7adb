"""The control: a night as one would write it first. Appends, then notes its progress; writes the release in place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

CALLS: list[tuple[Any, str]] = []
_SHARDS, _ROWS = 8, 5


class Steps:
    """The writes of the naive night, each a call that can be killed."""

    @staticmethod
    def append(lake: Path, shard: int) -> None:
        ids = pa.array([shard * _ROWS + row for row in range(_ROWS)])
        write_deltalake(str(lake), pa.table({"id": ids}), mode="append")

    @staticmethod
    def note(progress: Path, done: list[int]) -> None:
        progress.write_text(json.dumps(done))

    @staticmethod
    def clear(release: Path) -> None:
        with duckdb.connect(str(release)) as built:
            built.execute("CREATE OR REPLACE TABLE things (id BIGINT)")

    @staticmethod
    def fill(release: Path, rows: pa.Table) -> None:
        with duckdb.connect(str(release)) as built:
            built.register("rows", rows)
            built.execute("INSERT INTO things SELECT * FROM rows")


CALLS += [(Steps, "append"), (Steps, "note"), (Steps, "clear"), (Steps, "fill")]


def prepare(folder: Path) -> None:
    """Nothing is needed."""
    folder.mkdir(parents=True, exist_ok=True)


def home(folder: Path, name: str) -> Path:
    """Return an empty folder for one trial."""
    shutil.rmtree(folder / name, ignore_errors=True)
    (folder / name).mkdir()
    return folder / name


def night(home: Path) -> None:
    """Append what the progress file does not name, then write the release where readers look."""
    progress = home / "progress.json"
    done = json.loads(progress.read_text()) if progress.exists() else []
    for shard in range(_SHARDS):
        if shard not in done:
            Steps.append(home / "lake", shard)
            done.append(shard)
            Steps.note(progress, done)
    Steps.clear(home / "current.duckdb")
    Steps.fill(home / "current.duckdb", _rows(home))


def _rows(home: Path) -> pa.Table:
    return DeltaTable(str(home / "lake")).to_pyarrow_table()


def hashes(home: Path) -> dict[str, Any]:
    """Return the rows themselves, which say more than a hash."""
    return {"things": sorted(_rows(home)["id"].to_pylist())}


def difference(home: Path, reference: dict[str, Any]) -> str:
    """Say what is wrong with the rows."""
    found = hashes(home)["things"]
    return f"{len(found) - len(set(found))} doubled, {len(set(reference['things']) - set(found))} lost"


def seen_by_reader(home: Path) -> Any:
    """Return what the release holds, None where there is none."""
    release = home / "current.duckdb"
    if not release.exists():
        return None
    with duckdb.connect(str(release), read_only=True) as reader:
        return sorted(row[0] for row in reader.execute("SELECT id FROM things").fetchall())
