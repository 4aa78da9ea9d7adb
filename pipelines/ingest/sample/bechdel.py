"""Bechdel ratings of the invented films: a table like Kaggle's, faults and all, and a list like bechdeltest.com's."""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from pipelines.ingest.sample.films import Answer, make_film

HEADER = (
    "", "title", "year", "bt_score", "dubious", "imdbid", "tmdbId", "genres", "popularity", "production_companies",
    "production_countries", "release_date", "revenue", "vote_average", "vote_count", "cast", "crew", "budget",
    "cast_gender", "crew_gender", "cast_female_representation", "crew_female_representation",
)  # fmt: skip
DUPLICATES = 7  # rows that stand there twice, as in the published table
FIRST_LISTED = 9_700_001  # far above bechdeltest.com's own numbers
_PAIR = 3  # the film that stands there twice, once with doubts


def write_bechdel(folder: Path, count: int = 200, seed: int = 7) -> Path:
    """Write `movies.csv` and `getAllMovies.json` about the first `count` films (at least 20) into `folder`; return it.

    Beside one row per film the table holds 7 rows twice and one film in two versions. Of every twenty films the
    sixth has no credits; the eighth has no date, the ninth one that is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    films = [make_film(index, seed) for index in range(count)]
    with (folder / "movies.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(HEADER)
        table.writerows((number, *row) for number, row in enumerate(_rows(films, seed)))
    (folder / "getAllMovies.json").write_text(json.dumps(list(_listed(films, seed))), encoding="utf-8")
    return folder


def rating(film: Answer, seed: int) -> int:
    """Return how far a film gets in the test: the more women in its cast, the further, with some luck."""
    rng = Random(f"tessera {seed} rating {film['id']}")
    share = _share(film["credits"]["cast"]) or 0.0
    chance = share / 100 + rng.gauss(0, 0.1)
    return sum(chance > limit for limit in (0.15, 0.3, 0.38))


def _rows(films: list[Answer], seed: int) -> Iterator[list[object]]:
    for index, film in enumerate(films):
        row = _row(film, rating(film, seed), _day(index, film))
        yield row
        if index == _PAIR:
            yield [*row[:2], 0, int(not row[3]), *row[4:]]
    for index in range(DUPLICATES):
        film = films[2 * index + 4]
        yield _row(film, rating(film, seed), _day(2 * index + 4, film))


def _row(film: Answer, score: int, day: str) -> list[object]:
    cast, crew = film["credits"]["cast"], film["credits"]["crew"]
    return [
        film["title"],
        int(film["release_date"][:4]),
        score,
        int(film["id"] % 10 == 7 and score == 3),
        int(film["imdb_id"][2:]),
        float(film["id"]),
        repr([genre["name"] for genre in film["genres"]]),
        film["popularity"],
        repr([company["name"] for company in film["production_companies"]]),
        repr([country["name"] for country in film["production_countries"]]),
        day,
        film["revenue"],
        film["vote_average"],
        float(film["vote_count"]),
        repr(cast),
        repr(crew),
        film["budget"],
        repr([person["gender"] for person in cast]),
        repr([person["gender"] for person in crew]),
        _share(cast),
        _share(crew),
    ]


def _share(people: list[dict[str, Any]]) -> float | None:
    return 100 * (sum(person["gender"] == 1 for person in people) / len(people)) if people else None


def _day(index: int, film: Answer) -> str:
    day = "/".join(reversed(film["release_date"].split("-")))
    return {7: "", 8: f"31/02/{day[-4:]}"}.get(index % 20, day)


def _listed(films: list[Answer], seed: int) -> Iterator[dict[str, object]]:
    """Yield every other film; of every ten one has an ampersand written as HTML, and of every twenty one no IMDb id."""
    for index in range(0, len(films), 2):
        film = films[index]
        title = f"{film['title']} & Sons" if index % 10 == 4 else film["title"]
        yield {
            "title": html.escape(title),
            "rating": rating(film, seed),
            "id": FIRST_LISTED + index,
            "imdbid": "" if index % 20 == 18 else film["imdb_id"][2:],
            "year": int(film["release_date"][:4]),
        }
