"""Bechdel lists: cleaning, replacing, recognising; and the real ones, whose counts are known."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shop import Lake

from pipelines.ingest import movies, sample
from pipelines.ingest.bechdel import kaggle, lists, ratings
from pipelines.ingest.bechdel.records import read_csv, read_json
from pipelines.ingest.bechdel.source import BechdelParams, ingest
from pipelines.ingest.sample.bechdel import HEADER
from pipelines.ingest.sample.films import FIRST_ID
from pipelines.lake import rejects
from pipelines.lake.errors import CannotRun, ContractBroken, Rejected
from pipelines.lake.recipe import Run
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store

BT_PASS = {0: 0, 1: 0, 2: 1, 3: 1}
TABLES = (movies.TABLE, ratings.TABLE, rejects.TABLE)
Rows = list[dict[str, str]]


def film(number: int, **changed: object) -> dict[str, str]:
    """Return a row of the Kaggle table, good but for what is changed."""
    values: dict[str, object] = {
        "": number, "title": f"Film {number}", "year": 1993, "bt_score": 3, "dubious": 0, "imdbid": number,
        "tmdbId": float(number), "genres": "['Drama', 'Crime']", "popularity": 1.5, "production_companies": "[]",
        "production_countries": "['France']", "release_date": "27/09/1993", "revenue": 666, "vote_average": 7.1,
        "vote_count": 10.0, "cast": "[{'gender': 1}]", "crew": "[]", "budget": 9001, "cast_gender": "[1, 2]",
        "crew_gender": "[2]", "cast_female_representation": 50.0, "crew_female_representation": 0.0,
    }  # fmt: skip
    return {name: str(value) for name, value in (values | changed).items()}


def table(path: Path, rows: Rows) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADER, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"": str(place)} for place, row in enumerate(rows))
    return path


def take_in(lake: Lake, path: Path, **params: Any) -> dict[str, tuple[int, ...]]:
    journal = Journal(lake.store, Run())
    ingest(journal, path, BechdelParams(**params))
    for step in journal.steps:
        step.balance()
        assert step.status == "done"
    return {s.step: (s.rows_in, s.new, s.unchanged, s.rejected, s.duplicates) for s in journal.steps}


def versions(lake: Lake) -> dict[str, int]:
    return {one.name: lake.store.snapshot(one).version for one in TABLES}


def test_a8_seven_duplicates_and_the_pair_become_one_row_each(lake: Lake, tmp_path: Path) -> None:
    rows = [film(number) for number in range(1, 21)]
    pair = [film(2180411, dubious=0, bt_score=1), film(2180411, dubious=1, bt_score=3)]
    path = table(tmp_path / "movies.csv", [*rows, *pair, *rows[:7]])
    assert take_in(lake, path) == {"bechdel rows": (29, 21, 0, 0, 8)}
    held = {row["imdb_id"]: row for row in lake.rows(ratings.TABLE)}
    assert len(held) == 21
    assert (held["tt2180411"]["is_dubious"], held["tt2180411"]["rating"]) == (True, 3)
    assert {row["source"] for row in lake.rows(movies.TABLE)} == {"bechdel"}
    assert all(row["allow_training"] for row in lake.rows(movies.TABLE))


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_rows_does_not_matter(tmp_path: Path, seed: int) -> None:
    rows = [film(1), film(2), film(2), film(3, dubious=1, bt_score=0), film(3, dubious=0), film(4, bt_score=1)]
    shuffled = Random(seed).sample(rows, len(rows))
    lakes = [Lake(Store(str(tmp_path / name))) for name in ("a", "b")]
    for one, order in zip(lakes, (rows, shuffled), strict=True):
        take_in(one, table(tmp_path / "movies.csv", order))
    for one in (movies.TABLE, ratings.TABLE):
        first, second = (digest(one, held.store.snapshot(one).read()) for held in lakes)
        assert first == second


@pytest.mark.parametrize(
    "rows",
    [
        [film(5, bt_score=0), film(5, bt_score=1)],  # neither in doubt
        [film(5, dubious=1, bt_score=0), film(5, dubious=1, bt_score=1)],  # both
        [film(5, dubious="", bt_score=0), film(5, dubious="", bt_score=1)],  # nobody says
        [film(5), film(5, dubious=1), film(5, dubious=1, title="Another")],
    ],
)
def test_rows_that_contradict_each_other_without_a_rule_are_rejects(lake: Lake, tmp_path: Path, rows: Rows) -> None:
    path = table(tmp_path / "movies.csv", [film(1), *rows])
    assert take_in(lake, path, max_defect_share=1) == {"bechdel rows": (1 + len(rows), 1, 0, len(rows), 0)}
    assert {reason for _, reason in lake.open_rejects()} == {"conflicting_rows"}
    assert len(lake.open_rejects()) == len(rows)
    assert ("tt0000005", "conflicting_rows") in lake.open_rejects()
    assert len(lake.rows(movies.TABLE)) == len(lake.rows(ratings.TABLE)) == 1


def test_a_list_replaces_what_it_said_before_and_no_other(lake: Lake, tmp_path: Path) -> None:
    sample.write_bechdel(tmp_path / "both")
    take_in(lake, tmp_path / "both")
    of_others = [row for row in lake.rows(ratings.TABLE) if row["source"] != "bechdel"]
    path = table(tmp_path / "movies.csv", [film(1), film(2), film(3)])
    assert take_in(lake, path) == {"bechdel rows": (3, 3, 0, 0, 0)}
    assert {row["movie_key"] for row in lake.rows(movies.TABLE)} == {"tt0000001", "tt0000002", "tt0000003"}
    held = lake.rows(ratings.TABLE)
    assert [row for row in held if row["source"] != "bechdel"] == of_others
    assert take_in(lake, table(path, [film(1), film(3, bt_score=1)])) == {"bechdel rows": (2, 1, 1, 0, 0)}
    assert {row["movie_key"] for row in lake.rows(movies.TABLE)} == {"tt0000001", "tt0000003"}


def test_invented_lists_stand_beside_the_real_ones(lake: Lake, tmp_path: Path) -> None:
    take_in(lake, table(tmp_path / "movies.csv", [film(1)]))
    journal = Journal(lake.store, Run())
    ingest(journal, sample.write_bechdel(tmp_path / "sample"), BechdelParams(), prefix="sample_")
    assert [step.step for step in journal.steps] == ["sample_bechdeltest rows", "sample_bechdel rows"]
    assert {row["source"] for row in lake.rows(movies.TABLE)} == {"bechdel", "sample_bechdel"}


def test_the_same_file_again_commits_nothing(lake: Lake, tmp_path: Path) -> None:
    folder = sample.write_bechdel(tmp_path / "sample")
    first = take_in(lake, folder)
    before = versions(lake)
    again = take_in(lake, folder)
    assert versions(lake) == before
    expected = {step: (rows, 0, new, bad, same) for step, (rows, new, _, bad, same) in first.items()}
    assert again == expected


@pytest.mark.parametrize(("score", "passes"), BT_PASS.items())
def test_h1_a_film_passes_from_two_on(lake: Lake, tmp_path: Path, score: int, passes: int) -> None:
    take_in(lake, table(tmp_path / "movies.csv", [film(1, bt_score=score)]))
    assert lake.rows(ratings.TABLE)[0]["is_pass"] == bool(passes)


def test_pandas_ways_of_writing_numbers_are_read(lake: Lake, tmp_path: Path) -> None:
    odd = film(1, year="1993.0", bt_score="2.0", dubious="", imdbid="2180411.0", tmdbId="", budget="1e6", revenue="")
    take_in(lake, table(tmp_path / "movies.csv", [odd]))
    (row,), (rated,) = lake.rows(movies.TABLE), lake.rows(ratings.TABLE)
    assert (row["year"], row["movie_key"], row["tmdb_id"], row["budget"]) == (1993, "tt2180411", None, 1_000_000)
    assert (rated["rating"], rated["is_dubious"], row["revenue"]) == (2, None, None)


def test_what_a_film_lacks_is_empty_and_said(lake: Lake, tmp_path: Path) -> None:
    rows = [
        film(1, cast_gender="[]", cast_female_representation=""),
        film(2, release_date=""),
        film(3, release_date="30/02/1993"),
        film(4, release_date="1993-09-27"),
        film(5, cast_female_representation=""),  # told by the genders all the same
    ]
    counts = take_in(lake, table(tmp_path / "movies.csv", rows), max_defect_share=0)
    assert counts == {"bechdel rows": (5, 5, 0, 0, 0)}
    assert lake.open_rejects().keys() == {
        ("tt0000001", "no_cast"),
        ("tt0000002", "no_release_date"),
        ("tt0000003", "bad_release_date"),
        ("tt0000004", "bad_release_date"),
    }
    held = {row["movie_key"]: row for row in lake.rows(movies.TABLE)}
    assert held["tt0000001"]["cast_female_representation"] is None
    assert held["tt0000004"]["release_date"] is None
    assert held["tt0000004"]["year"] == 1993
    assert held["tt0000005"]["cast_female_representation"] == 50.0


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("['Drama', 'Comedy']", ["Drama", "Comedy"]),
        ('["Drama", "Comedy"]', ["Drama", "Comedy"]),
        ("['TV Movie']", ["TV Movie"]),
        ("Drama,Comedy", ["Drama", "Comedy"]),
        ("Drama|Comedy", ["Drama", "Comedy"]),
        ("Tessera, Inc.|Comedy", ["Tessera, Inc.", "Comedy"]),
        ("Drama", ["Drama"]),
        ("[]", []),
        ("[ ]", []),
        ("", []),
        (repr(["Ocean's", 'a "b"', "c'd\"e"]), ["Ocean's", 'a "b"', "c'd\"e"]),
        (repr(["f\\g", "h, i", "[j]"]), ["f\\g", "h, i", "[j]"]),
        (json.dumps(["caf\u00e9", "\u4e2d"]), ["caf\u00e9", "\u4e2d"]),
    ],
)  # fmt: skip
def test_lists_are_read_however_they_are_written(written: str, read: list[str]) -> None:
    assert kaggle.names(written) == read


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",))), max_size=5))
def test_a_list_that_python_wrote_is_read_as_it_was(texts: list[str]) -> None:
    assert kaggle.names(repr(texts)) == texts


@given(st.text(max_size=40))
def test_no_text_is_run(text: str) -> None:
    try:
        found = kaggle.names(text)
    except Rejected:
        return
    assert all(isinstance(one, str) for one in found)


@pytest.mark.parametrize("written", ["['a'", "['a' 'b']", "['a',, 'b']", "[__import__('os')]", "[1]", "['a'] + ['b']"])
def test_what_is_no_list_is_rejected(written: str) -> None:
    with pytest.raises(Rejected):
        kaggle.names(written)


FIELD = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"), max_size=12)


@given(st.lists(st.tuples(FIELD, FIELD, FIELD), max_size=8))
def test_any_table_that_csv_writes_is_read_as_it_was(rows: list[tuple[str, str, str]]) -> None:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *rows])
    found = list(read_csv(io.BytesIO(file.getvalue().encode())))
    assert [tuple(record.fields.values()) for record in found] == rows
    assert not any(record.damage for record in found)


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers(-(10**18), 10**18) | st.text(max_size=9)), max_size=9))
def test_any_list_that_json_writes_is_read_as_it_was(objects: list[dict[str, Any]]) -> None:
    for indent in (None, 2):
        found = list(read_json(io.BytesIO(json.dumps(objects, indent=indent).encode())))
        assert [record.fields for record in found] == objects


class Drops(io.BytesIO):
    """A file that gives back a few bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 1, 7))


