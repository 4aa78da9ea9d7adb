"""Movies: films with what a prediction needs, one row per film and source; and single values of films, checked.

Plot texts, names of people and all else that no prediction needs stay outside. How a source writes its films
is the business of the modules that read it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipelines.ingest import images
from pipelines.ingest.columns import IMAGE_ID, SOURCE
from pipelines.lake.errors import Rejected
from pipelines.lake.rejects import Reject
from pipelines.lake.table import Column, Expectation, Table

Row = dict[str, Any]

FEMALE = 1  # of the gender codes: 0 unknown, 1 female, 2 male, 3 non-binary
GENDERS = (0, 1, 2, 3)
_TEXT_LENGTH = 1_000  # characters; the longest titles have a quarter of it
_LIST_LENGTH = 500
_SHOWN = 100  # characters of a value that a reject repeats
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x80-\x9f]")
_IMDB_ID = re.compile(r"(?:tt)?0*([1-9][0-9]{0,9})(?:\.0+)?")
_COUNT = (0.0, float(2**62))
_TIME = pa.timestamp("us", "UTC")

TITLE = Column("title", pa.string(), "The film's title, HTML entities resolved.")
YEAR = Column("year", pa.int16(), "The year it came out.", bounds=(1870, 2100))
IMDB_MOVIE_ID = Column(
    "imdb_id",
    pa.string(),
    "IMDb's id in one form: tt and at least 7 digits. Films of different sources meet by it.",
    nullable=True,
    pattern=r"tt[0-9]{7,10}",
)
ALLOW_TRAINING = Column("allow_training", pa.bool_(), "True if models may learn from the row.")
ATTRIBUTION = Column("attribution", pa.string(), "The text that has to be shown with the row.")


def _optional(name: str, kind: pa.DataType, description: str, bounds: tuple[float, float] | None = None) -> Column:
    return Column(name, kind, description, nullable=True, bounds=bounds)


TABLE = Table(
    name="movies",
    description="Films with what a prediction needs, as each source last told it.",
    grain=("source", "movie_key"),
    columns=(
        SOURCE,
        Column("movie_key", pa.string(), "The source's own id: TMDB's number, or the IMDb id in the Bechdel table."),
        _optional("tmdb_id", pa.int64(), "TMDB's number of the film.", (1, 2**53)),
        IMDB_MOVIE_ID,
        TITLE,
        _optional("original_title", pa.string(), "The title in the film's own language."),
        Column("year", YEAR.type, "The year it came out.", nullable=True, bounds=YEAR.bounds),
        _optional("release_date", pa.date32(), "The day it came out."),
        Column("genres", pa.list_(pa.string()), "TMDB's English genre names, in the source's order, each once."),
        _optional("popularity", pa.float64(), "TMDB's popularity on the day of the snapshot.", (0, 1e9)),
        _optional("vote_average", pa.float64(), "Mean of TMDB's votes, 0..10.", (0, 10)),
        _optional("vote_count", pa.int64(), "Number of TMDB's votes.", _COUNT),
        _optional("revenue", pa.int64(), "Takings in US dollars; 0 where the source does not know them.", _COUNT),
        _optional("budget", pa.int64(), "Cost in US dollars; 0 where the source does not know it.", _COUNT),
        _optional("runtime_minutes", pa.int32(), "Length in minutes.", (0, 100_000)),
        Column("production_companies", pa.list_(pa.string()), "Names, in the source's order, each once."),
        Column("production_countries", pa.list_(pa.string()), "Names, in the source's order, each once."),
        _optional("cast_count", pa.int32(), "People in the cast.", (0, 1_000_000)),
        _optional(
            "crew_count", pa.int32(), "Entries in the crew; a person with two jobs stands there twice.", (0, 1e6)
        ),
        _optional("cast_female_representation", pa.float64(), "Women per 100 in the cast.", (0, 100)),
        _optional("crew_female_representation", pa.float64(), "Women per 100 entries of the crew.", (0, 100)),
        _optional("poster_path", pa.string(), "Where TMDB keeps the poster."),
        Column("poster_image_id", pa.string(), "The poster in images.", nullable=True, pattern=IMAGE_ID.pattern),
        ALLOW_TRAINING,
        ATTRIBUTION,
        _optional("expires_at", _TIME, "When the row must be gone by the source's terms."),
        # Content, not provenance: it dates popularity and votes, and it must be renewed even where nothing else is.
        _optional("fetched_at", _TIME, "When the source told it; empty for published files, which do not say."),
    ),
    inputs=(images.TABLE,),
    expectations=(
        Expectation(
            "poster_is_held",
            "each poster_image_id stands in images",
            "SELECT m.source, m.movie_key FROM movies m ANTI JOIN images i ON m.poster_image_id = i.image_id "
            "WHERE m.poster_image_id IS NOT NULL",
        ),
    ),
)


_COLUMNS = {column.name: column for column in TABLE.columns}


@dataclass(frozen=True)
class Film:
    """One film's row, and what it lacks: remarks stand in rejects beside the row and are no part of the account."""

    row: Row
    remarks: tuple[Reject, ...] = ()


