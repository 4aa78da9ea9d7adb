"""Lines of a manifest: what is understood, and what is said of the rest."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from boxes import NOW, manifest, sha, ts, vote
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ingest.inbox.labelled_samples import VOCABULARIES
from pipelines.ingest.inbox.manifest import KINDS, Defect, Statement, read

UPLOAD = {"kind": "upload", "file": "a.jpg", "size": 3, "sha256": sha(b"abc"), "user_id": "ana", "ts": ts(0)}
LABEL = {"kind": "label", "image_id": sha(b"abc"), "user_id": "ana", "ts": ts(0), "task": "quality", "label": "OK"}


def only(line: Any) -> Statement | Defect:
    (found,) = read("a", manifest(line), NOW)
    return found


def reason(line: Any) -> str:
    found = only(line)
    assert isinstance(found, Defect), found
    assert found.detail.startswith("a, line 1: ")
    return found.reason


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        (UPLOAD, "visibility", "private"),
        (UPLOAD | {"visibility": "shared"}, "visibility", "shared"),
        (
            UPLOAD | {"title": " <b>Röck</b>\n'; DROP TABLE uploads;-- "},
            "title",
            "<b>Röck</b> '; DROP TABLE uploads;--",
        ),
        (UPLOAD | {"title": "=1+1"}, "title", "=1+1"),
        (UPLOAD | {"title": ""}, "title", None),
        (UPLOAD | {"title": None, "visibility": None, "task": None}, "title", None),
        (UPLOAD | {"file": "sub/ä b%20c#d.PNG"}, "file", "sub/ä b%20c#d.PNG"),
        (UPLOAD | {"file": "..."}, "file", "..."),
        (UPLOAD | {"user_id": "ana/../ben"}, "user_id", "ana/../ben"),
        (UPLOAD | {"user_id": "u" * 200}, "user_id", "u" * 200),
        (UPLOAD | {"more": {"of": ["this"]}}, "kind", "upload"),
        (UPLOAD | {"ts": "2026-01-05T09:00:00+01:00"}, "at", datetime(2026, 1, 5, 8, tzinfo=UTC)),
        (UPLOAD | {"ts": "2026-01-05T08:00:00.123456Z"}, "at", datetime(2026, 1, 5, 8, 0, 0, 123456, UTC)),
        (UPLOAD | {"ts": "2026-01-05T08:00:00-23:59"}, "at", datetime(2026, 1, 6, 7, 59, tzinfo=UTC)),
        (UPLOAD | {"ts": (NOW + timedelta(hours=23)).isoformat()}, "kind", "upload"),
        (vote(1, "like"), "vote", 1),
        (vote(1, -1), "vote", -1),
        (LABEL, "labels", ("OK",)),
        (LABEL | {"file": None}, "image_id", sha(b"abc")),
        (LABEL | {"task": "piece", "label": ["Tee", "Floral", "Tee"]}, "labels", ("Floral", "Tee")),
        (LABEL | {"task": "article_type", "label": "Flip Flops"}, "labels", ("Flip Flops",)),
    ],
)
def test_what_is_understood(line: dict[str, Any], field: str, value: Any) -> None:
    found = only(line)
    assert isinstance(found, Statement), found
    assert getattr(found, field) == value


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (UPLOAD | {"kind": "uploads"}, "unknown_kind"),
        (UPLOAD | {"kind": ["upload"]}, "unknown_kind"),
        ({}, "unknown_kind"),
        (UPLOAD | {"size": "3"}, "bad_size"),
        (UPLOAD | {"size": True}, "bad_size"),
        (UPLOAD | {"size": -1}, "bad_size"),
        (UPLOAD | {"size": 3.0}, "bad_size"),
        (UPLOAD | {"size": 2**53 + 1}, "bad_size"),
        (UPLOAD | {"sha256": sha(b"abc").upper()}, "bad_sha256"),
        (UPLOAD | {"user_id": " ana"}, "bad_user_id"),
        (UPLOAD | {"user_id": ""}, "bad_user_id"),
        (UPLOAD | {"user_id": 7}, "bad_user_id"),
        (UPLOAD | {"user_id": "u" * 201}, "bad_user_id"),
        (UPLOAD | {"user_id": "a\nb"}, "bad_user_id"),
        (UPLOAD | {"user_id": "\ud800"}, "bad_user_id"),
        (UPLOAD | {"title": ["a"]}, "bad_title"),
        (UPLOAD | {"title": "x" * 501}, "bad_title"),
        (UPLOAD | {"visibility": "public"}, "bad_visibility"),
        (UPLOAD | {"ts": "2026-01-05T08:00:00"}, "bad_ts"),
        (UPLOAD | {"ts": "2026-01-05"}, "bad_ts"),
        (UPLOAD | {"ts": 1767600000}, "bad_ts"),
        (UPLOAD | {"ts": "1969-12-31T00:00:00Z"}, "bad_ts"),
        (UPLOAD | {"ts": (NOW + timedelta(hours=25)).isoformat()}, "bad_ts"),
        (UPLOAD | {"ts": "0001-01-01T00:00:00+23:59"}, "bad_ts"),
        (UPLOAD | {"ts": "9999-12-31T23:59:59-23:59"}, "bad_ts"),
        (UPLOAD | {"file": "../a.jpg"}, "unsafe_name"),
        (UPLOAD | {"file": "Manifest.JSONL"}, "unsafe_name"),
        (LABEL | {"label": "ok"}, "label_error"),
        (LABEL | {"label": []}, "label_error"),
        (LABEL | {"label": ["OK", 1]}, "label_error"),
        (LABEL | {"label": [["OK"]]}, "label_error"),
        (LABEL | {"task": "mood"}, "unknown_task"),
        (LABEL | {"kind": "confirm", "image_id": None}, "bad_image_id"),
        (vote(1, True), "bad_value"),
        (vote(1, 0), "bad_value"),
        (vote(1, 1.0), "bad_value"),
        (vote(1, "Like"), "bad_value"),
        ('{"kind": "vote", "kind": "delete"}', "duplicate_key"),
        ('{"kind": NaN}', "not_json"),
        ("[]", "not_json"),
        (b"\xff\xfe", "not_utf8"),
    ],
)
def test_what_is_refused_and_why(line: Any, why: str) -> None:
    assert reason(line) == why


@pytest.mark.parametrize("task", VOCABULARIES)
def test_every_label_of_a_vocabulary_is_one(task: str) -> None:
    for word in VOCABULARIES[task] or ("Anything",):
        assert isinstance(only(LABEL | {"task": task, "label": word}), Statement)


def test_empty_lines_a_mark_of_order_and_line_ends_of_other_systems_do_no_harm() -> None:
    raw = b"\xef\xbb\xbf" + json.dumps(UPLOAD).encode() + b"\r\n\r\n   \n" + json.dumps(LABEL).encode()
    assert [(line.line, line.kind) for line in read("a", raw, NOW)] == [(1, "upload"), (4, "label")]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["like", "OK"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
good = {
    name: st.just(value)
    for name, value in (
        UPLOAD | LABEL | {"value": 1, "columns": 9, "families": ["red"], "tint": 0.5, "wanted": False}
    ).items()
    if name != "kind"
}
lines = st.fixed_dictionaries(
    {"kind": st.sampled_from(KINDS)}, optional={name: value | values for name, value in good.items()}
)


@given(lines)
def test_any_object_is_a_statement_or_a_defect(line: dict[str, Any]) -> None:
    found = only(json.dumps(line))
    assert isinstance(found, Statement) or (found.reason and found.detail)


@given(st.binary(max_size=200))
def test_any_bytes_are_lines(data: bytes) -> None:
    found = list(read("a", data, NOW))
    assert len(found) == sum(bool(line.strip()) for line in data.split(b"\n"))
