"""`manifest.jsonl`: what a batch says, one JSON object a line, turned into statements or defects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.ingest.archive import name_fault
from pipelines.ingest.inbox.labelled_samples import VOCABULARIES
from pipelines.ingest.inbox.mosaic_requests import MosaicRequest, told
from pipelines.lake.errors import Rejected

KINDS = ("upload", "label", "vote", "confirm", "mosaic", "delete")
MANIFEST_BYTES, MANIFEST_LINES = 64 << 20, 200_000
_LINE_BYTES = 64 << 10
_MAX_LABELS = 100  # of one line
_TEXT = 500  # characters of a title, a label, a file name
_USER = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,200}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")
_VOTES = {"like": 1, "dislike": -1, 1: 1, -1: -1}
_SIZE = 2**53  # above it JSON's numbers are no whole numbers everywhere
_NEXT = "Mend the line in its manifest: a batch whose manifest has changed is taken in again."
_AHEAD = timedelta(days=1)  # a clock may be wrong; a statement from the far future would stand for ever


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing a user says, in a line of a manifest. `image_id` is the SHA-256 of the file where there is one."""

    batch: str
    line: int
    kind: str
    user_id: str
    at: datetime
    image_id: str
    file: str | None = None
    size: int = 0
    title: str | None = None
    visibility: str = "private"
    task: str = ""
    labels: tuple[str, ...] = ()
    vote: int = 0
    mosaic: MosaicRequest | None = None
    is_wanted: bool = True

    @property
    def key(self) -> str:
        """Its name in rejects."""
        return f"{self.batch}/{self.file}" if self.file else f"{self.batch}/line {self.line}"

    @property
    def mosaic_id(self) -> str:
        """Which mosaic it asks for; empty where it asks for none."""
        return self.mosaic.mosaic_id if self.mosaic else ""

    @property
    def count(self) -> int:
        """How many rows it says: a label line says one per label."""
        return max(1, len(self.labels))


@dataclass(frozen=True)
class Defect:
    """A line that says nothing usable, and why."""

    batch: str
    line: int
    reason: str
    detail: str


def read(batch: str, data: bytes, now: datetime) -> Iterator[Statement | Defect]:
    """Yield what each line says, or why it says nothing. Empty lines are skipped."""
    for number, raw in enumerate(data.split(b"\n"), start=1):
        if raw.strip():
            try:
                yield _statement(batch, number, _object(raw), now)
            except Rejected as error:
                yield Defect(batch, number, error.reason, f"{batch}, line {number}: {error.detail} {_NEXT}")


