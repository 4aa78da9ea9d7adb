"""The write-time contract: every file is checked against its table's declaration before it can be committed."""

from __future__ import annotations

from typing import NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.lake.errors import ContractBroken
from pipelines.lake.table import Column, Table


def conform(table: Table, rows: pa.Table) -> pa.Table:
    """Return `rows` in the declared column order and types.

    Raises ContractBroken, naming table, column, rule and an example, when a value is null that must not
    be, lies outside its bounds or vocabulary, does not match its pattern, or when two rows share a grain.
    """
    rows = _cast(table, rows)
    for column in table.columns:
        _check(table, column, rows.column(column.name))
    keys = rows.select(table.grain).group_by(table.grain).aggregate([([], "count_all")])
    if keys.num_rows != rows.num_rows:
        doubled = keys.filter(pc.greater(keys["count_all"], 1)).slice(0, 1).to_pylist()[0]
        _broken(table, "grain", f"two rows share {', '.join(f'{name}={doubled[name]!r}' for name in table.grain)}")
    return rows


def _cast(table: Table, rows: pa.Table) -> pa.Table:
    missing = [name for name in table.schema.names if name not in rows.column_names]
    if missing:
        _broken(table, ", ".join(missing), "the producer made no such column")
    for column in table.columns:
        if not column.nullable and (nulls := rows.column(column.name).null_count):
            _broken(table, column.name, f"{nulls} values are null")
    try:
        return rows.select(table.schema.names).cast(table.schema)
    except (pa.ArrowException, ValueError) as error:
        _broken(table, "columns", f"the rows do not fit them: {error}")


def _check(table: Table, column: Column, values: pa.ChunkedArray) -> None:
    if column.bounds:
        low, high = column.bounds
        # NaN compares false with everything, so it counts as outside.
        inside = pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high))
        _all_hold(table, column, values, inside, f"outside {low}..{high}")
    if column.values:
        _all_hold(table, column, values, pc.is_in(values, pa.array(column.values)), "not in the vocabulary")
    if column.pattern:
        matches = pc.match_substring_regex(values, f"^(?:{column.pattern})$")
        _all_hold(table, column, values, matches, f"not like {column.pattern}")


def _all_hold(table: Table, column: Column, values: pa.ChunkedArray, holds: pa.ChunkedArray, rule: str) -> None:
    broken = pc.and_(pc.is_valid(values), pc.invert(pc.fill_null(holds, True)))
    if pc.any(broken).as_py():
        examples = pc.filter(values, broken)
        _broken(table, column.name, f"{len(examples)} values are {rule}, for example {examples[0].as_py()!r}")


def _broken(table: Table, what: str, how: str) -> NoReturn:
    raise ContractBroken(f"table {table.name}, {what}: {how}. Nothing of this batch was committed.")
