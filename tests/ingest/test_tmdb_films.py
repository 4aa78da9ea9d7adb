"""Films of TMDB: what becomes of one answer, and of many on their way into the lake."""

from __future__ import annotations

import copy
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from shop import Lake

from pipelines.ingest import image_sources, images, movies, sample
from pipelines.ingest.sample import replay
from pipelines.ingest.sample import tmdb as sample_tmdb
from pipelines.ingest.sample.films import FIRST_ID, draw_poster, make_film
from pipelines.ingest.tmdb.answers import Fetched
from pipelines.ingest.tmdb.client import Tmdb, connect
from pipelines.ingest.tmdb.films import GENRES, film, training_shape
from pipelines.ingest.tmdb.source import TmdbParams, ingest
from pipelines.ingest.tmdb.titles import Match, match, missing
from pipelines.lake import rejects
from pipelines.lake.contract import conform
from pipelines.lake.errors import CannotRun, Rejected
from pipelines.lake.recipe import Run
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.lake.table import Table

STEADY = settings(deadline=None)
DAY = datetime(2026, 8, 1, 12, tzinfo=UTC)
TEST_MOVIE = {"year": 1993, "release_date": "27/09/1993", "cast": 0.0, "crew": 50.0}
GOOD: dict[str, Any] = {
    "id": 1,
    "imdb_id": "tt0000001",
    "title": "A Title",
    "original_title": "A Title",
    "genres": [{"id": 18, "name": "Drama"}, {"id": 80, "name": "Krimi"}],
    "popularity": 1,
    "production_companies": [{"name": "A Company"}],
    "production_countries": [{"name": "France"}],
    "release_date": "1993-09-27",
    "revenue": 666,
    "budget": 9001,
    "runtime": 98,
    "vote_average": 0.8,
    "vote_count": 10,
    "poster_path": "/abc.jpg",
    "credits": {"cast": [{"gender": 0}, {"gender": 2}], "crew": [{"gender": 1}, {"gender": 2}]},
}
TABLES: tuple[Table, ...] = (movies.TABLE, images.TABLE, image_sources.TABLE, rejects.TABLE)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


def test_the_golden_film_has_the_training_shape() -> None:
    shape = training_shape(film(GOOD, DAY).row)
    found = {"year": shape["year"], "release_date": shape["release_date"]}
    found |= {part: shape[f"{part}_female_representation"] for part in ("cast", "crew")}
    assert found == TEST_MOVIE
    assert shape["genres"] == ["Drama", "Crime"]  # the English names, whatever language was asked for
    assert shape["year"] == int(GOOD["release_date"][:4])


def test_terms_travel_with_the_row() -> None:
    row = film(GOOD, DAY).row
    assert row["allow_training"] is False
    assert row["attribution"] == "This product uses the TMDB API but is not endorsed or certified by TMDB."
    assert row["expires_at"] - row["fetched_at"] == timedelta(days=180)


@pytest.mark.parametrize(
    ("answer", "reasons", "empty"),
    [
        (GOOD | {"credits": {"cast": [], "crew": [{"gender": 1}]}}, ["no_cast"], ["cast_female_representation"]),
        (GOOD | {"credits": {"cast": [{"gender": 1}], "crew": []}}, ["no_crew"], ["crew_female_representation"]),
        (without("credits"), ["no_cast", "no_crew"], ["cast_count", "crew_count"]),
        (GOOD | {"credits": None}, ["no_cast", "no_crew"], ["cast_female_representation"]),
        (GOOD | {"release_date": ""}, ["no_release_date"], ["release_date", "year"]),
        (without("release_date"), ["no_release_date"], ["release_date", "year"]),
        (GOOD | {"poster_path": "/../../secret.jpg"}, ["bad_poster_path"], ["poster_path"]),
        (GOOD | {"poster_path": 5}, ["bad_poster_path"], ["poster_path"]),
    ],
)
def test_what_a_film_lacks_is_empty_and_said(answer: dict[str, Any], reasons: list[str], empty: list[str]) -> None:
    made = film(answer, DAY)
    assert [remark.reason for remark in made.remarks] == reasons
    assert all(remark.key == "1" for remark in made.remarks)
    assert [made.row[name] for name in empty] == [None] * len(empty)


