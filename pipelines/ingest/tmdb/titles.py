"""Titles: which film is meant by a title and a year. A guess is called one."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipelines.lake.rejects import Reject

Quality = Literal["exact", "ambiguous", "none"]


@dataclass(frozen=True)
class Match:
    """The film found, how sure that is, and a warning where its original title is another one."""

    tmdb_id: int | None
    quality: Quality
    warning: str | None = None


def match(title: str, year: int | None, candidates: Iterable[Mapping[str, Any]]) -> Match:
    """Return the film of that title among what a search found, whatever its order.

    exact: one film alone has the title (or the original title) and came out in that year, or no year was asked for.
    ambiguous: several have it, or it came out in a year beside that one; the nearest in time comes back, then the one
    with most votes. none: no film has that title, or none within a year of the one asked for.
    """
    wanted = _plain(title)
    named = [film for film in candidates if wanted and wanted in _titles(film) and _number(film, "id")]
    near = [film for film in named if _distance(film, year) <= 1]
    if not near:
        return Match(None, "none")
    best = min(near, key=lambda film: (_distance(film, year), -_number(film, "vote_count"), film["id"]))
    rivals = {film["id"] for film in near if _distance(film, year) == 0}
    return Match(best["id"], "exact" if rivals == {best["id"]} else "ambiguous", _warning(title, best))


def missing(title: str) -> Reject:
    """Return the reject of a title that no film has."""
    return Reject(title, "no_match", f"Movie '{title}' was not found :(")


def _plain(title: object) -> str:
    """Return a title as it is compared: without regard to case, width of signs or blanks."""
    return " ".join(unicodedata.normalize("NFKC", title).casefold().split()) if isinstance(title, str) else ""


def _titles(film: Mapping[str, Any]) -> set[str]:
    return {_plain(film.get("title")), _plain(film.get("original_title"))}


def _distance(film: Mapping[str, Any], year: int | None) -> int:
    """Return how many years lie between; a film without a date is as far as any may be."""
    told = str(film.get("release_date") or "")[:4]
    if year is None:
        return 0
    return abs(int(told) - year) if told.isascii() and told.isdigit() else 1


def _number(film: Mapping[str, Any], name: str) -> int:
    value = film.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _warning(title: str, film: Mapping[str, Any]) -> str | None:
    original = film.get("original_title")
    if not original or _plain(original) == _plain(title):
        return None
    return f"'{title}' was found as {film['id']}, whose original title is '{original}'."
