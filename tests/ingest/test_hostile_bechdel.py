"""Bechdel lists made to hurt: a bad row costs itself only, a broken file changes nothing, nothing is ever run."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shop import Lake

from pipelines.ingest import movies
from pipelines.ingest.bechdel import kaggle, ratings
from pipelines.ingest.bechdel.records import RECORD_BYTES, read_csv, read_json
from pipelines.ingest.bechdel.source import BechdelParams, ingest
from pipelines.lake import rejects
from pipelines.lake.errors import ContractBroken
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store

STEADY = settings(deadline=None)
HEADER = ("", *kaggle.COLUMNS)
GOOD = {
    "": "0", "title": "A Film", "year": "1993", "bt_score": "3", "dubious": "0", "imdbid": "ID", "tmdbId": "7.0",
    "genres": "['Drama']", "popularity": "1.5", "production_companies": "[]", "production_countries": "[]",
    "release_date": "27/09/1993", "revenue": "666", "vote_average": "7.1", "vote_count": "10", "cast": "[]",
    "crew": "[]", "budget": "9001", "cast_gender": "[1, 2]", "crew_gender": "[2]",
    "cast_female_representation": "50.0", "crew_female_representation": "0.0",
}  # fmt: skip
OBJECT = {"id": 1, "imdbid": "1", "title": "A Film", "year": 1993, "rating": 3}
ARABIC = "\u0663"


@dataclass(frozen=True)
class Case:
    """What stands between good rows: a row's bytes, or a whole file; and what comes of it."""

    name: str
    data: bytes
    outcome: str  # a reject's reason, what is kept, or a word of the sentence that refuses the file

    def __str__(self) -> str:
        return self.name


def row(**changed: str) -> bytes:
    """Return a row of the Kaggle table; its id is 500 unless changed."""
    return line(GOOD | {"imdbid": "500"} | changed)


def line(values: dict[str, str]) -> bytes:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow([values[name] for name in HEADER])
    return file.getvalue().removesuffix("\n").encode(errors="surrogatepass")


def good(number: int) -> bytes:
    return line(GOOD | {"imdbid": str(number)})


def table(*rows: bytes) -> bytes:
    return b"\n".join([",".join(HEADER).encode(), *rows, b""])


def item(**changed: Any) -> bytes:
    return json.dumps(OBJECT | {"id": 500} | changed).encode()


def listed(*items: bytes) -> bytes:
    return b"[" + b",".join(items) + b"]"


GOOD_ITEMS = (json.dumps(OBJECT).encode(), json.dumps(OBJECT | {"id": 2}).encode())
WHOLE = table(good(1), good(2), good(3))
WHOLE_JSON = listed(*GOOD_ITEMS, item())