def test_where_the_buffer_ends_does_not_matter() -> None:
    objects = [{"title": "caf\u00e9 " * number, "id": number} for number in range(60)]
    found = list(read_json(Drops(json.dumps(objects, ensure_ascii=False).encode())))
    assert [record.fields for record in found] == objects


def test_the_sample_is_like_the_published_table(lake: Lake, tmp_path: Path) -> None:
    folder = sample.write_bechdel(tmp_path / "sample", 60)
    with (folder / "movies.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == HEADER
    assert rows[0][1:] == list(kaggle.COLUMNS)
    counts = take_in(lake, folder)
    assert counts == {"bechdel rows": (68, 60, 0, 0, 8), "bechdeltest rows": (30, 30, 0, 0, 0)}
    reasons = Counter(reason for _, reason in lake.open_rejects())
    assert reasons == {"no_cast": 3, "no_crew": 3, "no_release_date": 3, "bad_release_date": 3}
    held = lake.rows(movies.TABLE)
    assert {row["tmdb_id"] for row in held} == {FIRST_ID + index for index in range(60)}
    titles = [row["title"] for row in lake.rows(ratings.TABLE) if row["source"] == "bechdeltest"]
    assert any(" & " in title for title in titles)
    assert {row["rating"] for row in lake.rows(ratings.TABLE)} == {0, 1, 2, 3}


def test_the_sample_never_varies(tmp_path: Path) -> None:
    first, second = (sample.write_bechdel(tmp_path / name, 30) for name in ("a", "b"))
    assert [path.read_bytes() for path in sorted(first.iterdir())] == [
        path.read_bytes() for path in sorted(second.iterdir())
    ]


def test_a_file_is_known_by_what_is_in_it(lake: Lake, tmp_path: Path) -> None:
    path = table(tmp_path / "something.csv", [film(1)])
    assert take_in(lake, path) == {"bechdel rows": (1, 1, 0, 0, 0)}
    (tmp_path / "movies.csv").write_text("year,id,imdb_id,title,rating\n1888,8040,392728.0,Garden,0\n")
    (tmp_path / "oscar.csv").write_text("year_film,year_ceremony,category,name,film,winner\n")
    assert take_in(lake, tmp_path).keys() == {"bechdel rows", "bechdeltest_2021 rows"}


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "[]", '[{"id": 1}]', "{}", "[" * 100_000, "\x89PNG"])
def test_a_file_that_is_no_list_says_which_are_known(lake: Lake, tmp_path: Path, text: str) -> None:
    path = tmp_path / "movies.csv"
    path.write_text(text)
    with pytest.raises(ContractBroken, match="getAllMovies"):
        take_in(lake, path)
    with pytest.raises(ContractBroken, match="FiveThirtyEight"):
        take_in(lake, tmp_path)


