"""The audit: a declaration becomes a suite; violations are kept apart from what could not be checked."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from pipelines.audit import AuditReport, Check, Failure, Violation, audit
from pipelines.lake.table import Column, Table

THINGS = Table(
    name="things",
    description="Things.",
    grain=("id", "part"),
    columns=(
        Column("id", pa.string(), "Which.", pattern="[a-z]+"),
        Column("part", pa.int32(), "Which part of it."),
        Column("size", pa.int32(), "How big.", nullable=True, bounds=(0, 100)),
        Column("kind", pa.string(), "What kind.", nullable=True, values=("small", "big")),
        Column("tags", pa.list_(pa.string()), "Words.", nullable=True),
        Column("data", pa.binary(), "A file.", blob=True),
    ),
)
GOOD = {"id": "a", "part": 1, "size": 5, "kind": "big", "tags": ["x", "y"]}


def things(*rows: dict[str, object]) -> pa.Table:
    schema = pa.schema([pa.field(field.name, field.type) for field in THINGS.schema if field.name != "data"])
    return pa.Table.from_pylist(list(rows), schema)


def violations(*rows: dict[str, object]) -> list[Violation]:
    report = audit([(THINGS, things(*rows))])
    assert not report.errors
    return list(report.violations)


def test_good_rows_pass_as_arrow_and_as_pandas() -> None:
    rows = things(GOOD, GOOD | {"part": 2, "size": None, "kind": None, "tags": None})
    for frame in (rows, rows.to_pandas()):
        assert audit([(THINGS, frame)]) == AuditReport(rules=5)


def test_no_rows_break_no_rule() -> None:
    assert audit([(THINGS, things())]).ok
    assert audit([(THINGS, THINGS.schema.empty_table().to_pandas())]).ok
    assert audit([]).ok


@pytest.mark.parametrize(
    ("change", "column", "rule", "example"),
    [
        ({"id": None}, "id", "id is never empty", "id=empty, part=2"),
        ({"part": None}, "part", "part is never empty", "id='b', part=empty"),
        ({"size": 101}, "size", "size lies in 0..100", "101 at id='b', part=2"),
        ({"kind": "huge"}, "kind", "kind is one of small, big", "'huge' at id='b', part=2"),
        ({"id": "B9"}, "id", "id looks like [a-z]+", "id='B9', part=2"),
        ({"id": "b\n"}, "id", "id looks like [a-z]+", "id='b\\n', part=2"),
    ],
)
def test_each_rule_is_found_broken(change: dict[str, object], column: str, rule: str, example: str) -> None:
    found = violations(GOOD, GOOD | {"id": "b", "part": 2} | change)
    assert [(v.column, v.rule, v.count) for v in found] == [(column, rule, 1)]
    # Of a number column with a gap pandas makes floats.
    assert found[0].examples[0].replace("2.0", "2").replace("101.0", "101") == example


def test_parts_of_a_table_are_one_finding() -> None:
    bad = GOOD | {"size": 101}
    report = audit([(THINGS, things(GOOD, bad)), (THINGS, things(GOOD)), (THINGS, things(bad, bad))])
    (found,) = report.violations
    assert (found.column, found.count) == ("size", 3)


def test_what_cannot_be_checked_is_an_error_not_a_violation() -> None:
    report = audit([(THINGS, things(GOOD).drop_columns(["kind"]))])
    assert not report.ok
    assert report.violations == ()
    (failure,) = report.errors
    assert isinstance(failure, Failure)
    assert (failure.table, failure.column) == ("things", "kind")
    assert "does not exist" in failure.error


def test_blobs_are_not_looked_at() -> None:
    secret = pa.array([b"not for a report"])
    report = audit([(THINGS, things(GOOD | {"size": 101}).append_column("data", secret))])
    assert "not for a report" not in str(report)
    assert report.rules == 5


def test_counts_of_others_come_in(tmp_path: Path) -> None:
    broken = Check("things", "adds_up", "The parts add up.", 3, ("id='a'",))
    report = audit([(THINGS, things(GOOD))], [Check("things", "refers", "Each refers.", 0), broken], tmp_path)
    assert report.rules == 7
    assert report.violations == (Violation("things", "adds_up", "The parts add up.", 3, ("id='a'",)),)
    pages = [page.read_text() for page in tmp_path.rglob("*.html")]
    assert (tmp_path / "index.html").exists()
    assert any("The parts add up." in page for page in pages)


def test_the_report_is_html_without_the_scripts_of_others(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    audit([(THINGS, pd.DataFrame([GOOD | {"kind": hostile, "id": "<b>"}]))], docs=tmp_path)
    pages = "\n".join(page.read_text() for page in tmp_path.rglob("*.html"))
    assert "alert(1)" in pages
    assert hostile not in pages
    assert "<b>" not in pages


def test_the_summary_is_plain_values() -> None:
    report = audit([(THINGS, things(GOOD | {"size": 101}))])
    found = json.loads(json.dumps(report.summary()))
    assert found["ok"] is False
    assert found["violations"] == [
        "table things, size: 1 rows break the rule “size lies in 0..100”, for example 101 at id='a', part=1"
    ]


def test_long_values_are_cut() -> None:
    (found,) = violations(GOOD | {"kind": "x" * 1000})
    assert len(found.examples[0]) < 120