def test_an_empty_cast_counts_nobody_and_an_untold_one_is_not_known() -> None:
    assert film(GOOD | {"credits": {"cast": [], "crew": []}}, DAY).row["cast_count"] == 0
    assert film(without("credits"), DAY).row["cast_count"] is None


@pytest.mark.parametrize("missing_one", ["revenue", "popularity", "poster_path", "imdb_id", "genres", "runtime"])
def test_a_film_may_lack_what_is_optional(missing_one: str) -> None:
    assert not film(without(missing_one), DAY).remarks


def test_genres_of_a_search_are_numbers() -> None:
    found = without("genres") | {"genre_ids": [878, 10770]}
    assert film(found, DAY).row["genres"] == ["Science Fiction", "TV Movie"]


def test_there_are_the_nineteen_genres_of_the_prediction() -> None:
    assert len(set(GENRES.values())) == 19


WRONG: list[tuple[Any, str]] = [
    ([], "not_an_object"),
    (without("id"), "no_tmdb_id"),
    (GOOD | {"id": "1"}, "bad_tmdb_id"),
    (GOOD | {"id": True}, "bad_tmdb_id"),
    (GOOD | {"id": -1}, "bad_tmdb_id"),
    (without("title"), "bad_title"),
    (GOOD | {"title": "  "}, "no_title"),
    (GOOD | {"title": ["A"]}, "bad_title"),
    (GOOD | {"title": "\ud800"}, "not_utf8"),
    (GOOD | {"title": "a\nb"}, "control_characters"),
    (GOOD | {"imdb_id": "nm0000246"}, "bad_imdb_id"),
    (GOOD | {"release_date": "1993-02-30"}, "bad_release_date"),
    (GOOD | {"release_date": "27/09/1993"}, "bad_release_date"),
    (GOOD | {"release_date": 1993}, "bad_release_date"),
    (GOOD | {"release_date": "1500-01-01"}, "bad_year"),
    (GOOD | {"genres": {}}, "bad_genres"),
    (GOOD | {"genres": [18]}, "bad_genres"),
    (GOOD | {"genres": [{"id": 999999}]}, "bad_genres"),
    (GOOD | {"genres": [{"id": [], "name": 5}]}, "bad_genres"),
    (GOOD | {"revenue": -1}, "bad_revenue"),
    (GOOD | {"budget": "9001"}, "bad_budget"),
    (GOOD | {"popularity": float("nan")}, "bad_popularity"),
    (GOOD | {"vote_average": 11}, "bad_vote_average"),
    (GOOD | {"runtime": 1.5}, "bad_runtime_minutes"),
    (GOOD | {"credits": []}, "bad_credits"),
    (GOOD | {"credits": {"cast": {}}}, "bad_cast"),
    (GOOD | {"credits": {"cast": ["Somebody"]}}, "bad_cast"),
    (GOOD | {"credits": {"crew": [{"gender": 4}]}}, "bad_gender"),
    (GOOD | {"credits": {"crew": [{"gender": "1"}]}}, "bad_gender"),
    (GOOD | {"production_companies": [{"name": 5}]}, "bad_production_companies"),
    (GOOD | {"production_countries": "France"}, "bad_production_countries"),
]


@pytest.mark.parametrize(("answer", "reason"), WRONG, ids=[f"{place} {why}" for place, (_, why) in enumerate(WRONG)])
def test_an_answer_of_another_form_is_a_reject(answer: Any, reason: str) -> None:
    with pytest.raises(Rejected) as error:
        film(answer, DAY)
    assert error.value.reason == reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@STEADY
@given(st.dictionaries(st.sampled_from(sorted(GOOD)), JSON, max_size=4))
def test_any_answer_is_a_row_that_keeps_the_contract_or_a_reject(changes: dict[str, Any]) -> None:
    try:
        made = film(GOOD | changes, DAY)
    except Rejected as error:
        found = error
    else:
        row = made.row | {"source": "tmdb"}
        conform(movies.TABLE, pa.Table.from_pylist([row], movies.TABLE.schema))
        return
    assert found.detail.endswith(".")
    found.detail.encode()