def test_two_copies_of_one_list_are_one_too_many(lake: Lake, tmp_path: Path) -> None:
    table(tmp_path / "a.csv", [film(1)])
    table(tmp_path / "b.csv", [film(2)])
    with pytest.raises(ContractBroken, match="Keep one"):
        take_in(lake, tmp_path)


def test_what_is_not_there_cannot_be_read(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="there is no file"):
        take_in(lake, tmp_path / "nowhere")


def test_links_in_a_folder_are_not_followed(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "movies.csv").symlink_to(table(tmp_path / "a.csv", [film(1)]))
    with pytest.raises(ContractBroken, match="no list that is known"):
        take_in(lake, tmp_path / "lists")


def test_many_defects_leave_the_list_as_it_was(lake: Lake, tmp_path: Path) -> None:
    path = table(tmp_path / "movies.csv", [film(number) for number in range(1, 11)])
    take_in(lake, path)
    before = lake.rows(movies.TABLE)
    table(path, [film(number, bt_score=4 if number < 5 else 1) for number in range(1, 11)])
    with pytest.raises(ContractBroken, match="4 of 10 items are defects"):
        take_in(lake, path)
    assert lake.rows(movies.TABLE) == before
    assert {reason for _, reason in lake.open_rejects()} == {"bad_rating"}


