"""The steps of a night: each builds what it needs from the settings and calls one room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines import catalog
from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import Objects
from pipelines.lake.runs import Journal
from pipelines.settings import Settings


def take_in(
    settings: Settings, journal: Journal, source: str | None, path: str | None, pieces: int, share: float
) -> None:
    """Take one source in: the one that is named, else that of a path that is named, else the configured one."""
    from pipelines.ingest import fashion, sample

    source = source or ("fashion" if path else settings.default_source)
    if path and source != "fashion":
        raise CannotRun(f"--path names a copy of fashion, but the source is {source}. Leave one of them out.")
    journal.store.unpin(journal.run)
    params = fashion.FashionParams(max_defect_share=share)
    if source == "sample":
        folder = settings.root / "sample"
        folder.mkdir(parents=True, exist_ok=True)
        made = sample.write_fashion_zip(folder / f"fashion-{pieces}.zip", pieces)
        fashion.ingest(journal, made, params, source="sample")
    elif source == "fashion":
        named = path or settings.fashion
        fashion.ingest(journal, Path(named).expanduser() if named else fashion.download(), params)
    else:
        raise CannotRun(f"there is no source {source!r}. The sources are: sample, fashion.")


def produce(settings: Settings, journal: Journal, name: str, share: float) -> None:
    """Bring one table up to date, on the configured executor."""
    from pipelines.executor import open_executor
    from pipelines.producers import materialize

    table = catalog.find(name)
    if table.produce is None:
        raise CannotRun(f"table {name} is filled by its source: use tessera ingest.")
    with open_executor(settings.dask_scheduler) as executor:
        materialize(journal, table, executor, share)


def publish(settings: Settings, journal: Journal) -> dict[str, Any]:
    """Build, audit and publish a release; return its summary. Raises ContractBroken, CannotRun."""
    from warehouse.release import release

    return release(journal, Objects(settings.releases_uri), settings.scratch).summary()