def _object(raw: bytes) -> dict[str, Any]:
    if len(raw) > _LINE_BYTES:
        raise Rejected("line_too_long", f"the line has more than {_LINE_BYTES} bytes.")
    try:
        found = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise Rejected("not_utf8", "the line is not UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise Rejected("not_json", "the line is not JSON.") from error
    if not isinstance(found, dict):
        raise Rejected("not_json", "the line is JSON, but no object in braces.")
    return {name: value for name, value in found.items() if value is not None}


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise Rejected("duplicate_key", "the line gives a value twice; which one counts cannot be known.")
    return dict(pairs)


def _no_constant(name: str) -> float:
    raise Rejected("not_json", f"the line is not JSON, which has no {name}.")


def _statement(batch: str, line: int, found: dict[str, Any], now: datetime) -> Statement:
    kind = found.get("kind")
    if kind not in KINDS:
        raise Rejected("unknown_kind", f"its kind is none of {', '.join(KINDS)}.")
    said = Statement(batch, line, kind, _user(found), _time(found, now), **_about(found, kind))
    if kind == "upload":
        return replace(said, title=_title(found), visibility=_visibility(found))
    if kind == "vote":
        return replace(said, vote=_vote(found))
    if kind == "mosaic":
        wish = MosaicRequest(said.user_id, said.image_id, told(found))
        return replace(said, mosaic=wish, is_wanted=_is_wanted(found))
    if kind in ("label", "confirm"):
        task = _task(found)
        return replace(said, task=task, labels=_labels(found, task))
    return said


def _about(found: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return what the line speaks of: a file of the batch, or an image that is there already."""
    if kind == "upload" or (kind in ("label", "mosaic") and "file" in found):
        size = found.get("size")
        if type(size) is not int or not 0 <= size <= _SIZE:
            raise Rejected("bad_size", "it needs the size of its file in bytes, a whole number.")
        brought = {"file": _file(found), "size": size, "image_id": _digest(found, "sha256")}
        return {"image_id": brought["image_id"]} if kind == "mosaic" else brought  # which an upload has to bring
    return {"image_id": _digest(found, "image_id")}


def _file(found: dict[str, Any]) -> str:
    name = found.get("file")
    if not isinstance(name, str) or not 0 < len(name) <= _TEXT or _CONTROL.search(name) or not _is_text(name):
        raise Rejected("bad_file", "it needs the name of a file beside the manifest.")
    if fault := name_fault(name):
        raise Rejected(*fault)
    if name.lower() == "manifest.jsonl" or any(part in ("", ".") for part in name.split("/")):
        raise Rejected("unsafe_name", "this cannot be the name of a picture.")
    return name


def _digest(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not _IMAGE_ID.fullmatch(value):
        raise Rejected(f"bad_{name}", f"it needs {name}: 64 lower-case hex digits.")
    return value


def _user(found: dict[str, Any]) -> str:
    user_id = found.get("user_id")
    if not isinstance(user_id, str) or not _USER.fullmatch(user_id) or not _is_text(user_id):
        raise Rejected("bad_user_id", "it needs a user_id, a text of 1 to 200 characters.")
    if user_id != user_id.strip():  # or it would be another user, whom nobody can tell from the one without
        raise Rejected("bad_user_id", "its user_id begins or ends with a space.")
    return user_id


def _time(found: dict[str, Any], now: datetime) -> datetime:
    ts = found.get("ts")
    try:
        at = datetime.fromisoformat(ts) if isinstance(ts, str) else None
        at = at.astimezone(UTC) if at and at.tzinfo else None
    except (ValueError, OverflowError):
        at = None
    if at is None or at > now + _AHEAD or at.year < 1970:
        raise Rejected("bad_ts", "it needs a ts such as 2026-01-05T08:00:00Z, not in the future.")
    return at


def _title(found: dict[str, Any]) -> str | None:
    title = found.get("title", "")
    if not isinstance(title, str) or len(title) > _TEXT or not _is_text(title):
        raise Rejected("bad_title", f"its title is not a text of at most {_TEXT} characters.")
    return _CONTROL.sub(" ", title).strip() or None


def _visibility(found: dict[str, Any]) -> str:
    visibility = found.get("visibility", "private")
    if visibility not in ("private", "shared"):
        raise Rejected("bad_visibility", "its visibility is neither private nor shared.")
    return str(visibility)


def _vote(found: dict[str, Any]) -> int:
    value = found.get("value")
    if isinstance(value, bool) or not isinstance(value, int | str) or value not in _VOTES:
        raise Rejected("bad_value", "its value is neither like (1) nor dislike (-1).")
    return _VOTES[value]


def _is_wanted(found: dict[str, Any]) -> bool:
    is_wanted = found.get("wanted", True)
    if not isinstance(is_wanted, bool):
        raise Rejected("bad_wanted", "its wanted is neither true nor false.")
    return is_wanted


def _task(found: dict[str, Any]) -> str:
    task = found.get("task")
    if not isinstance(task, str) or task not in VOCABULARIES:
        raise Rejected("unknown_task", f"its task is none of {', '.join(VOCABULARIES)}.")
    return task


def _labels(found: dict[str, Any], task: str) -> tuple[str, ...]:
    given = found.get("label")
    labels = given if isinstance(given, list) else [given]
    known = VOCABULARIES[task]
    if not 0 < len(labels) <= _MAX_LABELS or not all(_is_label(label) for label in labels):
        raise Rejected("label_error", "it needs a label: a text, or a list of texts.")
    if unknown := [label for label in labels if known is not None and label not in known]:
        raise Rejected("label_error", f"label error: {unknown[0]!r} is no label of {task}.")
    return tuple(sorted(set(labels)))


def _is_label(label: object) -> bool:
    return isinstance(label, str) and 0 < len(label) <= 100 and not _CONTROL.search(label) and _is_text(label)


def _is_text(text: str) -> bool:
    r"""False for what JSON can spell and UTF-8 cannot: halves of a pair, such as \ud800."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