CASES: dict[str, list[Case]] = {
    "numbers that are none": [
        Case("a score of 4", row(bt_score="4"), "bad_rating"),
        Case("a score of -1", row(bt_score="-1"), "bad_rating"),
        Case("a score of 2.5", row(bt_score="2.5"), "bad_rating"),
        Case("no score", row(bt_score=""), "bad_rating"),
        Case("a score that is NaN", row(bt_score="NaN"), "bad_rating"),
        Case("an Arabic score", row(bt_score=ARABIC), "bad_number"),
        Case("an infinite score", row(bt_score="inf"), "bad_number"),
        Case("a score of 1e999", row(bt_score="1e999"), "bad_rating"),
        Case("a hexadecimal score", row(bt_score="0x3"), "bad_number"),
        Case("a score with an underscore", row(bt_score="1_0"), "bad_number"),
        Case("a spaced score", row(bt_score=" 3"), "bad_number"),
        Case("a score of 5,000 digits", row(bt_score="3" * 5000), "bad_number"),
        Case("takings below zero", row(revenue="-1"), "bad_revenue"),
        Case("takings of half a dollar", row(revenue="0.5"), "bad_revenue"),
        Case("takings without end", row(revenue="1e999"), "bad_revenue"),
        Case("takings of 30 digits", row(revenue="9" * 30), "bad_number"),
        Case("takings beyond 64 bits", row(revenue="9e18"), "bad_revenue"),
        Case("a cost of words", row(budget="much"), "bad_number"),
        Case("a vote of 10.1", row(vote_average="10.1"), "bad_vote_average"),
        Case("popularity without end", row(popularity="1e400"), "bad_popularity"),
        Case("a year of two digits", row(year="93"), "bad_year"),
        Case("a year of letters", row(year="l993"), "bad_number"),
        Case("no year", row(year=""), "bad_year"),
        Case("a share of 101", row(cast_female_representation="101"), "bad_cast_female_representation"),
        Case("a share below zero", row(crew_female_representation="-0.1"), "bad_crew_female_representation"),
        Case("a number of TMDB's below zero", row(tmdbId="-5"), "bad_tmdb_id"),
        Case("a truth of 2", row(dubious="2"), "bad_dubious"),
        Case("a truth of words", row(dubious="maybe"), "bad_dubious"),
    ],
    "ids that are none": [
        Case("no id", row(imdbid=""), "no_imdb_id"),
        Case("an id of zero", row(imdbid="0"), "bad_imdb_id"),
        Case("an id of letters", row(imdbid="abc"), "bad_imdb_id"),
        Case("an Arabic id", row(imdbid=ARABIC * 7), "bad_imdb_id"),
        Case("an id of 60,000 digits", row(imdbid="7" * 60_000), "bad_imdb_id"),
        Case("an id of a person", row(imdbid="nm0000246"), "bad_imdb_id"),
        Case("a path for an id", row(imdbid="../../etc/passwd"), "bad_imdb_id"),
    ],
    "lists that are none": [
        Case("code for genres", row(genres="__import__('os').system('true')] + ['"), "kept"),
        Case("a call in a list", row(genres="[__import__('os').getcwd()]"), "bad_list"),
        Case("a list within a list", row(genres="[['Drama']]"), "bad_list"),
        Case("numbers for genres", row(genres="[18, 80]"), "bad_list"),
        Case("a list cut short", row(genres="['Drama', 'Com"), "bad_list"),
        Case("a list a million deep", row(genres="[" * 10**6), "bad_list"),
        Case("a list of 501", row(genres=repr([str(number) for number in range(501)])), "bad_genres"),
        Case("a genre of 2,000 letters", row(genres=repr(["x" * 2000])), "text_too_long"),
        Case("an empty genre", row(genres="['']"), "no_genres"),
        Case("half a letter for a genre", row(genres="['\\ud800']"), "not_utf8"),
        Case("a zero byte for a genre", row(genres="['\\x00']"), "control_characters"),
        Case("a genre beyond all letters", row(genres="['\\UFFFFFFFF']"), "kept"),
        Case("genders of 4", row(cast_gender="[4]"), "bad_gender"),
        Case("genders of words", row(cast_gender="['f']"), "bad_gender"),
        Case("genders of code", row(crew_gender="[0 for _ in range(9**9)]"), "bad_gender"),
        Case("a million people", row(cast_gender="[" + "1," * 1_100_000 + "1]"), "bad_cast_count"),
    ],
    "texts that are none": [
        Case("no title", row(title=""), "no_title"),
        Case("a title of blanks", row(title="\u00a0 \u2003"), "no_title"),
        Case("a zero byte", row(title="A\x00Film"), "control_characters"),
        Case("a zero byte written as HTML", row(title="A&#x7;\x07Film"), "control_characters"),
        Case("a line end", row(title="A\nFilm"), "control_characters"),
        Case("an escape", row(title="\x1b[31mRed"), "control_characters"),
        Case("a title of 100,000 letters", row(title="x" * 100_000), "text_too_long"),
        Case("Latin-1", row(title="Caf\u00e9").replace("\u00e9".encode(), b"\xe9"), "not_utf8"),
        Case("bytes of nothing", row(title="A Film").replace(b"A Film", b"\xff\xfe\xc0"), "not_utf8"),
        Case("a surrogate", row(title="\ud800"), "not_utf8"),
    ],
    "texts that look odd": [
        Case("markup", row(title="<script>alert(1)</script>"), "<script>alert(1)</script>"),
        Case("markup written as HTML", row(title="&lt;b&gt;"), "<b>"),
        Case("a formula", row(title='=HYPERLINK("http://x")'), '=HYPERLINK("http://x")'),
        Case("another formula", row(title="@SUM(1+1)*cmd|' /C calc'!A0"), "@SUM(1+1)*cmd|' /C calc'!A0"),
        Case("SQL", row(title="'; DROP TABLE movies; --"), "'; DROP TABLE movies; --"),
        Case("a path", row(title="../../etc/passwd"), "../../etc/passwd"),
        Case("a format", row(title="{0.__class__} %s %n"), "{0.__class__} %s %n"),
        Case("other scripts", row(title="\u0936\u094d \U0001f3ac \u05d0"), "\u0936\u094d \U0001f3ac \u05d0"),
        Case("a null", row(title="NULL"), "NULL"),
        Case("a title that is a number", row(title="1e999"), "1e999"),
        Case("quotes and commas", row(title='"Hi", he said'), '"Hi", he said'),
    ],
    "rows that are none": [
        Case("one field", b"500", "wrong_field_count"),
        Case("a field too many", row() + b",", "wrong_field_count"),
        Case("a field too few", row().rpartition(b",")[0], "wrong_field_count"),
        Case("a million fields", b"," * 10**6, "wrong_field_count"),
        Case("a quote that is never closed", row().replace(b"A Film", b'"A Film'), "broken_quotes"),
        Case("a quote that ends early", row().replace(b"A Film", b'"A" Film'), "broken_quotes"),
        Case("a row of 5 MiB", row(cast="x" * (RECORD_BYTES + 1)), "record_too_long"),
        Case("a quote and 5 MiB", b'"' + b"x" * (RECORD_BYTES + 1), "record_too_long"),
        Case("the header again", ",".join(HEADER).encode(), "bad_imdb_id"),
        Case("an archive", b"PK\x03\x04\x14\x00", "wrong_field_count"),
    ],
    "objects that are none": [
        Case("a number", b"5", "not_an_object"),
        Case("a list", b"[[[]]]", "not_an_object"),
        Case("nothing", b"null", "not_an_object"),
        Case("an empty object", b"{}", "missing_key"),
        Case("a key that stands twice", b'{"id": 500, "id": 501}', "not_an_object"),
        Case("an id of text", item(id="500"), "bad_id"),
        Case("an id that is true", item(id=True), "bad_id"),
        Case("an id below zero", item(id=-1), "bad_id"),
        Case("an id of 5,000 digits", item().replace(b"500", b"5" * 5000), "bad_id"),
        Case("an id of 1e999", item().replace(b"500", b"1e999"), "bad_id"),
        Case("an id that is NaN", item().replace(b"500", b"NaN"), "bad_id"),
        Case("a title that is a list", item(title=["A"]), "bad_title"),
        Case("half a letter", item(title="\ud83d"), "not_utf8"),
        Case("no title", item(title=None), "bad_title"),
        Case("a rating of text", item(rating="3"), "bad_rating"),
        Case("a rating of 3.0", item(rating=3.0), "bad_rating"),
        Case("a rating of 4", item(rating=4), "bad_rating"),
        Case("a year that is infinite", item(year=float("inf")), "bad_year"),
        Case("an IMDb id of an object", item(imdbid={"a": 1}), "bad_imdb_id"),
        Case("an id that was taken", item(id=1, title="Another"), "conflicting_rows"),
    ],
    "files that are none": [
        Case("JSON a hundred thousand deep", listed(*GOOD_ITEMS, b"[" * 100_000), "nested too deep"),
        Case("objects a hundred thousand deep", listed(*GOOD_ITEMS, b'{"a":' * 100_000), "nested too deep"),
        Case("a comma at the end", listed(*GOOD_ITEMS, b""), "goes wrong"),
        Case("two commas", listed(GOOD_ITEMS[0], b"", GOOD_ITEMS[1]), "goes wrong"),
        Case("no comma", b"[" + b" ".join(GOOD_ITEMS) + b"]", "goes wrong"),
        Case("something behind the list", WHOLE_JSON + b" {}", "something follows"),
        Case("another list behind the list", WHOLE_JSON + WHOLE_JSON, "something follows"),
        Case("bytes that are no text", WHOLE_JSON[:-1] + b" " * 70_000 + b',"\xff"]', "not UTF-8"),
        Case("JSON in UTF-16", WHOLE_JSON.decode().encode("utf-16"), "no list that is known"),
        Case("a text without end", listed(*GOOD_ITEMS, b'"' + b"x" * (RECORD_BYTES + 10)), "goes wrong"),
        Case("no films", table(), "holds no film"),
        Case("a header and blanks", table(b"", b"   ", b""), "holds no film"),
        Case("a column twice", WHOLE.replace(b",title,", b",title,title,", 1), "names a column twice"),
        Case("a column too few", WHOLE.replace(b",bt_score,", b",bt,", 1), "no list that is known"),
        Case("a header of a million columns", b"a," * 10**6 + b"\n1", "no list that is known"),
        Case("a header that is never closed", b'"' + WHOLE, "no list that is known"),
        Case("line ends of old", WHOLE.replace(b"\n", b"\r"), "no list that is known"),
        Case("zero bytes", b"\x00" * 100_000, "no list that is known"),
        Case("only a byte order mark", b"\xef\xbb\xbf", "no list that is known"),
        Case("101 versions of a film", table(*(row(title=f"Film {i}") for i in range(101))), "more than 100 times"),
        Case("50,001 rows", table(*[b"x"] * 50_001), "more than 50000 rows"),
    ],
}
BAD_ROWS = ("numbers that are none", "ids that are none", "texts that are none", "rows that are none")
IN_TABLES = [case for name in (*BAD_ROWS, "lists that are none", "texts that look odd") for case in CASES[name]]


