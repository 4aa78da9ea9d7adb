"""One answer of TMDB's about a film, its credits merged in, as a row of `movies`: pure, and trusting no field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pipelines.ingest.image_sources import Terms
from pipelines.ingest.movies import GENDERS, Film, Remarks, Row, imdb_id, of, representation, shown
from pipelines.lake.errors import Rejected

Answer = Mapping[str, Any]  # a JSON object of TMDB's

TERMS = Terms(
    allow_training=False,
    attribution="This product uses the TMDB API but is not endorsed or certified by TMDB.",
)
KEPT = timedelta(days=180)  # how long TMDB lets its answers be kept
GENRES = {
    28: "Action", 12: "Adventure", 16: "Animation", 35: "Comedy", 80: "Crime", 99: "Documentary", 18: "Drama",
    10751: "Family", 14: "Fantasy", 36: "History", 27: "Horror", 10402: "Music", 9648: "Mystery", 10749: "Romance",
    878: "Science Fiction", 10770: "TV Movie", 53: "Thriller", 10752: "War", 37: "Western",
}  # fmt: skip
_CREDITS = 100_000  # of one film; the largest has a fiftieth of it
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_POSTER = re.compile(r"/[A-Za-z0-9_-]{1,100}\.(?:jpg|png|webp)")


def film(answer: Answer, fetched_at: datetime) -> Film:
    """Return the row of one film, without its source and poster image, and remarks on what it lacks.

    `answer` is that of movie/{id} with the credits appended, or of a search, whose genres are numbers. No cast, no
    crew or no release date leave their columns empty and make a remark. Raises Rejected for anything that is not as
    TMDB documents it.
    """
    if not isinstance(answer, Mapping):
        raise Rejected("not_an_object", "the answer is no JSON object.")
    tmdb_id = _id(answer)
    remarks = Remarks(str(tmdb_id))
    day = _day(answer.get("release_date"), remarks)
    plain = ("popularity", "vote_average", "vote_count", "revenue", "budget")
    row = {
        "movie_key": str(tmdb_id),
        "tmdb_id": tmdb_id,
        "imdb_id": imdb_id(answer.get("imdb_id")),
        "title": of("title", answer.get("title")),
        "original_title": of("original_title", answer.get("original_title")),
        "year": of("year", day.year if day else None),
        "release_date": day,
        "genres": of("genres", _genres(answer)),
        **{name: of(name, answer.get(name)) for name in plain},
        "runtime_minutes": of("runtime_minutes", answer.get("runtime")),
        **{name: of(name, _names(answer, name)) for name in ("production_companies", "production_countries")},
        **_people(answer, "cast", remarks),
        **_people(answer, "crew", remarks),
        "poster_path": _poster_path(answer.get("poster_path"), remarks),
        "poster_image_id": None,
        "allow_training": TERMS.allow_training,
        "attribution": TERMS.attribution,
        "expires_at": fetched_at.astimezone(UTC) + KEPT,
        "fetched_at": fetched_at.astimezone(UTC),
    }
    return Film(row, tuple(remarks.found))


def training_shape(row: Row) -> dict[str, Any]:
    """Return a row as the Bechdel table writes a film: the day as DD/MM/YYYY, the year its own."""
    day: date | None = row["release_date"]
    same = (
        "title", "year", "genres", "popularity", "production_companies", "production_countries", "revenue",
        "vote_average", "vote_count", "budget", "cast_female_representation", "crew_female_representation",
    )  # fmt: skip
    ids = {"imdbid": row["imdb_id"], "tmdbId": row["tmdb_id"]}
    return ids | {name: row[name] for name in same} | {"release_date": day.strftime("%d/%m/%Y") if day else None}


def _id(answer: Answer) -> int:
    if answer.get("id") is None:
        raise Rejected("no_tmdb_id", "the answer has no id.")
    tmdb_id: int = of("tmdb_id", answer["id"])
    return tmdb_id


def _day(value: object, remarks: Remarks) -> date | None:
    if value is None or value == "":
        remarks.add("no_release_date", "has no release date; its year is not known either.")
        return None
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise Rejected("bad_release_date", f"release_date is {shown(value)}, not a day written YYYY-MM-DD.")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise Rejected("bad_release_date", f"release_date is {shown(value)}, which is no day.") from error


def _genres(answer: Answer) -> list[object]:
    """Return genre names in English, whatever language was asked for; a genre we do not know keeps its own name."""
    if "genres" not in answer and "genre_ids" in answer:
        return [_genre(number, None) for number in _list(answer, "genre_ids")]
    objects = _objects(answer, "genres")
    return [_genre(genre.get("id"), genre.get("name")) for genre in objects]


def _genre(number: object, name: object) -> object:
    known = GENRES.get(number) if isinstance(number, int) and not isinstance(number, bool) else None
    if known is None and name is None:
        raise Rejected("bad_genres", f"genre {shown(number)} has no name and is none of TMDB's.")
    return known or name


def _names(answer: Answer, name: str) -> list[object]:
    return [thing.get("name") for thing in _objects(answer, name)]


def _people(answer: Answer, part: str, remarks: Remarks) -> Row:
    """Return how many there are in the cast or crew, and how many of 100 are women."""
    credits_ = answer.get("credits")
    if credits_ is not None and not isinstance(credits_, Mapping):
        raise Rejected("bad_credits", f"credits is {shown(credits_)}, which is no JSON object.")
    genders = [_gender(person.get("gender"), part) for person in _objects(credits_ or {}, part)]
    if not genders:
        remarks.add(f"no_{part}", f"has no {part}: its share of women is not known.")
    is_told = credits_ is not None and credits_.get(part) is not None
    return {
        f"{part}_count": len(genders) if is_told else None,
        f"{part}_female_representation": representation(genders),
    }


def _gender(value: object, part: str) -> int:
    """Return a gender code; nothing stands for unknown, as older answers write it."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value not in GENDERS:
        raise Rejected("bad_gender", f"the gender of somebody in the {part} is {shown(value)}, none of TMDB's codes.")
    return value


def _poster_path(value: object, remarks: Remarks) -> str | None:
    """Return a poster's path; one that could lead elsewhere is left out, for it becomes part of an address."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and _POSTER.fullmatch(value):
        return value
    remarks.add("bad_poster_path", f"has a poster at {shown(value)}, which is no path of a picture.")
    return None


def _objects(answer: Answer, name: str) -> list[Mapping[str, Any]]:
    things = _list(answer, name)
    if not all(isinstance(thing, Mapping) for thing in things):
        raise Rejected(f"bad_{name}", f"{name} holds something that is no JSON object.")
    return things


def _list(answer: Answer, name: str) -> list[Any]:
    things = answer.get(name)
    if things is None:
        return []
    if not isinstance(things, list) or len(things) > _CREDITS:
        raise Rejected(f"bad_{name}", f"{name} is {shown(things)}, not a list of at most {_CREDITS}.")
    return things