@STEADY
@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)))
def test_the_day_is_reversed_and_the_year_its_own(day: date) -> None:
    shape = training_shape(film(GOOD | {"release_date": day.isoformat()}, DAY).row)
    assert shape["release_date"] == "/".join(reversed(day.isoformat().split("-")))
    assert shape["year"] == int(day.isoformat()[:4])


# Many films


@dataclass
class Shelf:
    """TMDB for one test: what it answers by number, which posters it has, and what it was asked for."""

    films: dict[int, Any]
    posters: dict[str, bytes] = field(default_factory=dict)
    fetched_at: datetime = DAY
    away_after: int = 10**9  # answers about films
    asked: Counter[object] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def movie(self, tmdb_id: int, /) -> Fetched[dict[str, Any]]:
        with self.lock:
            self.asked[tmdb_id] += 1
        if tmdb_id - FIRST_ID >= self.away_after:
            raise CannotRun("TMDB does not answer. Try again later.")
        if tmdb_id not in self.films:
            raise Rejected("http_404", f"TMDB has nothing at /3/movie/{tmdb_id}.")
        return Fetched(copy.deepcopy(self.films[tmdb_id]), self.fetched_at)

    def poster(self, poster_path: str, /) -> Fetched[bytes]:
        with self.lock:
            self.asked[poster_path] += 1
        if poster_path not in self.posters:
            raise Rejected("http_404", f"TMDB has nothing at {poster_path}.")
        return Fetched(self.posters[poster_path], self.fetched_at)


def shelf(count: int = 20) -> Shelf:
    films = [make_film(index, 7) for index in range(count)]
    drawn = {one["poster_path"]: draw_poster(i, 7) for i, one in enumerate(films) if one["poster_path"]}
    return Shelf({one["id"]: one for one in films}, drawn)


def numbers(count: int = 20) -> list[int]:
    return [FIRST_ID + index for index in range(count)]


def take_in(lake: Lake, tmdb: Shelf, ids: Iterable[int], **params: Any) -> dict[str, tuple[int, ...]]:
    journal = Journal(lake.store, Run())
    ingest(journal, tmdb, ids, TmdbParams(**params))
    for step in journal.steps:
        step.balance()
    missing_ones = [row for row in lake.rows(rejects.TABLE) if row["is_open"] and row["reason"] == "not_found"]
    assert sum(step.absent for step in journal.steps) == len(missing_ones)
    return {s.step: (s.rows_in, s.new, s.unchanged, s.rejected, s.duplicates) for s in journal.steps}


def versions(lake: Lake) -> dict[str, int]:
    return {table.name: lake.store.snapshot(table).version for table in TABLES}


@pytest.mark.parametrize("chunk_rows", [3, 500])
def test_films_and_posters_come_in_and_a_second_night_commits_and_fetches_nothing(lake: Lake, chunk_rows: int) -> None:
    tmdb = shelf()
    counts = take_in(lake, tmdb, numbers(), chunk_rows=chunk_rows)
    assert counts == {"tmdb images": (19, 19, 0, 0, 0), "tmdb rows": (20, 20, 0, 0, 0)}
    held, before = {row["tmdb_id"]: row for row in lake.rows(movies.TABLE)}, versions(lake)
    pictures = {row["image_id"] for row in lake.rows(images.TABLE)}
    assert {row["poster_image_id"] for row in held.values()} == pictures | {None}
    assert held[FIRST_ID + 9]["poster_image_id"] is None
    sources = lake.rows(image_sources.TABLE)
    assert all(row["expires_at"] == DAY + timedelta(days=180) and not row["allow_training"] for row in sources)
    assert lake.open_rejects().keys() == {(str(FIRST_ID + 5), "no_cast"), (str(FIRST_ID + 5), "no_crew")}

    tmdb.asked.clear()
    counts = take_in(lake, tmdb, numbers(), chunk_rows=chunk_rows)
    assert counts == {"tmdb images": (19, 0, 19, 0, 0), "tmdb rows": (20, 0, 20, 0, 0)}
    assert versions(lake) == before
    assert not any(path in tmdb.asked for path in tmdb.posters)


