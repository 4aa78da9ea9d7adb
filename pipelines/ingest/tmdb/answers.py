"""Answers: JSON from a stranger, read strictly; and what was fetched, with the time at which it was."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NoReturn, TypeVar

from pipelines.lake.errors import Rejected

Json = dict[str, Any]
T = TypeVar("T")

_DIGITS = 19  # of the longest whole number in 64 bits
_NUMBER_CHARACTERS = 400
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True)
class Fetched(Generic[T]):
    """An answer and the moment (UTC) at which TMDB gave it; what is made of it expires 180 days later."""

    value: T
    fetched_at: datetime


def parse_object(data: bytes) -> Json:
    """Return the JSON object in `data`. Raises Rejected (bad_json) for all that a careful reader stumbles over.

    These are: another type at the top, NaN and infinities, numbers over 64 bits, a key twice in an object, nesting
    deeper than Python's stack, and text that is not UTF-8 or holds half a character.
    """
    try:
        value = json.loads(
            data.decode(),
            parse_int=_whole,
            parse_float=_real,
            parse_constant=_constant,
            object_pairs_hook=_distinct,
        )
        if _SURROGATE.search(data):
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise Rejected("bad_json", "the answer is not the JSON that it should be.") from None
    if not isinstance(value, dict):
        raise Rejected("bad_json", "the answer is JSON, but no object.")
    return value


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > _DIGITS or not -(2**63) <= int(text) < 2**63:
        raise ValueError("too large a number")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if len(text) > _NUMBER_CHARACTERS or not math.isfinite(value):
        raise ValueError("too large a number")
    return value


def _constant(_: str) -> NoReturn:
    raise ValueError("not a number")


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key stands twice")
    return values
