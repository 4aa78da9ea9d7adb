"""Bechdel ratings: what each list says of a film, and on which terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipelines.ingest.columns import SOURCE
from pipelines.ingest.movies import ALLOW_TRAINING, ATTRIBUTION, IMDB_MOVIE_ID, TITLE, YEAR, Row, fit
from pipelines.lake.rejects import Reject
from pipelines.lake.table import Column, Expectation, Table

PASSING = 2  # from this rating on a film passes: two women talk to each other

TABLE = Table(
    name="bechdel_ratings",
    description="How far each film gets in the Bechdel test, by list: 0 no two women, 1 they do not talk, 2 of a man "
    "only, 3 of something else.",
    grain=("source", "rating_key"),
    columns=(
        SOURCE,
        Column("rating_key", pa.string(), "The list's own id: bechdeltest.com's number, or the IMDb id."),
        IMDB_MOVIE_ID,
        TITLE,
        YEAR,
        Column("rating", pa.int8(), "The highest step the film reaches.", bounds=(0, 3)),
        Column(
            "is_dubious",
            pa.bool_(),
            "True where who rated it had doubts; empty where the list does not say.",
            nullable=True,
        ),
        Column("is_pass", pa.bool_(), "True from rating 2 on: the target of the prediction."),
        ALLOW_TRAINING,
        ATTRIBUTION,
    ),
    expectations=(
        Expectation(
            "pass_follows_rating",
            "is_pass is true exactly from rating 2 on",
            "SELECT * FROM bechdel_ratings WHERE is_pass <> (rating >= 2)",
        ),
    ),
)
_COLUMNS = {column.name: column for column in TABLE.columns}


@dataclass(frozen=True)
class Terms:
    """What a list's owner allows."""

    allow_training: bool
    attribution: str


@dataclass(frozen=True)
class Entry:
    """One film of a list: its rating, and its row of `movies` where the list tells so much.

    Equal entries say the same. Rows have neither source nor terms yet. `remarks` say what the film lacks.
    """

    key: str
    rating: Row
    movie: Row | None = None
    remarks: tuple[Reject, ...] = ()


def rating(key: str, imdb_id: str | None, title: object, year: object, score: object, dubious: bool | None) -> Row:
    """Return the row of a rating, without source and terms. Raises Rejected."""
    held: Any = fit(_COLUMNS["rating"], score)
    return {
        "rating_key": key,
        "imdb_id": imdb_id,
        "title": fit(TITLE, title),
        "year": fit(YEAR, year),
        "rating": held,
        "is_dubious": dubious,
        "is_pass": held >= PASSING,
    }
