"""Notes: what a local registry answered, good while its file has not changed, so that a quiet night needs no MLflow."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from pipelines import __version__

_SQLITE = "sqlite:///"
_FILE = "answers.json"


def state(uri: str) -> str | None:
    """Return what changes whenever a local registry does; None for one elsewhere, which has to be asked each time."""
    path = uri.removeprefix(_SQLITE).partition("?")[0]
    if not uri.startswith(_SQLITE) or not Path(path).exists():
        return None
    found = [Path(f"{path}{suffix}").stat() for suffix in ("", "-wal") if Path(f"{path}{suffix}").exists()]
    return " ".join([__version__, uri, *(f"{stat.st_mtime_ns}:{stat.st_size}:{stat.st_ino}" for stat in found)])


def recall(cache: Path, now: str | None, question: str) -> dict[str, Any] | None:
    """Return the answer noted in this state of the registry."""
    answer: dict[str, Any] | None = _held(cache, now).get(question)
    return answer


def note(cache: Path, asked_in: str | None, question: str, answer: dict[str, Any]) -> None:
    """Note an answer beside those given in the same state; notes of other states go."""
    if asked_in is None:
        return
    held = json.dumps({"state": asked_in, "answers": {**_held(cache, asked_in), question: answer}})
    with suppress(OSError):  # a lost note costs seconds
        cache.mkdir(parents=True, exist_ok=True)
        aside = cache / f".{_FILE}-{uuid4().hex}"
        aside.write_text(held, encoding="utf-8")
        aside.replace(cache / _FILE)


def _held(cache: Path, now: str | None) -> dict[str, Any]:
    try:
        held = json.loads((cache / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(held, dict) or now is None or held.get("state") != now:
        return {}
    answers: dict[str, Any] = held["answers"]
    return answers
