"""Progress: which evidence has been compared, so that a night compares only what came since.

Losing it costs time, never rows. It names files rather than versions, for a version does not tell which files left.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from pipelines.lake.recipe import recipe
from pipelines.lake.store import Snapshot, Store
from pipelines.lake.table import Table


@dataclass(frozen=True)
class Progress:
    """The files of each input that were compared, under which recipe, and the table (Delta's id, version) after it."""

    recipe: str = ""
    delta_id: str | None = None
    version: int = -1
    files: dict[str, list[str]] = field(default_factory=dict)

    def came(self, snapshot: Snapshot) -> set[str]:
        """Return the files of an input that have not been compared."""
        return snapshot.files.keys() - set(self.files.get(snapshot.table.name, ()))


def progress_of(own: Snapshot, inputs: Sequence[Snapshot], version: int) -> Progress:
    """Return where a comparison of `inputs` has come, once its rows stand in `version` of the table."""
    files = {snapshot.table.name: sorted(snapshot.files) for snapshot in inputs}
    return Progress(recipe(own.table), _delta_id(own), version, files)


def read(store: Store, own: Snapshot) -> Progress:
    """Return how far the comparison has come, nowhere when the table is another one or of another recipe now."""
    try:
        held = Progress(**json.loads(store.objects.get(_path(own.table))))
    except (FileNotFoundError, ValueError, TypeError):
        return Progress()
    # Where there was no table there were no pairs, and whatever it holds now came since.
    is_ours = held.recipe == recipe(own.table) and held.delta_id in (None, _delta_id(own))
    return held if is_ours and all(path.startswith(f"{held.recipe}/") for path in own.files) else Progress()


def write(store: Store, table: Table, progress: Progress) -> None:
    """Note how far the comparison has come."""
    store.objects.put(_path(table), json.dumps(asdict(progress)).encode())


def _path(table: Table) -> str:
    return f"_bookmarks/{table.name}.json"


def _delta_id(own: Snapshot) -> str | None:
    return None if own.delta is None else str(own.delta.metadata().id)
