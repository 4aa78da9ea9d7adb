"""TMDB's client against real recordings and the sample's: the right questions, each once, and answers with a date."""

from __future__ import annotations

import gzip
import json
import logging
import os
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from wire import QUICK, SHORT, Wire, reply, serving, web_for

from pipelines.imaging import inspect
from pipelines.ingest.sample import write_tmdb
from pipelines.ingest.sample.replay import Replay, serve
from pipelines.ingest.tmdb.answers import parse_object
from pipelines.ingest.tmdb.client import KEEP_DAYS, AnswerParams, Tmdb, connect, poster_size
from pipelines.ingest.tmdb.export import Listed, read_export
from pipelines.ingest.web import Web
from pipelines.lake.errors import CannotRun, ContractBroken, Rejected
from pipelines.lake.objects import Objects

CANARY = "eyJhbGciOi.canary-token"
TODAY = date(2026, 11, 21)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tmdb(tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def replay(recordings: Path) -> Iterator[Replay]:
    with serve(recordings) as server:
        yield server


@pytest.fixture
def web(replay: Replay) -> Iterator[Web]:
    with connect(replay.url, QUICK, SHORT) as client:
        yield client


@pytest.fixture
def lake(tmp_path: Path) -> Objects:
    return Objects(str(tmp_path / "lake"))


def client(lake: Objects, web: Web, url: str, **params: int) -> Tmdb:
    return Tmdb(lake, web, SecretStr(CANARY), url, AnswerParams(**params))


@pytest.fixture
def tmdb(lake: Objects, web: Web, replay: Replay) -> Tmdb:
    return client(lake, web, replay.url)


def rewrite(lake: Objects, **changes: object) -> int:
    """Change what every cached answer says of itself; return how many there are."""
    files = list(Path(lake.uri).rglob("_cache/**/*.json"))
    for file in files:
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return len(files)


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def test_the_sample_is_taken_in_whole_and_nothing_is_asked_twice(tmdb: Tmdb, replay: Replay) -> None:
    films = [listed.tmdb_id for listed in tmdb.export_ids(TODAY)]
    first = [tmdb.movie(film) for film in films]
    posters = [tmdb.poster(film.value["poster_path"]) for film in first if film.value["poster_path"]]
    assert len(films) == 20
    assert all("cast" in film.value["credits"] for film in first)
    assert all(inspect(poster.value).width for poster in posters)
    assert max(replay.requests.values()) == 1
    asked = replay.count
    assert [tmdb.movie(film) for film in films] == first
    assert [tmdb.poster(film.value["poster_path"]) for film in first if film.value["poster_path"]] == posters
    assert [listed.tmdb_id for listed in tmdb.export_ids(TODAY)] == films
    assert replay.count == asked


def test_a_later_run_at_another_address_asks_for_nothing_it_has(
    tmdb: Tmdb, recordings: Path, lake: Objects, replay: Replay
) -> None:
    film = tmdb.movie(9_000_001)
    poster = tmdb.poster(film.value["poster_path"])
    with serve(recordings) as other, connect(other.url, QUICK, SHORT) as web:
        later = client(lake, web, other.url)
        assert (later.movie(9_000_001), later.poster(film.value["poster_path"])) == (film, poster)
        assert later.poster(later.movie(9_000_002).value["poster_path"]).value
        assert not any("9000001" in target for target in other.requests)


def test_an_answer_tells_when_it_was_given(tmdb: Tmdb, lake: Objects, replay: Replay) -> None:
    before = datetime.now(UTC)
    fetched = tmdb.movie(9_000_001).fetched_at
    assert before <= fetched <= datetime.now(UTC)
    then = ago(20)
    rewrite(lake, fetched_at=then)
    assert tmdb.movie(9_000_001).fetched_at == datetime.fromisoformat(then)


@pytest.mark.parametrize(("days", "asked"), [(29, 1), (31, 2), (181, 2), (-1, 2)])
def test_what_is_too_old_or_from_the_future_is_asked_again(
    tmdb: Tmdb, lake: Objects, replay: Replay, days: int, asked: int
) -> None:
    tmdb.movie(9_000_001)
    rewrite(lake, fetched_at=ago(days))
    tmdb.movie(9_000_001)
    assert replay.count == asked


@pytest.mark.parametrize(("days", "asked"), [(6, 1), (8, 2)])
def test_that_there_is_no_such_film_is_kept_for_less_long(
    tmdb: Tmdb, lake: Objects, replay: Replay, days: int, asked: int
) -> None:
    for _ in range(2):
        with pytest.raises(Rejected, match="http_404"):
            tmdb.movie(999_999_999)
        assert rewrite(lake, fetched_at=ago(days)) == 1
    assert replay.count == asked


@pytest.mark.parametrize(
    "changes",
    [{"status": "200"}, {"status": True}, {"body": []}, {"body": {"id": 2}}, {"fetched_at": "yesterday"},
     {"fetched_at": None}, {"fetched_at": "9999-99-99"}, {"path": "/3/movie/2"}, {"sha256": ""}],
)  # fmt: skip
def test_a_damaged_entry_is_as_good_as_absent(
    tmdb: Tmdb, lake: Objects, replay: Replay, changes: dict[str, object]
) -> None:
    film = tmdb.movie(9_000_001)
    rewrite(lake, **changes)
    assert tmdb.movie(9_000_001).value == film.value
    assert replay.count == 2


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 300))
def test_no_damage_to_an_entry_does_harm(
    recordings: Path, tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int
) -> None:
    with serving() as wire, web_for(wire) as web:
        lake = Objects(str(tmp_path_factory.mktemp("lake")))
        wire.on("/3/movie/1", reply(body=b'{"id": 1, "title": "A"}'))
        tmdb = client(lake, web, wire.url)
        tmdb.movie(1)
        (file,) = Path(lake.uri).rglob("*.json")
        data = file.read_bytes()
        file.write_bytes(data[:at] + junk + data[at + len(junk) :])
        assert tmdb.movie(1).value["id"] == 1