def test_what_chunks_are_does_not_change_what_is_held(lake: Lake, tmp_path: Path) -> None:
    other = Lake(Store(str(tmp_path / "other")))
    take_in(lake, shelf(), numbers(), chunk_rows=4, fetch_count=1)
    take_in(other, shelf(), reversed(numbers()), chunk_rows=7, fetch_count=8)
    for table in (movies.TABLE, image_sources.TABLE):
        assert digest(table, lake.store.snapshot(table).read()) == digest(table, other.store.snapshot(table).read())


def test_a_film_that_is_not_there_and_a_bad_one_cost_only_themselves(lake: Lake) -> None:
    tmdb = shelf(20)
    tmdb.films[FIRST_ID + 1] |= {"revenue": -1}
    tmdb.films[FIRST_ID + 2] |= {"id": FIRST_ID + 3}
    del tmdb.posters[tmdb.films[FIRST_ID + 3]["poster_path"]]
    tmdb.posters[tmdb.films[FIRST_ID + 4]["poster_path"]] = b"<html>"
    ids = [*numbers(), 999_999_999, FIRST_ID, FIRST_ID]
    counts = take_in(lake, tmdb, ids)
    assert counts == {"tmdb images": (17, 15, 0, 2, 0), "tmdb rows": (23, 18, 0, 3, 2)}
    found = lake.open_rejects()
    assert {
        ("999999999", "not_found"),
        (str(FIRST_ID + 1), "bad_revenue"),
        (str(FIRST_ID + 2), "wrong_film"),
        (f"movie/{FIRST_ID + 3}/poster", "not_found"),
    } <= found.keys()
    held = {row["tmdb_id"]: row["poster_image_id"] for row in lake.rows(movies.TABLE)}
    assert held[FIRST_ID + 3] is None
    assert held[FIRST_ID + 4] is None
    before = versions(lake)
    take_in(lake, tmdb, ids)
    assert versions(lake) == before


def test_other_films_tonight_leave_the_rejects_of_last_night_open(lake: Lake) -> None:
    take_in(lake, shelf(), numbers())
    before = lake.open_rejects()
    take_in(lake, shelf(), numbers(3))
    assert lake.open_rejects() == before
    mended = shelf()
    mended.films[FIRST_ID + 5] |= {"credits": mended.films[FIRST_ID]["credits"]}
    take_in(lake, mended, [FIRST_ID + 5])
    assert lake.open_rejects() == {}


@pytest.mark.parametrize("away_after", [0, 1, 7, 19])
def test_what_was_fetched_before_tmdb_went_away_is_kept(lake: Lake, away_after: int) -> None:
    tmdb = shelf()
    tmdb.away_after = away_after
    with pytest.raises(CannotRun, match="does not answer"):
        take_in(lake, tmdb, numbers(), chunk_rows=5)
    assert {row["tmdb_id"] for row in lake.rows(movies.TABLE)} == set(numbers(away_after))
    held = {row["image_id"] for row in lake.rows(images.TABLE)}
    assert {row["poster_image_id"] for row in lake.rows(movies.TABLE)} <= held | {None}
    tmdb.away_after = 10**9
    take_in(lake, tmdb, numbers(), chunk_rows=5)
    assert sum(row["poster_image_id"] is not None for row in lake.rows(movies.TABLE)) == 19


def test_a_failure_does_not_take_known_posters_away(lake: Lake) -> None:
    tmdb = shelf()
    take_in(lake, tmdb, numbers())
    before = lake.rows(movies.TABLE)
    tmdb.away_after = 12
    with pytest.raises(CannotRun):
        take_in(lake, tmdb, numbers(), chunk_rows=5)
    by_id: Callable[[Any], Any] = lambda row: row["tmdb_id"]  # noqa: E731
    assert sorted(lake.rows(movies.TABLE), key=by_id) == sorted(before, key=by_id)


