"""TMDB's API, version 3: films with credits, posters, searches and the daily list, each asked for once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pydantic import SecretStr

from pipelines.ingest.pace import Retries
from pipelines.ingest.tmdb.answers import Fetched, Json, parse_object
from pipelines.ingest.tmdb.cache import ANSWERS, Cache, Entry
from pipelines.ingest.tmdb.export import PACKED_BYTES, Listed, check_whole, read_export
from pipelines.ingest.web import Limits, Web
from pipelines.lake.errors import CannotRun, Rejected
from pipelines.lake.objects import Objects

API = "https://api.themoviedb.org"
EXPORTS = "https://files.tmdb.org"
IMAGES = "https://image.tmdb.org"
KEEP_DAYS = 180  # TMDB's terms: nothing is kept longer
POSTER_PATH = re.compile(r"/[A-Za-z0-9_-]{1,100}\.(jpg|png|webp)")
_SERVER = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9/_.-]*)?")
_SIZE = re.compile(r"w([0-9]{1,4})")
_BASE_PATH = re.compile(r"/([A-Za-z0-9/_-]{0,50}/)?")
_EXPORT = "/p/exports/movie_ids"
_JSON_BYTES, _POSTER_BYTES = 8 << 20, 8 << 20
_EXPORT_SECONDS, _EXPORT_DAYS = 600.0, 3
_TITLE_CHARACTERS = 300


@dataclass(frozen=True)
class AnswerParams:
    """How long an answer is taken for true, in days of at most 180, and which posters are wanted."""

    max_age_days: int = 30  # of films, searches and posters
    missing_days: int = 7  # of "there is no such film"
    configuration_days: int = 3
    poster_width: int = 342  # pixels; the smallest size on offer that is at least as wide

    def __post_init__(self) -> None:
        if not all(0 <= days <= KEEP_DAYS for days in (self.max_age_days, self.missing_days, self.configuration_days)):
            raise CannotRun(f"TMDB's answers may be kept for at most {KEEP_DAYS} days: choose fewer.")


_PARAMS = AnswerParams()


def connect(api: str = API, retries: Retries | None = None, limits: Limits | None = None) -> Web:
    """Return the client for TMDB's own hosts, and for the server at `api` where the operator named another.

    Raises CannotRun when `api` is no address of a server.
    """
    hosts = frozenset(url.removeprefix("https://") for url in (API, EXPORTS, IMAGES))
    if not _SERVER.fullmatch(api):
        raise CannotRun("TESSERA_TMDB_API is no address of a server such as https://api.themoviedb.org: set it anew.")
    named = frozenset() if api.rstrip("/") == API else frozenset({api})
    return Web(hosts, named, retries or Retries(), limits or Limits())


class Tmdb:
    """TMDB as a run sees it: every answer comes with its time, from the cache in the lake where it is young enough.

    `api` may be another server that the operator runs; then posters and exports come from there. Safe to use from
    many threads. Raises CannotRun when the token is missing or refused, or the service away.
    """

    def __init__(
        self,
        objects: Objects,
        web: Web,
        token: SecretStr | None,
        api: str = API,
        params: AnswerParams = _PARAMS,
        folder: str = "_cache/tmdb",
    ) -> None:
        self._web, self._token, self._api, self._params = web, token, api.rstrip("/"), params
        self._exports = EXPORTS if self._api == API else self._api
        self._cache = Cache(objects, folder)
        self._images: Json | None = None

    def movie(self, tmdb_id: int) -> Fetched[Json]:
        """Return a film with its credits. Raises Rejected: http_404 when there is none, bad_json, wrong_film, …."""
        if type(tmdb_id) is not int or not 0 < tmdb_id < 2**31:
            raise Rejected("bad_film_id", "a film's number at TMDB is a whole number above 0.")
        return self._object(
            f"/3/movie/{tmdb_id}",
            {"append_to_response": "credits"},
            self._params.max_age_days,
            lambda body: _check(type(body.get("id")) is int and body["id"] == tmdb_id, "wrong_film"),
        )

    def find_movie(self, title: str, year: int | None = None) -> Fetched[list[Json]]:
        """Return the first page of films that a title, and a year of release, may mean; the likeliest first."""
        query = " ".join(title.split())
        if not query or len(query) > _TITLE_CHARACTERS or not query.isprintable():
            raise Rejected("bad_title", f"a title to search for has 1 to {_TITLE_CHARACTERS} printable characters.")
        params = {"query": query, "include_adult": "false"} | ({"year": str(year)} if year is not None else {})
        found = self._object("/3/search/movie", params, self._params.max_age_days, _check_results)
        return Fetched(found.value["results"], found.fetched_at)

    def configuration(self) -> Fetched[Json]:
        """Return where TMDB's pictures lie and in which sizes."""
        return self._object("/3/configuration", {}, self._params.configuration_days, self._check_images)

    def poster(self, poster_path: str) -> Fetched[bytes]:
        """Return the bytes of a poster, unlooked at. Raises Rejected."""
        if not isinstance(poster_path, str) or not POSTER_PATH.fullmatch(poster_path):
            raise Rejected("bad_poster_path", "the poster's path is not of the form that TMDB gives out.")
        images = self._images = self._images or self.configuration().value["images"]
        size = poster_size(images["poster_sizes"], self._params.poster_width)
        url, path = f"{images['secure_base_url']}{size}{poster_path}", f"/t/p/{size}{poster_path}"
        entry = self._cache.read(path, {}, binary=True)
        if entry is None or not self._is_young(entry, self._params.max_age_days):
            answer = self._web.get(url, limit_bytes=_POSTER_BYTES, accept=ANSWERS)
            entry = Entry(answer.status, datetime.now(UTC), {}, answer.body if answer.status == 200 else b"")
            self._cache.write(path, {}, entry)
        return Fetched(_there(entry, path).data, entry.fetched_at)

    def export_ids(self, day: date) -> Iterator[Listed]:
        """Return all films of TMDB as listed on `day` (UTC), or up to 3 days before where it is not there yet.

        Raises CannotRun when there is none, ContractBroken when it is damaged.
        """
        days = [day - timedelta(days=back) for back in range(_EXPORT_DAYS + 1)]
        kept = self._cache.read(_EXPORT, {}, binary=True)  # one list is kept, the latest
        for then in days:
            if kept and kept.body.get("day") == str(then):
                return read_export(kept.data)
            url = f"{self._exports}{_EXPORT}_{then:%m_%d_%Y}.json.gz"
            answer = self._web.get(
                url, limit_bytes=PACKED_BYTES, accept=ANSWERS | {403}, seconds=_EXPORT_SECONDS, unpack=False
            )
            if answer.status == 200:
                check_whole(answer.body)
                self._cache.write(_EXPORT, {}, Entry(200, datetime.now(UTC), {"day": str(then)}, answer.body))
                return read_export(answer.body)
        raise CannotRun(f"TMDB has no list of films for {day} nor the {_EXPORT_DAYS} days before it. Try later.")

    def forget(self) -> int:
        """Delete what TMDB's terms no longer allow to keep; return how many files that were."""
        return self._cache.forget(KEEP_DAYS)

    def _object(self, path: str, params: dict[str, str], days: float, check: Callable[[Json], None]) -> Fetched[Json]:
        entry = self._cache.read(path, params)
        if entry is None or not self._is_young(entry, days) or not _passes(entry, check):
            entry = self._asked(path, params)
            if entry.status == 200:
                check(entry.body)
            self._cache.write(path, params, entry)
        return Fetched(_there(entry, path).body, entry.fetched_at)

    def _asked(self, path: str, params: dict[str, str]) -> Entry:
        if self._token is None:
            raise CannotRun("TMDB asks for a token: set TESSERA_TMDB_TOKEN to your API read access token (v4).")
        answer = self._web.get(self._api + path, params, token=self._token, limit_bytes=_JSON_BYTES, accept=ANSWERS)
        body = parse_object(answer.body) if answer.status == 200 else {}
        return Entry(answer.status, datetime.now(UTC), body)

    def _is_young(self, entry: Entry, days: float) -> bool:
        return entry.is_younger(days if entry.status == 200 else self._params.missing_days)

    def _check_images(self, body: Json) -> None:
        images = body.get("images")
        images = images if isinstance(images, dict) else {}
        base, sizes = str(images.get("secure_base_url")), images.get("poster_sizes")
        poster_size(sizes, self._params.poster_width)
        places = (IMAGES, self._api)
        _check(
            any(base.startswith(place) and _BASE_PATH.fullmatch(base.removeprefix(place)) for place in places),
            "host_not_allowed",
        )


def poster_size(sizes: object, width: int) -> str:
    """Return the smallest size (`w342`) at least `width` pixels wide, else the widest. Raises Rejected."""
    offered = sizes if isinstance(sizes, list) else []
    widths = [int(match[1]) for size in offered if isinstance(size, str) and (match := _SIZE.fullmatch(size))]
    if not widths:
        raise Rejected("bad_configuration", "TMDB's configuration names no width for posters.")
    return f"w{min((wide for wide in widths if wide >= width), default=max(widths))}"


def _check_results(body: Json) -> None:
    results = body.get("results")
    _check(isinstance(results, list) and all(isinstance(result, dict) for result in results), "bad_json")


def _check(is_so: bool, reason: str) -> None:
    if not is_so:
        raise Rejected(reason, "TMDB's answer is not what was asked for, or of another form than it documents.")


def _passes(entry: Entry, check: Callable[[Json], None]) -> bool:
    try:
        if entry.status == 200:
            check(entry.body)
    except Rejected:
        return False
    return True


def _there(entry: Entry, path: str) -> Entry:
    if entry.status != 200:
        raise Rejected(f"http_{entry.status}", f"TMDB has nothing at {path}.")
    return entry
