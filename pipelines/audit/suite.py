"""The audit: tables against the rules they declare, as one report. The only door to Great Expectations.

Each `Table` becomes a suite (columns not empty, bounds, vocabulary, pattern). Rules over several rows or
tables, the unique grain among them, are counted elsewhere, in SQL, and come in as `Check`s, so that one
report holds all. Blobs never come in.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from pipelines.lake.table import Column, Table

if TYPE_CHECKING:
    import pandas as pd

Frame: TypeAlias = "pd.DataFrame | pa.Table"

_EXAMPLES = 3
_WHETHER = {"result_format": "BOOLEAN_ONLY"}  # two thirds of the cost of counting, which rules that hold can do without
_HOW_MANY = {"result_format": "SUMMARY", "partial_unexpected_count": _EXAMPLES}
_EXAMPLE_LENGTH = 80
_one_at_a_time = Lock()  # Great Expectations keeps its current context in a global


@dataclass(frozen=True)
class Check:
    """A rule that was counted elsewhere: how many rows break it, and a few of them in words."""

    table: str
    name: str
    rule: str
    violations: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Violation:
    """A rule that rows break."""

    table: str
    column: str
    rule: str
    count: int
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        example = f", for example {self.examples[0]}" if self.examples else ""
        return f"table {self.table}, {self.column}: {self.count} rows break the rule “{self.rule}”{example}"


@dataclass(frozen=True)
class Failure:
    """A rule that could not be checked; whether rows break it is not known."""

    table: str
    column: str
    rule: str
    error: str

    def __str__(self) -> str:
        return f"table {self.table}, {self.column}: the rule “{self.rule}” could not be checked: {self.error}"


@dataclass(frozen=True)
class AuditReport:
    """What an audit found: rules that rows break, apart from rules that could not be checked."""

    rules: int
    violations: tuple[Violation, ...] = ()
    errors: tuple[Failure, ...] = ()

    @property
    def ok(self) -> bool:
        return not (self.violations or self.errors)

    def summary(self) -> dict[str, object]:
        """Return the report as JSON-ready values."""
        return {
            "ok": self.ok,
            "rules": self.rules,
            "violations": [str(violation) for violation in self.violations],
            "errors": [str(error) for error in self.errors],
        }


def audit(parts: Iterable[tuple[Table, Frame]], checks: Sequence[Check] = (), docs: Path | None = None) -> AuditReport:
    """Check rows against their table's declaration, take in what was counted elsewhere, report all.

    A table may come in several parts, each held only while it is checked; that no two rows share a grain is
    a matter for a `Check`. With `docs`, the report is written there as HTML (Data Docs), to be opened at
    `index.html`.
    """
    with _one_at_a_time:
        context, found = _context(), Counter[str]()
        results: list[Found] = []
        for table, rows in parts:
            found[table.name] += 1
            results += _audit_part(context, table, rows, found[table.name])
        results += _audit_checks(context, checks)
        if docs is not None:
            _write_docs(context, docs)
    violations = [result for result in results if isinstance(result, Violation)]
    failures = dict.fromkeys(result for result in results if isinstance(result, Failure))
    return AuditReport(len(results), _together(violations), tuple(failures))


Found = Violation | Failure | None  # of one rule; None: it holds


def _together(violations: Iterable[Violation]) -> tuple[Violation, ...]:
    """Add up what the parts of a table found of the same rule."""
    by_rule: dict[tuple[str, str, str], Violation] = {}
    for new in violations:
        held = by_rule.get((new.table, new.column, new.rule))
        by_rule[new.table, new.column, new.rule] = replace(held, count=held.count + new.count) if held else new
    return tuple(by_rule.values())


def _context() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read at import; it would post usage events
    import great_expectations as gx

    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context


def _vocabulary() -> Any:
    """Return the module of expectations, whose names its types do not export."""
    import great_expectations.expectations as gxe

    return gxe


def _audit_part(context: Any, table: Table, rows: Frame, number: int) -> Iterator[Found]:
    frame = _harmless(_plain(table, rows))
    name = table.name if number == 1 else f"{table.name}, part {number}"
    for outcome in _validate(context, name, frame, list(_expectations(table))):
        found = _found(table.name, outcome)
        if isinstance(found, Violation):
            places = outcome.result.get("partial_unexpected_index_list", [])[:_EXAMPLES]
            examples = tuple(_example(table, frame, place, found.column) for place in places)
            found = Violation(found.table, found.column, found.rule, found.count, examples)
        yield found


def _audit_checks(context: Any, checks: Sequence[Check]) -> list[Found]:
    """Validate the counts themselves: one column per check, one row, and each has to be 0."""
    if not checks:
        return []
    import pandas as pd

    gxe = _vocabulary()
    by_column = {f"{check.table}.{check.name}": check for check in checks}
    frame = pd.DataFrame({column: [check.violations] for column, check in by_column.items()})
    expectations = [
        gxe.ExpectColumnValuesToBeBetween(
            column=column, min_value=0, max_value=0, description=f"{check.table}: {check.rule}"
        )
        for column, check in by_column.items()
    ]
    _validate(context, "rules_over_rows", frame, expectations)
    return [
        Violation(check.table, check.name, check.rule, check.violations, check.examples) if check.violations else None
        for check in checks
    ]


def _validate(context: Any, name: str, frame: pd.DataFrame, expectations: list[Any]) -> list[Any]:
    import great_expectations as gx

    source = context.data_sources.add_pandas(name)
    asset = source.add_dataframe_asset(name)
    suite = context.suites.add(gx.ExpectationSuite(name, expectations=expectations))
    data = asset.add_batch_definition_whole_dataframe("all")
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=data, suite=suite))
    outcome = definition.run(batch_parameters={"dataframe": frame}, result_format=_WHETHER)
    if not outcome.success:
        _forget_results(context, name)
        outcome = definition.run(batch_parameters={"dataframe": frame}, result_format=_HOW_MANY)
    context.data_sources.delete(name)  # it would hold the frame as long as the context lives
    return list(outcome.results)


def _forget_results(context: Any, suite: str) -> None:
    """Take what was found out of what the report is made of: it will be found again, in detail."""
    held = context.validation_results_store
    for key in held.list_keys():
        if key.expectation_suite_identifier.name == suite:
            held.remove_key(key)


def _expectations(table: Table) -> Iterator[Any]:
    for column in table.plain:
        yield from _column_expectations(column)


def _column_expectations(column: Column) -> Iterator[Any]:
    gxe, name = _vocabulary(), column.name
    if not column.nullable:
        yield gxe.ExpectColumnValuesToNotBeNull(column=name, description=f"{name} is never empty")
    if column.bounds:
        low, high = column.bounds
        yield gxe.ExpectColumnValuesToBeBetween(
            column=name, min_value=low, max_value=high, description=f"{name} lies in {low}..{high}"
        )
    if column.values:
        yield gxe.ExpectColumnValuesToBeInSet(
            column=name, value_set=list(column.values), description=f"{name} is one of {', '.join(column.values)}"
        )
    if column.pattern:
        yield gxe.ExpectColumnValuesToMatchRegex(
            column=name, regex=rf"^(?:{column.pattern})\Z", description=f"{name} looks like {column.pattern}"
        )


def _plain(table: Table, rows: Frame) -> pd.DataFrame:
    """Return the columns people query as a frame; one that is missing is left to the suite to miss."""
    held = rows.column_names if isinstance(rows, pa.Table) else list(rows.columns)
    names = [column.name for column in table.plain if column.name in held]
    frame: pd.DataFrame = rows.select(names).to_pandas() if isinstance(rows, pa.Table) else rows[names]
    return frame.reset_index(drop=True)


def _harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """Swap angle brackets for look-alikes: Data Docs print values into HTML as they are."""
    import pandas as pd

    texts = [name for name in frame.columns if pd.api.types.is_string_dtype(frame[name])]
    return frame.assign(**{name: frame[name].str.replace("<", "\u2039").str.replace(">", "\u203a") for name in texts})


def _found(table: str, outcome: Any) -> Found:
    if outcome.success:
        return None
    config = outcome.expectation_config
    column = config.kwargs["column"]
    count = outcome.result.get("unexpected_count")
    if count is None:
        return Failure(table, column, config.description, _reason(outcome.exception_info))
    return Violation(table, column, config.description, count)


def _reason(exception_info: Mapping[str, Any]) -> str:
    """Return the message of an exception, which Great Expectations reports flat or once per metric."""
    nested = [value for value in exception_info.values() if isinstance(value, Mapping)]
    messages = [str(info.get("exception_message")) for info in nested or [exception_info]]
    return messages[0].splitlines()[0]


def _example(table: Table, frame: pd.DataFrame, place: int, column: str) -> str:
    """Say which row breaks a rule, by its grain, and with which value."""
    row = frame.iloc[place]
    where = ", ".join(f"{name}={_short(row[name])}" for name in table.grain if name in frame.columns)
    return where if column not in frame.columns or column in table.grain else f"{_short(row[column])} at {where}"


def _short(value: object) -> str:
    import numpy as np
    import pandas as pd

    if pd.api.types.is_scalar(value) and pd.isna(value):  # type: ignore[call-overload]  # a scalar by now
        return "empty"
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= _EXAMPLE_LENGTH else f"{text[:_EXAMPLE_LENGTH]}…"


def _write_docs(context: Any, folder: Path) -> None:
    site = {
        "class_name": "SiteBuilder",
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    context.add_data_docs_site("report", site)
    context.build_data_docs(site_names=["report"])
