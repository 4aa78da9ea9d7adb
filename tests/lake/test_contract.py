"""The write-time contract: each rule, broken exactly, and the values that lie right on it."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.lake.contract import conform
from pipelines.lake.errors import ContractBroken
from pipelines.lake.table import Column, Table

STEADY = settings(deadline=None)  # the machine may be busy
PIECES = Table(
    name="pieces",
    description="Pieces.",
    grain=("id", "part"),
    columns=(
        Column("id", pa.int64(), "Which.", bounds=(0, 2**62)),
        Column("part", pa.string(), "Which of it."),
        Column("kind", pa.string(), "What.", nullable=True, values=("a", "b")),
        Column("code", pa.string(), "Its code.", nullable=True, pattern=r"[0-9a-f]{4}|none"),
        Column("share", pa.float32(), "How much.", nullable=True, bounds=(0, 1)),
        Column("rank", pa.int16(), "Where.", bounds=(0, 15)),
    ),
)
GOOD = {"id": 1, "part": "x", "kind": "a", "code": "00ff", "share": 0.5, "rank": 3}


def rows(*changes: dict[str, Any]) -> pa.Table:
    """Return a row per change, as a producer makes them: with types as Python has them."""
    return pa.Table.from_pylist([GOOD | {"id": place} | change for place, change in enumerate(changes)])


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"kind": None, "code": None, "share": None},
        {"share": 0.0},
        {"share": 1.0},
        {"rank": 0},
        {"rank": 15},
        {"id": 2**62},
        {"code": "none"},
        {"part": ""},
        {"part": "\x00"},
    ],
)
def test_rows_that_keep_every_rule_are_returned_in_the_declared_types(change: dict[str, Any]) -> None:
    assert conform(PIECES, rows(change)).schema == PIECES.schema
    assert conform(PIECES, rows(change)).to_pylist()[0] == {**GOOD, "id": 0, **change}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rank": None}, "rank: 1 values are null"),
        ({"part": None}, "part: 1 values are null"),
        ({"rank": -1}, "rank: 1 values are outside 0..15, for example -1"),
        ({"rank": 16}, "rank: 1 values are outside 0..15, for example 16"),
        ({"id": -1}, "id: 1 values are outside"),
        ({"share": 1.0001}, "share: 1 values are outside 0..1"),
        ({"share": -1e-6}, "share: 1 values are outside 0..1"),
        ({"share": math.nan}, "share: 1 values are outside 0..1, for example nan"),
        ({"share": math.inf}, "share: 1 values are outside 0..1, for example inf"),
        ({"kind": "c"}, "kind: 1 values are not in the vocabulary, for example 'c'"),
        ({"kind": "A"}, "kind: 1 values are not in the vocabulary"),
        ({"kind": ""}, "kind: 1 values are not in the vocabulary, for example ''"),
        ({"code": "00f"}, "code: 1 values are not like"),
        ({"code": "00ff0"}, "code: 1 values are not like"),
        ({"code": "00ff\n"}, "code: 1 values are not like"),
        ({"code": "x\n00ff"}, "code: 1 values are not like"),
        ({"code": "00FF"}, "code: 1 values are not like"),
        ({"code": "nonesuch"}, "code: 1 values are not like"),
        ({"rank": 2**15}, "columns: the rows do not fit them"),
        ({"rank": 1.5}, "columns: the rows do not fit them"),
        ({"rank": "three"}, "columns: the rows do not fit them"),
        ({"part": ["x"]}, "columns: the rows do not fit them"),
        ({"part": b"\xff"}, "columns: the rows do not fit them"),
    ],
)
def test_each_rule_is_broken_by_what_it_forbids(change: dict[str, Any], words: str) -> None:
    """Beside a good row where the types allow it, so that only the bad one is counted."""
    mixes = change.keys() <= {"rank", "share"} and all(isinstance(v, int | float | None) for v in change.values())
    with pytest.raises(ContractBroken) as raised:
        conform(PIECES, rows({}, change) if mixes else rows(change))
    assert str(raised.value).startswith(f"table pieces, {words}")
    assert str(raised.value).endswith("Nothing of this batch was committed.")


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ContractBroken, match="table pieces, kind, rank: the producer made no such column"):
        conform(PIECES, rows({}).drop_columns(["kind", "rank"]))


def test_columns_in_another_order_and_surplus_ones_are_put_right() -> None:
    given_rows = rows({}).select(["rank", "share", "code", "kind", "part", "id"])
    assert conform(PIECES, given_rows.append_column("extra", pa.array([1]))).schema == PIECES.schema


def test_two_rows_of_one_grain_are_named() -> None:
    with pytest.raises(ContractBroken, match="table pieces, grain: two rows share id=7, part='x'"):
        conform(PIECES, rows({"id": 7}, {"id": 7, "part": "y"}, {"id": 7, "rank": 4}))


def test_no_rows_keep_every_rule() -> None:
    assert conform(PIECES, PIECES.schema.empty_table()).num_rows == 0


@STEADY
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["x", "y", "x,y", ""])), max_size=12))
def test_the_grain_holds_exactly_where_no_pair_comes_twice(keys: list[tuple[int, str]]) -> None:
    table = pa.Table.from_pylist([GOOD | {"id": i, "part": part} for i, part in keys], PIECES.schema)
    if len(set(keys)) == len(keys):
        assert conform(PIECES, table).num_rows == len(keys)
    else:
        with pytest.raises(ContractBroken, match="two rows share"):
            conform(PIECES, table)


@STEADY
@given(st.one_of(st.none(), st.floats(width=32)))
def test_bounds_hold_exactly_where_the_value_lies_within(share: float | None) -> None:
    table = rows({"share": share})
    if share is None or 0 <= share <= 1:
        conform(PIECES, table)
    else:
        with pytest.raises(ContractBroken, match="outside"):
            conform(PIECES, table)
