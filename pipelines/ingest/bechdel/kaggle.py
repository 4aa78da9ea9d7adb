"""The Kaggle table "Female representation in cinema": one row per film, with TMDB's figures and a Bechdel score.

Written by pandas: numbers may carry a `.0`, lists are Python literals (`['Drama', "Ocean's"]`), the first column is
the row's number and has no name. The credits themselves are not read, their genders are counted.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import Any

from pipelines.ingest.bechdel.ratings import Entry, Terms, rating
from pipelines.ingest.movies import Remarks, Row, imdb_id, of, representation, shown
from pipelines.lake.errors import Rejected

SOURCE = "bechdel"
TERMS = Terms(
    allow_training=True,
    attribution="Female representation in cinema (Kaggle, vinifm), with data of bechdeltest.com and TMDB",
)
COLUMNS = (
    "title", "year", "bt_score", "dubious", "imdbid", "tmdbId", "genres", "popularity", "production_companies",
    "production_countries", "release_date", "revenue", "vote_average", "vote_count", "cast", "crew", "budget",
    "cast_gender", "crew_gender", "cast_female_representation", "crew_female_representation",
)  # fmt: skip
_NULLS = ("", "nan", "NaN", "None")
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")
_TRUTHS = {"0": False, "0.0": False, "False": False, "1": True, "1.0": True, "True": True}
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_LIST = re.compile(rf"\[\s*(?:(?:{_QUOTED})\s*(?:,\s*(?:{_QUOTED})\s*)*)?\]")
_ITEM = re.compile(_QUOTED)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))")
_GENDERS = re.compile(r"\[\s*(?:[0-3]\s*(?:,\s*[0-3]\s*)*)?\]")


def entry(fields: dict[str, Any]) -> Entry:
    """Return the film of one row. Raises Rejected."""
    key = imdb_id(fields["imdbid"])
    if key is None:
        raise Rejected("no_imdb_id", "there is no imdbid.")
    remarks = Remarks(key)
    movie = _movie(key, fields, remarks)
    scored = rating(key, key, movie["title"], movie["year"], whole(fields["bt_score"]), truth(fields["dubious"]))
    return Entry(key, scored, movie, tuple(remarks.found))


def settle(rows: Sequence[Entry]) -> Entry | None:
    """Return which of several differing rows of one film counts: the only one that is not firmly undoubted.

    The published table has one such pair (2180411), and its row with dubious = 0 is the one that goes. None where
    that rule does not leave exactly one.
    """
    left = [row for row in rows if row.rating["is_dubious"] is not False]
    return left[0] if len(left) == 1 else None


def _movie(key: str, fields: dict[str, Any], remarks: Remarks) -> Row:
    counted = ("tmdb_id", "tmdbId"), *((name, name) for name in ("vote_count", "revenue", "budget"))
    return {
        "movie_key": key,
        "imdb_id": key,
        "title": of("title", html.unescape(fields["title"])),
        "original_title": None,
        "year": of("year", whole(fields["year"])),
        "release_date": _day(fields["release_date"], remarks),
        **{ours: of(ours, whole(fields[theirs])) for ours, theirs in counted},
        **{name: of(name, names(fields[name])) for name in ("genres", "production_companies", "production_countries")},
        **{name: of(name, number(fields[name])) for name in ("popularity", "vote_average")},
        "runtime_minutes": None,
        **_people("cast", fields, remarks),
        **_people("crew", fields, remarks),
        "poster_path": None,
        "poster_image_id": None,
        "expires_at": None,
        "fetched_at": None,
    }


def _people(part: str, fields: dict[str, Any], remarks: Remarks) -> Row:
    """Return how many there are in the cast or crew, and how many of 100 are women, as the file says it."""
    genders = _genders(fields[f"{part}_gender"])
    share = number(fields[f"{part}_female_representation"])
    share = representation(genders or ()) if share is None else share
    if share is None:
        remarks.add(f"no_{part}", f"has no {part}: its share of women is not known.")
    return {
        f"{part}_count": of(f"{part}_count", None if genders is None else len(genders)),
        f"{part}_female_representation": of(f"{part}_female_representation", share),
    }


def _day(text: str, remarks: Remarks) -> date | None:
    """Return a date written DD/MM/YYYY; None, and a remark, for what is none: no prediction needs the day."""
    if text in _NULLS:
        remarks.add("no_release_date", "has no release date.")
        return None
    if found := _DATE.fullmatch(text):
        with suppress(ValueError):  # the 31st of February
            return date(int(found[3]), int(found[2]), int(found[1]))
    remarks.add("bad_release_date", f"came out on {shown(text)}, which is no day written DD/MM/YYYY.")
    return None


def number(text: str) -> float | None:
    """Return a number, None for nothing. Raises Rejected."""
    if text in _NULLS:
        return None
    if not _NUMBER.fullmatch(text):
        raise Rejected("bad_number", f"{shown(text)} is no number.")
    return float(text)


def whole(text: str) -> float | int | None:
    """Return a whole number, `7279.0` too; any other number as it is, which then fits no column of whole ones."""
    value = number(text)
    if value is None or not value.is_integer():
        return value
    return int(text) if text.lstrip("+-").isdigit() else int(value)


def truth(text: str) -> bool | None:
    """Return a flag as pandas writes it, None for nothing. Raises Rejected."""
    if text in _NULLS:
        return None
    if text not in _TRUTHS:
        raise Rejected("bad_dubious", f"dubious is {shown(text)}, neither 0 nor 1.")
    return _TRUTHS[text]


def names(text: str) -> list[str]:
    """Return a list of texts from a Python or JSON literal, or from words joined by | or a comma. Raises Rejected."""
    if text in _NULLS:
        return []
    if not text.startswith("["):
        return [word.strip() for word in text.split("|" if "|" in text else ",")]
    if not _LIST.fullmatch(text):
        raise Rejected("bad_list", f"{shown(text)} is no list of texts.")
    return [_ESCAPE.sub(_unescape, quoted[1:-1]) for quoted in _ITEM.findall(text)]


def _unescape(found: re.Match[str]) -> str:
    if digits := found[1] or found[2] or found[3]:
        return chr(int(digits, 16)) if int(digits, 16) <= 0x10FFFF else found[0]
    return {"n": "\n", "t": "\t", "r": "\r"}.get(found[4], found[4])


def _genders(text: str) -> list[int] | None:
    """Return TMDB's gender codes, None for nothing. Raises Rejected."""
    if text in _NULLS:
        return None
    if not _GENDERS.fullmatch(text):
        raise Rejected("bad_gender", f"{shown(text)} is no list of gender codes.")
    return [int(sign) for sign in text if sign.isdigit()]