def test_is_pass_that_contradicts_the_rating_breaks_a_rule() -> None:
    (rule,) = ratings.TABLE.expectations
    rows = pa.table({"rating": [0, 1, 2, 3, 3], "is_pass": [False, False, True, True, False]})
    connection = duckdb.connect()
    connection.register("bechdel_ratings", rows)
    assert len(connection.sql(rule.violations).fetchall()) == 1


# The real lists


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> tuple[Lake, dict[str, tuple[int, ...]]]:
    lake = Lake(Store(str(tmp_path_factory.mktemp("real") / "lake")))
    return lake, take_in(lake, real_data / "bechdel", max_defect_share=0)


def of_source(real: tuple[Lake, Any], source: str) -> list[dict[str, Any]]:
    return [row for row in real[0].rows(ratings.TABLE) if row["source"] == source]


def test_every_real_row_comes_in(real: tuple[Lake, dict[str, tuple[int, ...]]]) -> None:
    assert real[1] == {
        "bechdeltest rows": (10_408, 10_408, 0, 0, 0),
        "bechdeltest_2021 rows": (8_839, 8_839, 0, 0, 0),
        "fivethirtyeight rows": (1_794, 1_794, 0, 0, 0),
    }
    assert real[0].open_rejects() == {}


def test_the_real_json_is_what_it_is(real: tuple[Lake, Any]) -> None:
    rows = of_source(real, "bechdeltest")
    assert Counter(row["rating"] for row in rows) == {3: 5_950, 2: 1_070, 1: 2_246, 0: 1_142}
    assert (min(row["year"] for row in rows), max(row["year"] for row in rows)) == (1874, 2024)
    films = Counter(row["imdb_id"] for row in rows)
    assert films[None] == 2
    # As they are written 5 ids stand there twice; in one form 4 more do, written with other zeros before them.
    assert sum(count - 1 for key, count in films.items() if key) == 9
    assert "L'homme machine" in {row["title"] for row in rows}
    assert not any("&#" in row["title"] or "&amp;" in row["title"] for row in rows)
    assert not any(row["allow_training"] for row in rows)


