"""Rows as content: any single change is seen, and neither order, files nor provenance is one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pipelines.lake.rows import compare, digest, texts, without
from pipelines.lake.table import Column, Table

STEADY = settings(deadline=None)  # the machine may be busy
NOTES = Table(
    name="notes",
    description="Notes.",
    grain=("key", "place"),
    columns=(
        Column("key", pa.string(), "Which."),
        Column("place", pa.string(), "Where."),
        Column("first", pa.string(), "One text.", nullable=True),
        Column("second", pa.string(), "Another text.", nullable=True),
        Column("count", pa.int64(), "A number.", nullable=True),
        Column("share", pa.float64(), "A share.", nullable=True),
        Column("data", pa.binary(), "Bytes.", nullable=True, blob=True),
        Column("is_new", pa.bool_(), "Whether.", nullable=True),
        Column("made_at", pa.timestamp("us", "UTC"), "When.", nullable=True),
        Column("made_by", pa.string(), "Which run.", nullable=True, provenance=True),
    ),
)
Row = dict[str, Any]

# Short texts of the very characters that could be mistaken for separators or nulls.
TEXT = st.text(st.sampled_from("ab,:-0129\x00\x1f\n"), max_size=6)
MAYBE = st.one_of(st.none(), TEXT)
ROW = st.fixed_dictionaries(
    {
        "key": TEXT,
        "place": TEXT,
        "first": MAYBE,
        "second": MAYBE,
        "count": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
        "share": st.one_of(st.none(), st.floats(0, 1)),
        "data": st.one_of(st.none(), st.binary(max_size=4)),
        "is_new": st.one_of(st.none(), st.booleans()),
        "made_at": st.one_of(st.none(), st.integers(0, 2**32).map(lambda second: datetime.fromtimestamp(second, UTC))),
        "made_by": MAYBE,
    }
)
ROWS = st.lists(ROW, max_size=6, unique_by=lambda row: (row["key"], row["place"]))
PLAIN: Row = dict.fromkeys(NOTES.schema.names) | {"key": "k", "place": "p"}


def table(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, NOTES.schema)


def content(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "made_by"}


@STEADY
@given(ROWS, st.randoms(use_true_random=False), st.integers(1, 3))
def test_order_and_chunks_do_not_change_the_digest(rows: list[Row], draw: Any, parts: int) -> None:
    mixed = draw.sample(rows, len(rows))
    pieces = [table(mixed[part::parts]) for part in range(parts)]
    assert digest(NOTES, pa.concat_tables(pieces)) == digest(NOTES, table(rows))


@STEADY
@given(ROWS, ROWS)
def test_the_digest_is_equal_exactly_where_the_content_is(one: list[Row], other: list[Row]) -> None:
    def key(row: Row) -> str:
        return repr(sorted(content(row).items()))

    assert (digest(NOTES, table(one)) == digest(NOTES, table(other))) == (
        sorted(map(key, one)) == sorted(map(key, other))
    )


@STEADY
@given(ROW, st.sampled_from([name for name in NOTES.schema.names if name != "made_by"]), ROW)
@example(PLAIN | {"first": None}, "first", PLAIN | {"first": ""})
@example(PLAIN | {"first": None}, "first", PLAIN | {"first": "\x00"})
@example(PLAIN | {"first": None}, "first", PLAIN | {"first": "-"})
@example(PLAIN | {"data": None}, "data", PLAIN | {"data": b""})
@example(PLAIN | {"count": None}, "count", PLAIN | {"count": 0})
@example(PLAIN | {"is_new": None}, "is_new", PLAIN | {"is_new": False})
def test_any_single_change_is_seen(row: Row, name: str, source: Row) -> None:
    changed = row | {name: source[name]}
    assume(repr(changed[name]) != repr(row[name]))
    assert digest(NOTES, table([row])) != digest(NOTES, table([changed]))
    difference = compare(NOTES, table([row]), table([changed]))
    is_another = name in NOTES.grain
    assert (difference.new.num_rows, difference.changed.num_rows, difference.unchanged) == (
        is_another,
        not is_another,
        0,
    )


@pytest.mark.parametrize("between", ["\x1f", ",", ":", "\n", "\x00", ",2:", "", "1:a,"])
def test_text_moved_from_one_column_to_the_next_is_seen(between: str) -> None:
    one = PLAIN | {"first": f"a{between}b", "second": "c"}
    other = PLAIN | {"first": "a", "second": f"b{between}c"}
    assert digest(NOTES, table([one])) != digest(NOTES, table([other]))
    assert compare(NOTES, table([one]), table([other])).changed.num_rows == 1


@pytest.mark.parametrize("between", ["\x1f", ",", "\x00"])
def test_keys_of_several_columns_are_not_mistaken_for_one_another(between: str) -> None:
    one, other = PLAIN | {"key": f"a{between}b", "place": "c"}, PLAIN | {"key": "a", "place": f"b{between}c"}
    assert compare(NOTES, table([one]), table([other])).new.num_rows == 1
    assert without(NOTES, table([one]), table([other])).num_rows == 1
    assert len(set(texts(table([one, other]), NOTES.grain).to_pylist())) == 2


@STEADY
@given(ROWS, ROWS)
def test_compare_accounts_for_every_incoming_row(held: list[Row], incoming: list[Row]) -> None:
    there = {(row["key"], row["place"]): repr(content(row)) for row in held}
    expected = {"new": [], "changed": [], "unchanged": []}
    for row in incoming:
        known = there.get((row["key"], row["place"]))
        expected["new" if known is None else "unchanged" if known == repr(content(row)) else "changed"].append(row)
    found = compare(NOTES, table(held), table(incoming))
    assert found.new.to_pylist() == expected["new"]
    assert found.changed.to_pylist() == expected["changed"]
    assert found.unchanged == len(expected["unchanged"])


@STEADY
@given(ROWS, ROWS)
def test_without_takes_away_those_of_the_same_grain_only(rows: list[Row], gone: list[Row]) -> None:
    keys = {(row["key"], row["place"]) for row in gone}
    expected = [row for row in rows if (row["key"], row["place"]) not in keys]
    assert without(NOTES, table(rows), table(gone)).to_pylist() == expected


def test_provenance_is_no_content() -> None:
    one, other = PLAIN | {"made_by": "monday"}, PLAIN | {"made_by": "tuesday"}
    assert digest(NOTES, table([one])) == digest(NOTES, table([other]))
    assert compare(NOTES, table([one]), table([other])).unchanged == 1


def test_an_empty_table_has_a_digest_and_lacks_everything() -> None:
    assert digest(NOTES, table([])) == digest(NOTES, table([]).slice(0, 0))
    found = compare(NOTES, table([]), table([PLAIN]))
    assert (found.new.num_rows, found.changed.num_rows, found.unchanged) == (1, 0, 0)
    assert compare(NOTES, table([PLAIN]), table([])).unchanged == 0