def test_a_new_answer_renews_the_row_and_a_new_path_the_poster(lake: Lake) -> None:
    tmdb = shelf(2)
    take_in(lake, tmdb, numbers(2))
    tmdb.fetched_at = DAY + timedelta(days=40)
    tmdb.films[FIRST_ID] |= {"poster_path": "/other.jpg"}
    tmdb.posters["/other.jpg"] = draw_poster(99, 7)
    counts = take_in(lake, tmdb, numbers(2))
    assert counts == {"tmdb images": (2, 1, 1, 0, 0), "tmdb rows": (2, 2, 0, 0, 0)}
    held = {row["tmdb_id"]: row for row in lake.rows(movies.TABLE)}
    assert held[FIRST_ID + 1]["expires_at"] == DAY + timedelta(days=220)
    stamps = {row["key"]: row["stamp"] for row in lake.rows(image_sources.TABLE)}
    assert stamps[f"movie/{FIRST_ID}/poster"] == "/other.jpg"


def test_the_client_is_asked_over_the_network_and_its_cache_the_second_time(lake: Lake, tmp_path: Path) -> None:
    folder = sample.write_tmdb(tmp_path / "tmdb")
    with replay.serve(folder) as server, connect(server.url) as web:
        client = Tmdb(lake.store.objects, web, SecretStr("sample"), server.url)
        counts, asked = [], []
        for _ in range(2):
            journal = Journal(lake.store, Run())
            ingest(journal, client, [*numbers(), sample_tmdb.MISSING_ID], TmdbParams())
            counts.append([(step.rows_in, step.new, step.unchanged, step.rejected) for step in journal.steps])
            asked.append(server.count)
        assert counts == [[(19, 19, 0, 0), (21, 20, 0, 1)], [(19, 0, 19, 0), (21, 0, 20, 1)]]
        assert asked[0] == asked[1]
    assert (str(sample_tmdb.MISSING_ID), "not_found") in lake.open_rejects()


def test_many_bad_answers_cost_only_themselves(lake: Lake) -> None:
    tmdb = shelf()
    for number in numbers(6):
        tmdb.films[number] |= {"title": None}
    assert take_in(lake, tmdb, numbers())["tmdb rows"] == (20, 14, 0, 6, 0)
    assert len(lake.rows(movies.TABLE)) == 14


def test_few_requests_are_under_way_at_once(lake: Lake) -> None:
    class Watched(Shelf):
        now, most = 0, 0

        def movie(self, tmdb_id: int, /) -> Fetched[dict[str, Any]]:
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            try:
                return super().movie(tmdb_id)
            finally:
                with self.lock:
                    self.now -= 1

    plain = shelf()
    tmdb = Watched(plain.films, plain.posters)
    take_in(lake, tmdb, numbers(), fetch_count=3)
    assert 1 <= tmdb.most <= 3
    tmdb.away_after = 4
    tmdb.asked.clear()
    with pytest.raises(CannotRun):
        take_in(lake, tmdb, numbers(), fetch_count=2)
    assert len(tmdb.asked) <= 4 + 1 + 2 * 2


# Titles


def candidate(number: int, title: str, day: str = "1993-09-27", **more: Any) -> dict[str, Any]:
    return {"id": number, "title": title, "original_title": title, "release_date": day, "vote_count": 1} | more


