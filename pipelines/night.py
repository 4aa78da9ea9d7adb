"""The steps of a night: each builds what it needs from the settings and calls one room."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

from pipelines import catalog, gate, sources
from pipelines.executor import open_executor
from pipelines.gate import GateParams
from pipelines.inference.imagenet import NoWeights
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.objects import Objects
from pipelines.lake.runs import Journal
from pipelines.lake.table import Table
from pipelines.producers import WholeTable, forget, materialize
from pipelines.serving import served
from pipelines.settings import Settings
from pipelines.sources import Request


class ModelAway(CannotRun):
    """The model that should serve cannot be had."""


def run(
    settings: Settings, journal: Journal, names: Sequence[str], request: Request, limits: GateParams
) -> dict[str, Any]:
    """Run a whole night and return its release.

    A source that cannot be reached does not keep the others back: the night ends with CannotRun only when all
    else is done. A source whose data broke a contract stops it at the gate, before anything is made.
    Raises ContractBroken.
    """
    away: list[str] = []
    for name in names:
        try:
            with journal.under_way(f"ingest {name}"):
                sources.take_in(settings, journal, name, request)
        except CannotRun as error:
            away.append(f"{name}: {error}")
        except ContractBroken:
            continue  # it is accounted for, and the gate refuses it, after all sources have been looked at
    check(journal, limits)
    with open_executor(settings.dask_scheduler) as executor:
        for table in catalog.TABLES:
            try:
                if table.produce and _is_wanted(journal, table):
                    _bring_up_to_date(settings, journal, table, executor, limits.max_defect_share)
            except ModelAway as error:
                away.append(f"{table.name}: {error}")
    published = publish(settings, journal)
    if away:
        raise CannotRun(f"all else is done and released, but not everything could be had. {' '.join(away)}")
    return published


def check(journal: Journal, limits: GateParams) -> dict[str, Any]:
    """Take out what was deleted or expired, then pass gate one. Raises ContractBroken when the night must stop."""
    from pipelines.ingest.retirement import retire

    journal.store.unpin(journal.run)  # what is made after the gate is made of what is there now
    retire(journal)
    return gate.examine(journal, limits)


def produce(
    settings: Settings,
    journal: Journal,
    names: Sequence[str],
    share: float,
    model: str | None = None,
    as_at_night: bool = False,
) -> None:
    """Bring tables up to date, on the configured executor; with `model` instead of the champion, if it is named.

    `as_at_night` leaves those out that are made on request and have not been.
    """
    tables = [catalog.find(name) for name in names]
    for table in tables:
        if table.produce is None:
            raise CannotRun(f"table {table.name} is filled by its source: use tessera ingest.")
    with open_executor(settings.dask_scheduler) as executor:
        for table in tables:
            if not as_at_night or _is_wanted(journal, table):
                _bring_up_to_date(settings, journal, table, executor, share, model)


def _is_wanted(journal: Journal, table: Table) -> bool:
    """Return whether a night makes the table: one that is made on request, only where it has been."""
    is_on_request = isinstance(table.produce, WholeTable) and table.produce.on_request
    return not is_on_request or bool(journal.store.snapshot(table).files)


def _bring_up_to_date(
    settings: Settings, journal: Journal, table: Table, executor: Executor, share: float, model: str | None = None
) -> None:
    """Bring one table up to date; what is deleted goes from it even where its model cannot be had.

    Where there are no weights it is skipped, with the reason in its account. Raises ModelAway where the model that
    should serve cannot.
    """
    try:
        ready = served(settings, table, model)
    except CannotRun as error:
        with journal.step(table.name) as step:
            forget(journal, table)
            if not isinstance(error, NoWeights):
                raise ModelAway(str(error)) from error
            step.status, step.error = "skipped", str(error)
    else:
        materialize(journal, ready, executor, share)


def publish(settings: Settings, journal: Journal) -> dict[str, Any]:
    """Build, audit and publish a release; return its summary. Raises ContractBroken, CannotRun."""
    from warehouse.release import release

    return release(journal, Objects(settings.releases_uri), settings.scratch).summary()
