"""What a release is: which versions of which tables, made when, by what; as JSON and inside the file itself.

The manifest is read back from the finished file, so that any run can write it for a file that another,
killed one left behind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from pipelines.lake import runs
from pipelines.lake.store import Snapshot
from pipelines.lake.table import Column, Table

VERSION = 5  # of the warehouse: raise it when views, indexes or the file's own tables change

RELEASE = Table(
    name="_release",
    description="What this file is: one row.",
    grain=("release",),
    columns=(
        Column("release", pa.string(), "The release's name: a hash of what it was made of.", pattern="[0-9a-f]{16}"),
        runs.RUN_ID,
        Column("created_at", pa.timestamp("us", "UTC"), "When it was built."),
        Column("code_version", pa.string(), "The version of Tessera that built it."),
        Column("warehouse_version", pa.int32(), "The version of its views and layout.", bounds=(1, 2**31 - 1)),
        Column("pins", pa.string(), "Table name to version in the lake, as JSON; see _pins."),
        Column("licence", pa.string(), "What holds for the use of the rows."),
        Column("attribution", pa.string(), "Texts that have to be shown with the images, one a line.", nullable=True),
    ),
)

PINS = Table(
    name="_pins",
    description="Which version of each table of the lake this release holds.",
    grain=("table_name",),
    columns=(
        Column("table_name", pa.string(), "The table."),
        Column("table_version", pa.int64(), "Its version in the Delta log; -1 where nothing was written yet."),
        Column("row_count", pa.int64(), "Its rows.", bounds=(0, float(2**62))),
        Column("delta_id", pa.string(), "Delta's own id of the table; a lake made anew has others.", nullable=True),
        Column("files_hash", pa.string(), "SHA-256 over the names of its data files.", pattern="[0-9a-f]{64}"),
    ),
)


@dataclass(frozen=True)
class Pin:
    """One table of the lake at one version. `files_hash` stays when maintenance raises the version only."""

    version: int
    rows: int
    delta_id: str | None
    files_hash: str


def pin_of(snapshot: Snapshot) -> Pin:
    """Return what a snapshot is a snapshot of."""
    delta_id = None if snapshot.delta is None else str(snapshot.delta.metadata().id)
    names = "\n".join(sorted(snapshot.files))
    files_hash = hashlib.sha256(names.encode()).hexdigest()
    return Pin(snapshot.version, sum(snapshot.files.values()), delta_id, files_hash)


@dataclass(frozen=True)
class Release:
    """A release, as its manifest describes it. `created_at` is ISO 8601, UTC."""

    release: str
    run_id: str
    created_at: str
    code_version: str
    warehouse_version: int
    pins: Mapping[str, Pin]
    size: int
    sha256: str

    @property
    def rows(self) -> int:
        return sum(pin.rows for pin in self.pins.values())

    def summary(self) -> dict[str, object]:
        """Return what a run says of its release, as JSON-ready values."""
        return {
            "release": self.release,
            "run_id": self.run_id,
            "created_at": self.created_at,
            "rows": self.rows,
            "size": self.size,
            "pins": {name: pin.version for name, pin in self.pins.items()},
        }

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=2).encode()


def from_json(data: bytes) -> Release:
    """Return the release a manifest describes."""
    found: dict[str, Any] = json.loads(data)
    return Release(**found | {"pins": {name: Pin(**pin) for name, pin in found["pins"].items()}})


def file_of(release: str) -> str:
    """Return the name of a release's file."""
    return f"{release}.duckdb"


def manifest_of(release: str) -> str:
    """Return the name of a release's manifest."""
    return f"{release}.json"


def name_of(pins: Mapping[str, Pin]) -> str:
    """Return the release's name: 16 hex digits that its pins and the warehouse's version decide."""
    made_of = {name: [pin.version, pin.delta_id] for name, pin in _counted(pins)}
    text = json.dumps({"warehouse": VERSION, "pins": made_of}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_news(pins: Mapping[str, Pin], last: Release | None) -> bool:
    """True when a release of these pins would show readers anything that the last one does not.

    False also when the pins are older: a slow run that ends late must not take readers back.
    """
    if last is None or last.warehouse_version != VERSION:
        return True
    same = {name: pin.files_hash for name, pin in _counted(pins)} == {
        name: pin.files_hash for name, pin in _counted(last.pins)
    }
    return not (same or _is_older(pins, last.pins))


def _counted(pins: Mapping[str, Pin]) -> Iterable[tuple[str, Pin]]:
    """The pins that make a release: `runs` grows every night and is taken along as it is."""
    return [(name, pin) for name, pin in sorted(pins.items()) if name != runs.TABLE.name]


def _is_older(pins: Mapping[str, Pin], others: Mapping[str, Pin]) -> bool:
    pairs = [(pin, others[name]) for name, pin in _counted(pins) if name in others]
    in_one_lake = any(a.delta_id and a.delta_id == b.delta_id for a, b in pairs)
    replaced = any(a.delta_id and b.delta_id and a.delta_id != b.delta_id for a, b in pairs)
    behind = any(a.version < b.version for a, b in pairs)
    ahead = any(a.version > b.version for a, b in pairs)
    return in_one_lake and behind and not (ahead or replaced)
