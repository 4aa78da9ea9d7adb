"""Gate two: what was built is held against everything its tables declare, before anyone can see it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.audit import AuditReport, Check, audit
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.table import Expectation, Table

_EXAMPLES = 3
_PART_ROWS = 100_000  # a part is held as a frame while it is checked


def examine(connection: duckdb.DuckDBPyConnection, tables: Iterable[Table], docs: Path) -> AuditReport:
    """Audit tables and views; write the report into the folder `docs`."""
    tables = tuple(tables)
    return audit(_parts(connection, tables), list(_checks(connection, tables)), docs)


def require_ok(report: AuditReport, release: str, page: str) -> None:
    """Raise ContractBroken naming a broken rule, or CannotRun when a rule could not be checked."""
    if report.ok:
        return
    found = [*report.violations, *report.errors]
    others = f" ({len(found) - 1} more rules are broken or unchecked.)" if len(found) > 1 else ""
    sentence = (
        f"release {release} does not go out: {found[0]}.{others} Nothing was published, readers keep what they have. "
        f"The whole report: {page}. Mend the rows or the rule, then start a new run."
    )
    raise ContractBroken(sentence) if report.violations else CannotRun(sentence)


def _parts(connection: duckdb.DuckDBPyConnection, tables: tuple[Table, ...]) -> Iterator[tuple[Table, pa.Table]]:
    """Yield the rows of each table in parts, so that memory does not grow with them; an empty table breaks no rule."""
    for table in tables:
        for part in connection.table(table.name).to_arrow_reader(_PART_ROWS):
            yield table, pa.Table.from_batches([part])


def _checks(connection: duckdb.DuckDBPyConnection, tables: tuple[Table, ...]) -> Iterator[Check]:
    for table in tables:
        for expectation in (_unique(table), *table.expectations):
            yield _count(connection, table, expectation)
        for target in table.references:
            if target in tables and target != table:
                yield _count(connection, table, _reference(table, target))


def _unique(table: Table) -> Expectation:
    """Return the rule that no two rows share a grain, over all parts."""
    key = ", ".join(f'"{name}"' for name in table.grain)
    return Expectation(
        "unique_grain",
        f"no two rows share {' and '.join(table.grain)}",
        f'SELECT {key} FROM "{table.name}" GROUP BY {key} HAVING count(*) > 1',  # noqa: S608 declared names
    )


def _reference(table: Table, target: Table) -> Expectation:
    """Return the rule that each row of `table` points to a row of `target`, where it points at all."""
    key = ", ".join(f'"{name}"' for name in target.grain)
    points = " AND ".join(f'"{name}" IS NOT NULL' for name in target.grain)
    return Expectation(
        f"refers_to_{target.name}",
        f"each {' and '.join(target.grain)} stands in {target.name}",
        f'SELECT {key} FROM "{table.name}" ANTI JOIN "{target.name}" USING ({key}) WHERE {points}',  # noqa: S608 declared names
    )


def _count(connection: duckdb.DuckDBPyConnection, table: Table, expectation: Expectation) -> Check:
    try:
        broken = connection.sql(expectation.violations)
        count = len(broken)
        examples = broken.limit(_EXAMPLES).fetchall() if count else []
    except duckdb.Error as error:
        raise CannotRun(
            f"table {table.name}: the query of its rule {expectation.name} cannot be run: {str(error).splitlines()[0]}"
        ) from error
    words = (
        ", ".join(f"{name}={value!r}" for name, value in zip(broken.columns, row, strict=True)) for row in examples
    )
    return Check(table.name, expectation.name, expectation.description, count, tuple(words))