def test_a_poster_that_was_cut_or_lost_is_fetched_again(tmdb: Tmdb, lake: Objects, replay: Replay) -> None:
    path = tmdb.movie(9_000_001).value["poster_path"]
    poster = tmdb.poster(path)
    (file,) = Path(lake.uri).rglob("*.bin")
    file.write_bytes(poster.value[:100])
    assert tmdb.poster(path).value == poster.value
    file.unlink()
    assert tmdb.poster(path).value == poster.value
    assert replay.requests[f"/t/p/w342{path}"] == 3


def test_what_may_no_longer_be_kept_is_forgotten(tmdb: Tmdb, lake: Objects) -> None:
    tmdb.poster(tmdb.movie(9_000_001).value["poster_path"])
    assert tmdb.forget() == 0
    for file in Path(lake.uri).rglob("*.*"):
        then = (datetime.now(UTC) - timedelta(days=KEEP_DAYS + 1)).timestamp()
        os.utime(file, (then, then))
    assert tmdb.forget() == 4
    assert not list(Path(lake.uri).rglob("*.*"))


def test_nothing_may_be_kept_longer_than_the_terms_allow() -> None:
    with pytest.raises(CannotRun, match="at most 180 days"):
        AnswerParams(max_age_days=181)


@pytest.mark.parametrize(
    "api", ["", "api.themoviedb.org", "ftp://a.test", "https://", "https://[", "http://me:you@a.test"]
)
def test_what_is_no_address_of_a_server_is_told_at_once(api: str) -> None:
    with pytest.raises(CannotRun, match="TESSERA_TMDB_API"):
        connect(api)


def test_without_a_token_only_what_is_known_is_answered(tmdb: Tmdb, lake: Objects, web: Web, replay: Replay) -> None:
    film = tmdb.movie(9_000_001)
    without = Tmdb(lake, web, None, replay.url)
    assert without.movie(9_000_001) == film
    with pytest.raises(CannotRun, match="TESSERA_TMDB_TOKEN"):
        without.movie(9_000_002)


def test_the_replay_refuses_who_has_no_token(web: Web, replay: Replay) -> None:
    with pytest.raises(Rejected, match="http_401"):
        web.get(f"{replay.url}/3/movie/9000001")