def test_the_real_csv_is_what_it_is(real: tuple[Lake, Any]) -> None:
    rows = of_source(real, "bechdeltest_2021")
    assert Counter(row["rating"] for row in rows) == {3: 5_109, 2: 896, 1: 1_940, 0: 894}
    assert sum(row["imdb_id"] is None for row in rows) == 4
    assert "The Execution of Mary, Queen of Scots" in {row["title"] for row in rows}
    assert not any(row["allow_training"] for row in rows)


def test_the_real_steps_are_what_they_are(real: tuple[Lake, Any]) -> None:
    rows = of_source(real, "fivethirtyeight")
    assert Counter(row["rating"] for row in rows) == {3: 803 + 142, 2: 194, 1: 514, 0: 141}
    assert sum(row["is_dubious"] for row in rows) == 142
    assert all(row["allow_training"] and "CC BY 4.0" in row["attribution"] for row in rows)


def test_the_real_lists_agree_as_documented(real: tuple[Lake, Any]) -> None:
    told = {row["imdb_id"]: row["rating"] for row in reversed(of_source(real, "bechdeltest"))}
    both = [row for row in of_source(real, "fivethirtyeight") if row["imdb_id"] in told]
    agree = sum(told[row["imdb_id"]] == row["rating"] for row in both)
    assert (len(both), agree) == (1_793, 1_712)
    assert "1,712 of the 1,793" in " ".join((lists.__doc__ or "").split())
    dubious = [told[row["imdb_id"]] for row in both if row["is_dubious"]]
    assert Counter(dubious) == {3: 141, 1: 1}


def test_the_same_real_lists_again_commit_nothing(real: tuple[Lake, Any], real_data: Path) -> None:
    before = versions(real[0])
    counts = take_in(real[0], real_data / "bechdel")
    assert {step: found[1:3] for step, found in counts.items()} == {
        "bechdeltest rows": (0, 10_408),
        "bechdeltest_2021 rows": (0, 8_839),
        "fivethirtyeight rows": (0, 1_794),
    }
    assert versions(real[0]) == before