@dataclass
class Remarks:
    """What a film lacks, as it is found."""

    key: str
    found: list[Reject] = field(default_factory=list)

    def add(self, reason: str, detail: str) -> None:
        self.found.append(Reject(self.key, reason, f"film {self.key} {detail}"))


def imdb_id(value: object) -> str | None:
    """Return an IMDb id in its one form; None for nothing.

    Takes what lists are known to write: tt1711425, 0392728, 9286908.0, 3.0 as text or number. Raises Rejected.
    """
    text = str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    if value is None or (not text and isinstance(value, str)):
        return None
    found = _IMDB_ID.fullmatch(text) if len(text) < 40 else None
    if found is None:
        raise Rejected("bad_imdb_id", f"{shown(value)} is no IMDb id.")
    return f"tt{int(found[1]):07d}"


def representation(genders: Sequence[int]) -> float | None:
    """Return women per 100 of all, those of unknown gender included; None where there is nobody."""
    return 100 * sum(gender == FEMALE for gender in genders) / len(genders) if genders else None


def fit(column: Column, value: object) -> Any:
    """Return a value that `column` takes: a text without blanks around it, a finite number within its bounds.

    Nothing is guessed from the type: a number as text, or true for 1, does not fit. Raises Rejected.
    """
    if value is None and column.nullable:
        return None
    if pa.types.is_string(column.type):
        return _text(column, value)
    if pa.types.is_list(column.type):
        return _names(column, value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Rejected(f"bad_{column.name}", f"{column.name} is {shown(value)}, which is no number.")
    low, high = column.bounds or (-math.inf, math.inf)
    # Comparing before converting: NaN fits nowhere, and a number too large for a float raises nothing.
    is_whole = isinstance(value, int) or pa.types.is_floating(column.type)
    if not (low <= value <= high) or not is_whole:
        raise Rejected(f"bad_{column.name}", f"{column.name} is {shown(value)}, not a number from {low:g} to {high:g}.")
    return value


def of(name: str, value: object) -> Any:
    """Return a value that the column of that name takes. Raises Rejected."""
    return fit(_COLUMNS[name], value)


def _text(column: Column, value: object) -> str | None:
    if not isinstance(value, str):
        raise Rejected(f"bad_{column.name}", f"{column.name} is {shown(value)}, which is no text.")
    if len(value) > _TEXT_LENGTH:
        raise Rejected("text_too_long", f"{column.name} is longer than {_TEXT_LENGTH} characters: {shown(value)}.")
    if _CONTROL.search(value):
        raise Rejected("control_characters", f"{column.name} holds control characters: {shown(value)}.")
    if any("\ud800" <= sign <= "\udfff" for sign in value):  # half a character, as JSON can write it
        raise Rejected("not_utf8", f"{column.name} holds half a character: {shown(value)}.")
    text = " ".join(value.split())
    if not text and not column.nullable:
        raise Rejected(f"no_{column.name}", f"there is no {column.name}.")
    return text or None


def _names(column: Column, value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > _LIST_LENGTH:
        raise Rejected(f"bad_{column.name}", f"{column.name} is {shown(value)}, no list of at most {_LIST_LENGTH}.")
    one = Column(column.name, pa.string(), column.description)
    return list(dict.fromkeys(_text(one, name) or "" for name in value))


def shown(value: object) -> str:
    """Return a value as a reject repeats it: short, printable, encodable."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and abs(value) > 2**64:  # thousands of digits cannot even be printed
        return "a number of more than 19 digits"
    text = repr(value[: _SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
