"""Gate one: what came in is held against what its tables declare, before anything is made of it.

It looks at the rows that came in since it last passed, and at this run's accounts: a source of which too much
is defective stops the night. Its report (Data Docs) stays with the run, under `_reports/` of the lake.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.audit import AuditReport, Check, audit, put_report
from pipelines.catalog import TABLES
from pipelines.lake import bookmarks, rejects, runs
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.rows import texts
from pipelines.lake.runs import Journal
from pipelines.lake.store import Snapshot, Store
from pipelines.lake.table import Table

READER = "gate"
INGESTED = tuple(table for table in TABLES if table.produce is None and table != runs.TABLE)
_OF_USERS = "inbox "  # what one user drops must not stop the night of all others: it is rejected, line by line
_PART_ROWS = 100_000
_EXAMPLES = 3

_NO_SOURCES = ("select", "train")  # steps of two words that take nothing in


@dataclass(frozen=True)
class GateParams:
    """Above which shares (0..1) of what a source offered the night stops."""

    max_defect_share: float = 0.1
    max_absent_share: float = 1.0  # of rows whose image is merely not there: a partial copy is no defect


def examine(journal: Journal, params: GateParams) -> dict[str, Any]:
    """Audit what came in; return the report's summary. Raises ContractBroken when the night must stop here.

    A night that brought nothing new and broke no limit is not audited again.
    """
    store = journal.store
    with journal.step("gate") as step:
        # Referrers first, so that what they refer to is there whatever another run commits in between.
        snapshots = {table: store.snapshot(table) for table in reversed(INGESTED)}
        came = {table: bookmarks.came_since(store, READER, snapshot) for table, snapshot in snapshots.items()}
        step.rows_in = step.new = sum(snapshots[table].files[path] for table, paths in came.items() for path in paths)
        checks = [*_accounts([*_ingests(journal), *_unpassed(journal)], store, params)]
        if not step.new and not any(check.violations for check in checks):
            return {"ok": True, "rules": len(checks), "report": None}
        report, place = _report(journal, snapshots, came, checks)
        _require(report, place)
        bookmarks.move(store, READER, snapshots.values())
    return report.summary() | {"report": place}


def _report(
    journal: Journal, snapshots: dict[Table, Snapshot], came: dict[Table, set[str]], checks: list[Check]
) -> tuple[AuditReport, str]:
    place = f"_reports/{journal.run.run_id}/gate"
    with TemporaryDirectory() as folder:
        rules = [*checks, *_references(snapshots, came), *_unique(snapshots, came)]
        report = audit(_parts(snapshots, came), rules, Path(folder))
        return report, put_report(journal.store.objects, place, Path(folder), report)


def _require(report: AuditReport, place: str) -> None:
    if report.ok:
        return
    found = [*report.violations, *report.errors]
    first = str(found[0]).rstrip(".")
    others = f" ({len(found) - 1} more rules are broken or unchecked.)" if len(found) > 1 else ""
    sentence = (
        f"the night stops before anything is made of what came in: {first}.{others} See why with: tessera rejects; "
        f"the whole report: {place}. Mend the source, or allow more with --max-defect-share."
    )
    raise ContractBroken(sentence) if report.violations else CannotRun(sentence)


def _ingests(journal: Journal) -> list[dict[str, Any]]:
    """Return the accounts of this run's sources: those of this process, and those of its earlier commands."""
    held = journal.store.snapshot(runs.TABLE).read()
    earlier = held.filter(pc.field("run_id") == journal.run.run_id).to_pylist()
    steps = {row["step"]: row for row in [*earlier, *journal.rows]}
    return [row for row in steps.values() if _is_of_source(row)]


def _unpassed(journal: Journal) -> Iterator[dict[str, Any]]:
    """Yield what other runs took in since a gate last passed, of each source the newest account.

    What a gate has refused stays refused until the source is taken in anew, or more is allowed.
    """
    here = {_source(row) for row in _ingests(journal)}
    held = journal.store.snapshot(runs.TABLE).read()
    done = held.filter((pc.field("status") == "done") & (pc.field("run_id") != journal.run.run_id)).to_pylist()
    passed = max((row["started_at"] for row in done if row["step"] == "gate"), default=None)
    since = [row for row in done if _is_of_source(row) and (passed is None or row["started_at"] > passed)]
    newest = {_source(row): row["run_id"] for row in sorted(since, key=itemgetter("started_at"))}
    yield from (row for row in since if _source(row) not in here and newest[_source(row)] == row["run_id"])


def _is_of_source(row: dict[str, Any]) -> bool:
    return " " in row["step"] and _source(row) not in _NO_SOURCES