@dataclass(frozen=True)
class Outcome:
    lake: Lake
    counts: tuple[int, ...]
    rejects: dict[tuple[str, str], str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list"


def take_in(lake: Lake, path: Path) -> Outcome:
    journal = Journal(lake.store, Run())
    ingest(journal, path, BechdelParams(max_defect_share=1))
    (step,) = journal.steps
    step.balance()
    counts = (step.rows_in, step.new, step.unchanged, step.rejected, step.duplicates)
    reasons = {key: text for key, text in lake.open_rejects().items() if not key[1].startswith("no_c")}
    return Outcome(lake, counts, reasons)


def test_there_are_many_cases_of_many_kinds() -> None:
    assert len(CASES) >= 5
    assert sum(map(len, CASES.values())) >= 70
    names = [case.name for cases in CASES.values() for case in cases]
    assert len(names) - len(set(names)) <= 2


@pytest.mark.parametrize("case", IN_TABLES, ids=str)
def test_a_row_of_a_table_costs_itself_only(lake: Lake, path: Path, case: Case) -> None:
    path.write_bytes(table(good(1), case.data, good(2), good(3)))
    found = take_in(lake, path)
    held = {one["imdb_id"]: one for one in lake.rows(movies.TABLE)}
    assert {"tt0000001", "tt0000002", "tt0000003"} <= held.keys()
    if case in CASES["texts that look odd"]:
        assert held["tt0000500"]["title"] == case.outcome
        assert found.counts == (4, 4, 0, 0, 0)
    elif case.outcome == "kept":  # read as words: they stay words
        assert all(isinstance(one, str) for one in held["tt0000500"]["genres"])
    else:
        assert [reason for _, reason in found.rejects] == [case.outcome]
        assert found.counts == (4, 3, 0, 1, 0)
        ((key, _),) = found.rejects
        assert len(key) <= 120
        assert all(len(text) < 400 and text.isprintable() for text in found.rejects.values())


@pytest.mark.parametrize("case", CASES["objects that are none"], ids=str)
def test_an_object_of_a_list_costs_itself_only(lake: Lake, path: Path, case: Case) -> None:
    path.write_bytes(listed(*GOOD_ITEMS, case.data))
    found = take_in(lake, path)
    kept = {one["rating_key"] for one in lake.rows(ratings.TABLE)}
    is_conflict = case.outcome == "conflicting_rows"
    assert kept == ({"2"} if is_conflict else {"1", "2"})
    assert {reason for _, reason in found.rejects} == {case.outcome}
    assert found.counts == (3, len(kept), 0, 3 - len(kept), 0)


@pytest.mark.parametrize("case", CASES["files that are none"], ids=str)
def test_a_broken_file_changes_nothing(lake: Lake, tmp_path: Path, path: Path, case: Case) -> None:
    for whole in (WHOLE, WHOLE_JSON):
        (tmp_path / "whole").write_bytes(whole)
        take_in(lake, tmp_path / "whole")
    before = lake.rows(movies.TABLE), lake.rows(ratings.TABLE)
    path.write_bytes(case.data)
    with pytest.raises(ContractBroken, match=case.outcome) as error:
        take_in(lake, path)
    assert len(str(error.value)) < 700
    assert (lake.rows(movies.TABLE), lake.rows(ratings.TABLE)) == before


@pytest.mark.parametrize("odd", [b"\xef\xbb\xbf" + WHOLE, WHOLE.replace(b"\n", b"\r\n"), WHOLE + b"\n\n", WHOLE[:-1]])
def test_odd_files_are_read_all_the_same(lake: Lake, path: Path, odd: bytes) -> None:
    path.write_bytes(odd)
    assert take_in(lake, path).counts == (3, 3, 0, 0, 0)


@pytest.mark.parametrize("odd", [b"\xef\xbb\xbf" + WHOLE_JSON, b" \n\t" + WHOLE_JSON + b"\r\n", WHOLE_JSON + b"\n"])
def test_odd_lists_are_read_all_the_same(lake: Lake, path: Path, odd: bytes) -> None:
    path.write_bytes(odd)
    assert take_in(lake, path).counts == (3, 3, 0, 0, 0)


def test_a_title_may_hold_line_ends_within_quotes_and_the_rest_is_read() -> None:
    data = b'a,b\n1,"x\ny\n"\n2,z\n'
    assert [tuple(record.fields.values()) for record in read_csv(io.BytesIO(data))] == [("1", "x\ny\n"), ("2", "z")]


def test_an_open_quote_costs_its_line_and_not_those_behind_it() -> None:
    data = b'a,b\n1,"x\n2,y\n3,"z"\n4,"w\n5,v\n'
    found = [(record.fields["a"], record.damage is not None) for record in read_csv(io.BytesIO(data))]
    assert found == [("1", True), ("2", False), ("3", False), ("4", True), ("5", False)]


@pytest.mark.parametrize("cut", range(1, len(WHOLE), 37))
def test_a_table_cut_short_loses_no_film_unseen(lake: Lake, path: Path, cut: int) -> None:
    """What is left of it is refused, or its films are whole: no film comes in with less than it has."""
    (path.parent / "whole").write_bytes(WHOLE)
    take_in(lake, path.parent / "whole")
    before = {one["movie_key"]: one for one in lake.rows(movies.TABLE)}
    path.write_bytes(WHOLE[:cut])
    try:
        take_in(lake, path)
    except ContractBroken:
        assert {one["movie_key"]: one for one in lake.rows(movies.TABLE)} == before
        return
    held = lake.rows(movies.TABLE)
    # A cut within the last field cannot be seen: all the others are as they were.
    same = [one for one in held if one == before[one["movie_key"]]]
    assert len(same) >= len(held) - 1
    assert held


@pytest.mark.parametrize("cut", range(0, len(WHOLE_JSON), 5))
def test_a_list_cut_short_is_refused(lake: Lake, path: Path, cut: int) -> None:
    path.write_bytes(WHOLE_JSON[:cut])
    with pytest.raises(ContractBroken):
        take_in(lake, path)


@STEADY
@given(st.binary(max_size=300))
def test_any_bytes_are_records_or_a_sentence(data: bytes) -> None:
    for read in (read_csv, read_json):
        try:
            list(read(io.BytesIO(data)))
        except ContractBroken as error:
            found = str(error)
        else:
            continue
        assert found


@STEADY
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=4))
def test_any_change_of_a_table_is_a_film_a_reject_or_a_sentence(place: int, put: bytes) -> None:
    data = WHOLE[:place] + put + WHOLE[place + len(put) :]
    try:
        for record in read_csv(io.BytesIO(data)):
            if record.damage is None and set(kaggle.COLUMNS) <= record.fields.keys():
                kaggle.entry(record.fields)
    except (ContractBroken, movies.Rejected) as error:
        found = str(error)
    else:
        return
    assert found


