"""The night of Tessera, as the fault harness runs it: in small shards, so that there are many commits to kill."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import great_expectations  # noqa: F401  # its import is slow: paid once, before the harness forks
import numpy as np

from pipelines import catalog
from pipelines.executor import open_executor
from pipelines.ingest import fashion, intake, sample
from pipelines.lake.objects import Objects
from pipelines.lake.recipe import Run
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.palette import palettes
from pipelines.palette.quantize import quantize
from pipelines.producers import materialize
from warehouse import connection, release

CALLS = (
    *((Objects, name) for name in ("put", "create", "swap", "delete")),
    *((Store, name) for name in ("_create", "_commit")),
)
_TABLES = tuple(table for table in catalog.TABLES if table.name != "runs")


def prepare(folder: Path) -> None:
    """Draw the catalogue, and compile what is compiled."""
    folder.mkdir(parents=True, exist_ok=True)
    sample.write_fashion_zip(folder / "fashion.zip", 60)
    quantize(np.zeros((2, 2, 3), np.uint8), np.ones((2, 2), np.float32), 5)
    intake._SHARD_BYTES = 40_000


def home(folder: Path, name: str) -> Path:
    """Return an empty folder for one trial."""
    (folder / name).mkdir()
    return folder / name


def _store(home: Path) -> Store:
    return Store(str(home / "lake"))


def night(home: Path) -> None:
    """Run one night as the command line does."""
    journal = Journal(_store(home), Run())
    fashion.ingest(journal, home.parent / "fashion.zip", fashion.FashionParams())
    with open_executor("threads") as executor:
        materialize(journal, palettes.TABLE, executor, 0.5)
    release.release(journal, Objects(str(home / "releases")), home / "scratch")
    journal.write()


def hashes(home: Path) -> dict[str, str]:
    """Return the ordered row hash of every table; a doubled row changes it."""
    return {table.name: digest(table, _store(home).snapshot(table).read()) for table in _TABLES}


def difference(home: Path, reference: dict[str, str]) -> list[str]:
    """Return the tables whose rows differ."""
    found = hashes(home)
    return sorted(name for name in reference if found[name] != reference[name])


def seen_by_reader(home: Path) -> dict[str, Any] | None:
    """Return a hash per table of the published release, None where nothing is published yet."""
    if Objects(str(home / "releases")).find("current.json") is None:
        return None
    with connection.connect(releases=str(home / "releases")) as reader:
        seen = {}
        for table in _TABLES:
            # A run's own name is how a row came to be: it differs between runs and is no content.
            columns = ", ".join(c.name for c in table.plain if not c.provenance)
            rows = reader.execute(f'SELECT {columns} FROM "{table.name}" ORDER BY ALL').fetchall()
            seen[table.name] = hashlib.sha256(repr(rows).encode()).hexdigest()
        return seen