def test_the_token_stands_nowhere(tmdb: Tmdb, lake: Objects, replay: Replay, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = [repr(tmdb), repr(vars(tmdb)), repr(tmdb.movie(9_000_001)), *replay.requests]
    with pytest.raises(Rejected) as raised:
        tmdb.movie(999_999_999)
    stored = [file.read_text() for file in Path(lake.uri).rglob("*.json")]
    assert len(stored) == 2
    assert CANARY not in "".join([*said, *stored, repr(raised.value), caplog.text])


def test_many_threads_may_ask_at_once(tmdb: Tmdb, replay: Replay) -> None:
    found: dict[int, str] = {}
    threads = [
        threading.Thread(target=lambda film=film: found.update({film: tmdb.movie(film).value["title"]}))
        for film in range(9_000_001, 9_000_021)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20


def test_a_search_finds_by_title_and_year(tmdb: Tmdb, replay: Replay) -> None:
    title = tmdb.movie(9_000_004).value["title"]
    assert [film["id"] for film in tmdb.find_movie(f"  {title} ", 1999).value] == [9_000_004]
    assert tmdb.find_movie("No Film Of This Name").value == []
    (target,) = (target for target in replay.requests if "1999" in target)
    assert "include_adult=false" in target
    assert "year=1999" in target


@pytest.mark.parametrize("title", ["", " \n ", "x" * 301, "a\0b"])
def test_a_title_that_cannot_be_one_is_not_searched_for(tmdb: Tmdb, replay: Replay, title: str) -> None:
    with pytest.raises(Rejected, match="bad_title"):
        tmdb.find_movie(title)
    assert replay.count == 0


@pytest.mark.parametrize("body", [{}, {"results": None}, {"results": {}}, {"results": [1]}, {"results": [{}, None]}])
def test_a_search_of_another_form_is_rejected(lake: Objects, body: object) -> None:
    with serving() as wire, web_for(wire) as web:
        wire.on("/3/search/movie", reply(body=json.dumps(body).encode()))
        with pytest.raises(Rejected, match="bad_json"):
            client(lake, web, wire.url).find_movie("A")


@pytest.mark.parametrize(("width", "size"), [(1, "w92"), (92, "w92"), (93, "w154"), (342, "w342"), (9999, "w780")])
def test_the_smallest_poster_that_is_wide_enough_is_taken(width: int, size: str) -> None:
    assert poster_size(["w780", "original", "w92", "w154", "w342", "h99"], width) == size


FILM = {"adult": False, "id": 7, "original_title": "A", "popularity": 1.5, "video": True}


def packed(*films: object) -> bytes:
    return gzip.compress(b"".join(json.dumps(film).encode() + b"\n" for film in films))


@pytest.mark.parametrize("back", range(4))
def test_an_export_that_is_not_there_yet_is_taken_from_a_day_before(lake: Objects, back: int) -> None:
    with serving() as wire, web_for(wire) as web:
        for day in range(back):
            wire.on(f"/p/exports/movie_ids_11_{21 - day}_2026.json.gz", reply(403 if day % 2 else 404))
        wire.on(f"/p/exports/movie_ids_11_{21 - back}_2026.json.gz", reply(body=packed(FILM)))
        tmdb = client(lake, web, wire.url)
        assert list(tmdb.export_ids(TODAY)) == [Listed(7, 1.5, adult=False, video=True)]
        assert list(tmdb.export_ids(TODAY))
        assert len(wire.requests) == 2 * back + 1  # what is there is asked for once
        assert CANARY not in str(wire.requests)


def test_without_any_export_the_run_ends(lake: Objects) -> None:
    with serving() as wire, web_for(wire) as web, pytest.raises(CannotRun, match="no list of films"):
        client(lake, web, wire.url).export_ids(TODAY)
    assert len(wire.requests) == 4


def test_an_export_is_unpacked_however_often_it_was_packed() -> None:
    for data in (packed(FILM), gzip.compress(packed(FILM)), gzip.decompress(packed(FILM))):
        assert [film.tmdb_id for film in read_export(data)] == [7]


@pytest.mark.parametrize(
    "data",
    [packed(FILM)[:-9], packed(FILM)[:12], packed(FILM)[:30] + b"\xff" * 9 + packed(FILM)[39:], b"<html>", packed({}),
     packed([7]), packed({"id": "7"}), packed({"id": True}), packed({"id": 0}), packed(FILM, "x"),
     gzip.compress(b"\n\n"), gzip.compress(b"x" * 70_000), gzip.compress(bytes(50 << 20)),
     packed({"id": 7, "popularity": "a"})],
    ids=lambda data: f"{len(data)} bytes",
)  # fmt: skip
def test_a_damaged_export_is_refused(lake: Objects, data: bytes) -> None:
    with pytest.raises(ContractBroken, match="list of films"):
        list(read_export(data))
    with serving() as wire, web_for(wire) as web:
        wire.on("/p/exports/movie_ids_11_21_2026.json.gz", reply(body=data))
        with pytest.raises(ContractBroken):
            list(client(lake, web, wire.url).export_ids(TODAY))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=3),
    max_leaves=9,
)  # fmt: skip