@pytest.mark.parametrize(
    "data",
    [
        b"a,b\n" + b'1,"x\n' * 20_001,
        b"a,b\n" + b'"' + b"x\n" * 60_000,
        b"a,b\n" + b"x" * (40 << 20),
        b"a,b\n" + b'1,"\n' * 7 + b"2,3\n" * 40_000,
    ],
    ids=["quotes in every line", "a quote and many lines", "40 MiB without an end", "quotes, then rows"],
)
def test_reading_takes_little_memory(data: bytes) -> None:
    file = io.BytesIO(data)
    tracemalloc.start()
    for _ in read_csv(file):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * RECORD_BYTES


def test_a_long_list_of_nothing_takes_little_memory() -> None:
    file = io.BytesIO(b"[" + b"[]," * 100_000 + b"[]]")
    tracemalloc.start()
    assert sum(1 for _ in read_json(file)) == 100_001
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < RECORD_BYTES


def test_a_repeat_of_all_bad_rows_commits_nothing(tmp_path: Path) -> None:
    lake, path = Lake(Store(str(tmp_path / "lake"))), tmp_path / "list"
    bad = [case.data for name in BAD_ROWS for case in CASES[name]]
    path.write_bytes(table(good(1), *bad, good(2)))
    first = take_in(lake, path)
    assert first.counts == (len(bad) + 2, 2, 0, len(bad), 0)
    assert len(first.rejects) == len(bad)
    tables = (movies.TABLE, ratings.TABLE, rejects.TABLE)
    before = [lake.store.snapshot(one).version for one in tables]
    assert take_in(lake, path).counts == (len(bad) + 2, 0, 2, len(bad), 0)
    assert [lake.store.snapshot(one).version for one in tables] == before
