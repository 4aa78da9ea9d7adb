"""The public Bechdel lists: bechdeltest.com's own, as JSON and as the CSV of 2021, and FiveThirtyEight's.

FiveThirtyEight names the step at which a film fails instead of a number, and has doubts as a step of its own where
bechdeltest.com rates 3 with a flag. So read, 1,712 of the 1,793 films that both know have one rating (95.5 %): dubious
is 3 for 141 of 142, ok 3 for 796 of 802, men 2 for 170 of 194, notalk 1 for 477 of 514, nowomen 0 for 128 of 141.
"""

from __future__ import annotations

import html
from typing import Any

from pipelines.ingest.bechdel.kaggle import whole
from pipelines.ingest.bechdel.ratings import Entry, Terms, rating
from pipelines.ingest.movies import imdb_id, shown
from pipelines.lake.errors import Rejected

_NON_COMMERCIAL = Terms(allow_training=False, attribution="bechdeltest.com, CC BY-NC 3.0")
JSON_SOURCE, JSON_TERMS = "bechdeltest", _NON_COMMERCIAL
JSON_KEYS = ("id", "imdbid", "title", "year", "rating")
CSV_SOURCE, CSV_TERMS = "bechdeltest_2021", _NON_COMMERCIAL
CSV_COLUMNS = ("year", "id", "imdb_id", "title", "rating")
STEPS_SOURCE = "fivethirtyeight"
STEPS_TERMS = Terms(allow_training=True, attribution="FiveThirtyEight, Bechdel test data, CC BY 4.0")
STEPS_COLUMNS = ("year", "imdb", "title", "test", "clean_test", "binary")
STEPS = {"nowomen": 0, "notalk": 1, "men": 2, "dubious": 3, "ok": 3}  # the last step a film reaches


def entry_of_json(fields: dict[str, Any]) -> Entry:
    """Return the film of an object of getAllMovies. Raises Rejected."""
    if missing := [key for key in JSON_KEYS if key not in fields]:
        raise Rejected("missing_key", f"there is no {', '.join(missing)}.")
    key = _number(fields["id"])
    return Entry(key, _rating(key, imdb_id(fields["imdbid"]), fields["title"], fields["year"], fields["rating"]))


def entry_of_csv(fields: dict[str, Any]) -> Entry:
    """Return the film of a row of raw_bechdel.csv. Raises Rejected."""
    key = _number(whole(fields["id"]))
    year, score = whole(fields["year"]), whole(fields["rating"])
    return Entry(key, _rating(key, imdb_id(fields["imdb_id"]), fields["title"], year, score))


def entry_of_steps(fields: dict[str, Any]) -> Entry:
    """Return the film of a row of FiveThirtyEight's table. Raises Rejected."""
    key, step = imdb_id(fields["imdb"]), fields["clean_test"]
    if key is None:
        raise Rejected("no_imdb_id", "there is no imdb.")
    if step not in STEPS:
        raise Rejected("unknown_step", f"clean_test is {shown(step)}, none of {', '.join(STEPS)}.")
    return Entry(key, _rating(key, key, fields["title"], whole(fields["year"]), STEPS[step], step == "dubious"))


def _rating(key: str, film: str | None, title: Any, year: Any, score: Any, dubious: bool | None = None) -> Any:
    plain = html.unescape(html.unescape(title)) if isinstance(title, str) else title  # some are escaped twice
    return rating(key, film, plain, year, score, dubious)


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**62:
        raise Rejected("bad_id", f"id is {shown(value)}, which is no number of a film.")
    return str(value)