@given(st.dictionaries(st.text("abc", max_size=3), json_values), st.booleans())
def test_honest_json_is_read_as_it_is(value: dict[str, object], is_escaped: bool) -> None:
    assert parse_object(json.dumps(value, ensure_ascii=is_escaped).encode()) == value


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="surrogatepass")))
def test_any_bytes_are_an_object_or_rejected(data: bytes) -> None:
    try:
        value = parse_object(data)
    except Rejected as error:
        value = {"reason": error.reason}
    assert value == {"reason": "bad_json"} or json.loads(data) == value


@pytest.fixture(scope="module")
def real(real_data: Path) -> Iterator[Replay]:
    with serve(real_data / "tmdb" / "recorded") as server:
        yield server


@pytest.fixture
def real_tmdb(real: Replay, lake: Objects) -> Iterator[Tmdb]:
    with connect(real.url, QUICK, SHORT) as web:
        yield client(lake, web, real.url)


def test_real_films_are_read(real_tmdb: Tmdb, real: Replay) -> None:
    film = real_tmdb.movie(47964).value
    assert film["title"] == "A Good Day to Die Hard"
    assert len(film["credits"]["cast"]) == 48
    with pytest.raises(Rejected, match="http_404"):
        real_tmdb.movie(999_999_999)


def test_real_searches_are_read(real_tmdb: Tmdb) -> None:
    assert [film["title"] for film in real_tmdb.find_movie("007", 1962).value] == ["Dr. No"]


def test_the_real_configuration_leads_to_the_posters(real_tmdb: Tmdb, real: Replay) -> None:
    assert real_tmdb.configuration().value["images"]["poster_sizes"][0] == "w92"
    with pytest.raises(Rejected, match="http_404"):  # no poster was recorded
        real_tmdb.poster("/qJ0csDXAVFMsNn0cRcjy6W6PxAK.jpg")
    assert "/t/p/w342/qJ0csDXAVFMsNn0cRcjy6W6PxAK.jpg" in real.requests


def test_every_real_recording_is_answered(real: Replay, real_data: Path) -> None:
    with web_for(Wire(int(real.url.rpartition(":")[2]))) as web:
        for told in json.loads((real_data / "tmdb" / "index.json").read_text()):
            params = {name: values[0] for name, values in told["params"].items()}
            answer = web.get(real.url + told["path"], params, token=SecretStr(CANARY), accept=frozenset({200, 404}))
            assert answer.status == told["status"]
            assert json.loads(answer.body)


def test_all_real_films_with_credits_pass(real_data: Path, lake: Objects) -> None:
    films = json.loads((real_data / "tmdb" / "movies_with_credits_18.json").read_text())
    with serving() as wire, web_for(wire) as web:
        tmdb = client(lake, web, wire.url)
        for film in films:
            wire.on(f"/3/movie/{film['id']}", reply(body=json.dumps(film).encode()))
            assert tmdb.movie(film["id"]).value == film


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Request": 1}', "[" * 100_000, '{"Request": {}, "Response": {}}'])
def test_a_folder_of_other_files_is_not_replayed(tmp_path: Path, text: str) -> None:
    with pytest.raises(CannotRun, match="no recorded exchanges"), serve(tmp_path):
        pass
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(CannotRun, match="no recorded exchange of WireMock"), serve(tmp_path):
        pass


@pytest.mark.parametrize("name", ["../secret.jpg", "..%2fsecret.jpg", "link.jpg", "%2e%2e/secret.jpg", "/secret.jpg"])
def test_the_replay_gives_out_nothing_but_posters(recordings: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (tmp_path / "a" / "secret.jpg").write_bytes(b"secret")
    (folder / "posters").mkdir()
    (folder / "posters" / "link.jpg").symlink_to(folder / "secret.jpg")
    (folder / "a.json").write_bytes(next(recordings.glob("*configuration*.json")).read_bytes())
    with serve(folder) as server:
        assert server.reply(f"/t/p/w92/{name}", "")[1] != b"secret"