@pytest.mark.parametrize(
    ("title", "year", "candidates", "found"),
    [
        ("Hero", 1993, [candidate(1, "Hero")], Match(1, "exact")),
        ("  hERO ", 1993, [candidate(1, "Hero")], Match(1, "exact")),
        ("Hero", None, [candidate(1, "Hero")], Match(1, "exact")),
        ("Hero", 1993, [candidate(1, "Hero", "2002-01-01"), candidate(2, "Hero")], Match(2, "exact")),
        ("Hero", None, [candidate(1, "Hero"), candidate(2, "Hero", vote_count=9)], Match(2, "ambiguous")),
        ("Hero", 1993, [candidate(2, "Hero"), candidate(1, "Hero")], Match(1, "ambiguous")),
        ("Hero", 1994, [candidate(1, "Hero")], Match(1, "ambiguous")),
        ("Hero", 1994, [candidate(1, "Hero", "")], Match(1, "ambiguous")),
        ("Hero", 1996, [candidate(1, "Hero")], Match(None, "none")),
        ("Hero", 1993, [candidate(1, "Heroes"), candidate(2, "A Hero")], Match(None, "none")),
        ("Hero", 1993, [], Match(None, "none")),
        ("", 1993, [candidate(1, "")], Match(None, "none")),
        ("Hero", 1993, [{}, {"id": None, "title": "Hero"}, {"id": 5, "title": ["Hero"]}], Match(None, "none")),
    ],
)
def test_a_title_leads_to_a_film(title: str, year: int | None, candidates: list[Any], found: Match) -> None:
    assert match(title, year, candidates) == found
    assert match(title, year, candidates[::-1]) == found


def test_another_original_title_warns() -> None:
    found = match("Hero", 1993, [candidate(1, "Hero", original_title="Ying xiong")])
    assert (found.tmdb_id, found.quality) == (1, "exact")
    assert found.warning
    assert "Ying xiong" in found.warning
    assert match("Ying xiong", 1993, [candidate(1, "Hero", original_title="Ying xiong")]).tmdb_id == 1


def test_a_title_that_no_film_has_is_a_reject_of_that_text() -> None:
    assert missing("Hero").detail == "Movie 'Hero' was not found :("


# Real answers


@pytest.fixture(scope="module")
def eighteen(real_data: Path) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = json.loads((real_data / "tmdb" / "movies_with_credits_18.json").read_text())
    return answers


def test_real_films_have_the_representation_that_their_credits_tell(eighteen: list[dict[str, Any]]) -> None:
    rows = {answer["id"]: film(answer, DAY) for answer in eighteen}
    assert len(rows) == 18
    for answer in eighteen:
        row = rows[answer["id"]].row
        for part in ("cast", "crew"):
            women = Counter(person["gender"] for person in answer["credits"][part])[1]
            expected = women / len(answer["credits"][part]) * 100
            assert row[f"{part}_female_representation"] == pytest.approx(expected)
            assert row[f"{part}_count"] == len(answer["credits"][part])
        shape = training_shape(row)
        year, month, day = answer["release_date"].split("-")
        assert (shape["release_date"], shape["year"]) == (f"{day}/{month}/{year}", int(year))
        assert shape["genres"] == [genre["name"] for genre in answer["genres"]]
        assert not rows[answer["id"]].remarks


def test_real_films_come_in(eighteen: list[dict[str, Any]], lake: Lake) -> None:
    tmdb = Shelf({answer["id"]: answer for answer in eighteen})
    counts = take_in(lake, tmdb, list(tmdb.films))
    assert counts == {"tmdb images": (18, 0, 0, 18, 0), "tmdb rows": (18, 18, 0, 0, 0)}  # no posters here
    assert {reason for _, reason in lake.open_rejects()} == {"not_found"}


def test_recorded_answers_without_credits_are_rows_with_remarks(real_data: Path) -> None:
    found = []
    for path in sorted((real_data / "tmdb" / "recorded").glob("*_GET_3_movie_[0-9]*.json")):
        body = json.loads(path.read_text())["Response"].get("BodyAsJson")
        if isinstance(body, dict) and "release_date" in body:
            found.append(film(body, DAY))
    assert len(found) == 4
    assert all({"no_cast", "no_crew"} == {remark.reason for remark in made.remarks} for made in found)
    assert {genre for made in found for genre in made.row["genres"]} <= set(GENRES.values())


def test_recorded_searches_have_rows_too(real_data: Path) -> None:
    count = 0
    for path in sorted((real_data / "tmdb" / "recorded").glob("*_GET_3_search_movie_*.json")):
        for result in json.loads(path.read_text())["Response"]["BodyAsJson"]["results"]:
            assert film(result, DAY).row["genres"] is not None
            count += 1
    assert count > 20
