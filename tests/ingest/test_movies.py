"""Films as rows: single values, the columns a prediction needs, and lists of texts all the way to a release."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shop import Lake

from pipelines.audit import audit
from pipelines.ingest import images, movies
from pipelines.ingest.movies import fit, imdb_id, of, representation, shown
from pipelines.lake.contract import conform
from pipelines.lake.errors import Rejected
from pipelines.lake.materialize import upsert
from pipelines.lake.recipe import Run
from pipelines.lake.rows import digest

STEADY = settings(deadline=None)
REPRESENTATION = [([1, 2], 50.0), ([0, 2], 0.0)]
ROW: dict[str, Any] = {
    "source": "tmdb",
    "movie_key": "7",
    "tmdb_id": 7,
    "imdb_id": "tt0000007",
    "title": "The Lantern Orchard",
    "year": 1993,
    "release_date": date(1993, 9, 27),
    "genres": ["Drama", "Crime"],
    "production_companies": [],
    "production_countries": ["France"],
    "allow_training": False,
    "attribution": "TMDB",
    "fetched_at": datetime(2026, 8, 1, tzinfo=UTC),
}


def held(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([ROW | row for row in rows], movies.TABLE.schema)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("tt1711425", "tt1711425"),
        ("9286908.0", "tt9286908"),
        ("0392728", "tt0392728"),
        ("392728.0", "tt0392728"),
        ("3.0", "tt0000003"),
        (3.0, "tt0000003"),
        (3155794, "tt3155794"),
        ("tt000003", "tt0000003"),
        ("14495706", "tt14495706"),
        ("tt014495706", "tt14495706"),
        (" 14 ", "tt0000014"),
        ("", None),
        (None, None),
    ],
)
def test_an_imdb_id_has_one_form(written: object, normal: str | None) -> None:
    assert imdb_id(written) == normal


@pytest.mark.parametrize(
    "written", ["tt", "0", "tt0000000", "-3", "3.5", "1e7", "\u0663", "nm0000246", "9" * 11, "tt1\n2", True, [1], {}]
)
def test_what_is_no_imdb_id_is_rejected(written: object) -> None:
    with pytest.raises(Rejected) as error:
        imdb_id(written)
    assert error.value.reason == "bad_imdb_id"


@given(st.integers(1, 10**10 - 1), st.sampled_from(["{}", "{:07d}", "tt{}", "tt{:08d}", "{}.0", " {:09d} "]))
def test_an_imdb_id_is_its_number_however_it_is_written(number: int, form: str) -> None:
    written = imdb_id(form.format(number))
    assert written is not None
    assert int(written[2:]) == number
    assert len(written) >= 9
    assert imdb_id(written) == written


@pytest.mark.parametrize(("genders", "share"), REPRESENTATION)
def test_representation_counts_everybody(genders: list[int], share: float) -> None:
    assert representation(genders) == share


def test_of_nobody_there_is_no_share() -> None:
    assert representation([]) is None


@given(st.lists(st.integers(0, 3), min_size=1))
def test_a_share_is_one_of_a_hundred_and_does_not_depend_on_order(genders: list[int]) -> None:
    share = representation(genders)
    assert share is not None
    assert 0 <= share <= 100
    assert share == representation(genders[::-1])
    assert math.isclose(share * len(genders) / 100, genders.count(1))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@STEADY
@given(st.sampled_from([c for c in movies.TABLE.columns if not pa.types.is_temporal(c.type)]), JSON)
def test_any_value_fits_its_column_or_is_rejected(column: Any, value: object) -> None:
    if column.pattern or pa.types.is_boolean(column.type):
        return
    try:
        made = fit(column, value)
    except Rejected as error:
        found = error
    else:
        conform(movies.TABLE, held({column.name: made}))
        return
    assert found.detail.endswith(".")
    assert len(found.detail) < 300
    found.detail.encode()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("title", "a\ud800", "not_utf8"),
        ("title", "a\x00", "control_characters"),
        ("title", "x" * 1001, "text_too_long"),
        ("title", " \u00a0 ", "no_title"),
        ("title", 5, "bad_title"),
        ("vote_average", math.nan, "bad_vote_average"),
        ("vote_average", 10.01, "bad_vote_average"),
        ("popularity", math.inf, "bad_popularity"),
        ("revenue", -1, "bad_revenue"),
        ("revenue", 1.5, "bad_revenue"),
        pytest.param("revenue", 10**5000, "bad_revenue", id="5,000 digits"),
        ("vote_count", True, "bad_vote_count"),
        ("genres", "Drama", "bad_genres"),
        ("genres", ["Drama", None], "bad_genres"),
        ("genres", ["Drama"] * 501, "bad_genres"),
    ],
)
def test_what_does_not_fit_says_why(name: str, value: object, reason: str) -> None:
    with pytest.raises(Rejected) as error:
        of(name, value)
    assert error.value.reason == reason
    error.value.detail.encode()


def test_texts_lose_their_blanks_and_lists_their_repeats() -> None:
    assert of("title", "  The\u00a0 Quiet  Signal ") == "The Quiet Signal"
    assert of("genres", ["Drama", "Crime", "Drama"]) == ["Drama", "Crime"]


def test_what_is_shown_is_short() -> None:
    assert len(shown("x" * 10**6)) <= 101
    assert shown({"a": 10**5000}) == "an object"


def test_lists_go_into_the_lake_and_come_back(lake: Lake) -> None:
    first = upsert(lake.store, Run(), movies.TABLE, held({}, {"movie_key": "8", "genres": []}))
    assert first.new.num_rows == 2
    again = upsert(lake.store, Run(), movies.TABLE, held({}, {"movie_key": "8", "genres": []}))
    assert (again.new.num_rows, again.changed.num_rows, again.unchanged) == (0, 0, 2)
    rows = {row["movie_key"]: row["genres"] for row in lake.rows(movies.TABLE)}
    assert rows == {"7": ["Drama", "Crime"], "8": []}


@pytest.mark.parametrize("genres", [["Crime", "Drama"], ["Drama"], ["Drama, Crime"], ['Drama", "Crime'], []])
def test_other_lists_are_other_rows(lake: Lake, genres: list[str]) -> None:
    upsert(lake.store, Run(), movies.TABLE, held({}))
    assert upsert(lake.store, Run(), movies.TABLE, held({"genres": genres})).changed.num_rows == 1
    assert digest(movies.TABLE, held({})) != digest(movies.TABLE, held({"genres": genres}))
    assert lake.rows(movies.TABLE)[0]["genres"] == genres


def test_a_new_day_of_asking_is_content(lake: Lake) -> None:
    upsert(lake.store, Run(), movies.TABLE, held({}))
    later = held({"fetched_at": datetime(2026, 9, 1, tzinfo=UTC)})
    assert upsert(lake.store, Run(), movies.TABLE, later).changed.num_rows == 1


def test_the_audit_copes_with_lists() -> None:
    rows = conform(movies.TABLE, held({}, {"movie_key": "8", "genres": [], "title": "<b>"}))
    assert audit([(movies.TABLE, rows)]).ok
    broken = rows.set_column(rows.schema.get_field_index("year"), "year", pa.array([1, 1993], pa.int16()))
    report = audit([(movies.TABLE, broken)])
    assert [violation.column for violation in report.violations] == ["year"]


def test_a_poster_that_is_not_held_breaks_a_rule() -> None:
    (rule,) = movies.TABLE.expectations
    connection = duckdb.connect()
    connection.register("images", pa.table({"image_id": ["a" * 64]}))
    posters: tuple[str | None, ...] = ("a" * 64, "b" * 64, None)
    rows = held(*({"movie_key": str(i), "poster_image_id": poster} for i, poster in enumerate(posters)))
    connection.register("movies", rows)
    assert [row[1] for row in connection.sql(rule.violations).fetchall()] == ["1"]
    assert connection.sql("SELECT movie_key FROM movies WHERE list_contains(genres, 'Crime')").fetchall()


def test_the_raw_features_of_the_prediction_are_columns() -> None:
    features = "genres title revenue popularity budget vote_average vote_count year"
    shares = "cast_female_representation crew_female_representation"
    assert {*features.split(), *shares.split()} <= {column.name for column in movies.TABLE.columns}
    assert movies.TABLE.inputs == (images.TABLE,)