def _source(row: dict[str, Any]) -> str:
    return str(row["step"]).partition(" ")[0]


def _accounts(steps: list[dict[str, Any]], store: Store, params: GateParams) -> Iterator[Check]:
    """Yield one check per limit of each source's account.

    A source that could not be reached has none: that is no fault of its data.
    """
    for row in steps:
        if row["status"] != "done":
            yield _ended_badly(row)
            continue
        name, given = _name(row), row["in_count"]
        limit = 1.0 if row["step"].startswith(_OF_USERS) else params.max_defect_share
        defects, absent = row["reject_count"] - row["absent_count"], row["absent_count"]
        out = sum(row[f"{kind}_count"] for kind in ("new", "unchanged", "reject", "duplicate"))
        broken = _example(store, row["step"]) if defects > limit * given else ()
        yield _limit(f"{name}_defects", f"defects among the {row['step']}", defects, given, limit, broken)
        yield _limit(f"{name}_absent", f"{row['step']} without image", absent, given, params.max_absent_share)
        yield Check("runs", f"{name}_account", f"every one of the {row['step']} is accounted for", abs(given - out))


def _ended_badly(row: dict[str, Any]) -> Check:
    """Return the check of a step that was not done: one that was killed, or whose data broke a contract, is refused."""
    why = "it was killed; start it again, it goes on where it stopped" if row["status"] == "running" else row["error"]
    is_refused = row["status"] == "running" or (row["status"] == "failed" and not _is_away(str(row["error"])))
    rule = f"“{row['step']}” came to a good end"
    return Check("runs", _name(row), rule, int(is_refused), (str(why),) if is_refused else ())


def _is_away(error: str) -> bool:
    """True for a source that could not be reached, which keeps nothing else back."""
    return error.startswith(CannotRun.__name__)


def _name(row: dict[str, Any]) -> str:
    return str(row["step"]).replace(" ", "_")


def _limit(name: str, what: str, count: int, given: int, limit: float, examples: tuple[str, ...] = ()) -> Check:
    rule = f"at most {limit:.0%} {what} ({count} of {given})"
    return Check("runs", name, rule, count if count > limit * given else 0, examples)


def _example(store: Store, step: str) -> tuple[str, ...]:
    """Return an example of each of the most frequent reasons why items of a source are rejects."""
    held = store.snapshot(rejects.TABLE).read(["source", "reason", "detail", "is_open"])
    found = held.filter((pc.field("source") == step.partition(" ")[0]) & pc.field("is_open"))
    reasons = found.group_by("reason", use_threads=False).aggregate([("detail", "count"), ("detail", "first")])
    return tuple(reasons.sort_by([("detail_count", "descending")]).slice(0, _EXAMPLES)["detail_first"].to_pylist())


def _parts(snapshots: dict[Table, Snapshot], came: dict[Table, set[str]]) -> Iterator[tuple[Table, pa.Table]]:
    """Yield what came into each table, in parts that fit into memory."""
    for table, paths in came.items():
        names, held = [column.name for column in table.plain], list[pa.RecordBatch]()
        for batch in snapshots[table].batches(names, paths):
            held.append(batch)
            if sum(part.num_rows for part in held) >= _PART_ROWS:
                yield table, pa.Table.from_batches(held)
                held = []
        if held:
            yield table, pa.Table.from_batches(held)


def _references(snapshots: dict[Table, Snapshot], came: dict[Table, set[str]]) -> Iterator[Check]:
    """Yield, for each table that refers to another, how many of the rows that came in point to nothing."""
    for table, paths in came.items():
        for target in table.references if paths else ():
            there = texts(snapshots[target].read(target.grain), target.grain).combine_chunks()
            batches = [pa.Table.from_batches([batch]) for batch in snapshots[table].batches(target.grain, paths)]
            lost = sum(pc.sum(pc.invert(pc.is_in(texts(rows, target.grain), there))).as_py() or 0 for rows in batches)
            rule = f"each {' and '.join(target.grain)} stands in {target.name}"
            yield Check(table.name, f"refers_to_{target.name}", rule, lost)


def _unique(snapshots: dict[Table, Snapshot], came: dict[Table, set[str]]) -> Iterator[Check]:
    """Yield, for each table that something came into, how many grains stand there twice."""
    for table in (table for table, paths in came.items() if paths):
        keys = texts(snapshots[table].read(table.grain), table.grain)
        doubled = len(keys) - len(pc.unique(keys))
        yield Check(table.name, "unique_grain", f"no two rows share {' and '.join(table.grain)}", doubled)
