"""Replay: a local TMDB that answers from a folder of recorded exchanges, for the sample source and for tests.

It understands WireMock's mapping files, as the real recordings use them and `write_tmdb` makes them.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pipelines.ingest.sample.tmdb import NOT_FOUND
from pipelines.lake.errors import CannotRun

Json = dict[str, Any]
Reply = tuple[int, bytes]

_REFUSED: Json = {
    "success": False,
    "status_code": 7,
    "status_message": "Invalid API key: You must be granted a valid key.",
}
_FILES, _FILE_BYTES, _ALL_BYTES = 50_000, 16 << 20, 512 << 20  # of recordings
_COUNTED = 100_000  # different requests
_POSTER = re.compile(r"/t/p/(?:w[0-9]{1,4}|original)/([A-Za-z0-9_-]{1,100}\.(?:jpg|png|webp))")
_EXPORT = re.compile(r"/p/exports/movie_ids_[0-9]{2}_[0-9]{2}_[0-9]{4}\.json\.gz")
_MOVIE = re.compile(r"/3/movie/[0-9]+")


@dataclass(frozen=True)
class Exchange:
    """A recorded question and its answer."""

    params: Mapping[str, str]
    status: int
    body: Any  # JSON, nearly always an object


@dataclass
class Replay:
    """A running server: its address, and how often each path and query was asked for."""

    url: str
    posters: Path
    exchanges: dict[str, list[Exchange]]
    requests: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def count(self) -> int:
        """All requests so far, refused and unknown ones among them."""
        return self.requests.total()

    def reply(self, target: str, token: str) -> Reply:
        """Return status and body; `token` is the header `Authorization`."""
        self._note(target)
        path, query = urlsplit(target).path, urlsplit(target).query
        if match := _POSTER.fullmatch(path):
            return self._poster(match[1])
        if _EXPORT.fullmatch(path):
            return 200, self._export()
        if not re.fullmatch(r"Bearer \S+", token):
            return 401, json.dumps(_REFUSED).encode()
        params = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
        exchange = self._match(path, params)
        return exchange.status, json.dumps(exchange.body).encode()

    def _note(self, target: str) -> None:
        with self._lock:
            known = target in self.requests or len(self.requests) < _COUNTED
            self.requests[target if known else "others"] += 1

    def _match(self, path: str, params: Mapping[str, str]) -> Exchange:
        """Return the exchange that names the most of the parameters, with its parts appended as TMDB does."""
        fits = [one for one in self.exchanges.get(path, ()) if one.params.items() <= params.items()]
        best = max(fits, key=lambda one: len(one.params), default=Exchange({}, 404, NOT_FOUND))
        if not isinstance(best.body, dict) or best.status != 200 or "append_to_response" not in params:
            return best
        body = dict(best.body)
        for part in params["append_to_response"].split(","):
            whole = next((one for one in self.exchanges.get(f"{path}/{part}", ()) if not one.params), None)
            if part not in body and whole is not None and isinstance(whole.body, dict):
                body[part] = {name: value for name, value in whole.body.items() if name != "id"}
        return Exchange(best.params, best.status, body)

    def _poster(self, name: str) -> Reply:
        path = self.posters / name
        return (200, path.read_bytes()) if path.is_file() and not path.is_symlink() else (404, b"")

    def _export(self) -> bytes:
        """Return the daily list, made of all films that were recorded."""
        films = [
            one.body
            for path, exchanges in sorted(self.exchanges.items())
            for one in exchanges[:1]
            if _MOVIE.fullmatch(path) and one.status == 200 and isinstance(one.body, dict)
        ]
        names = ("adult", "id", "original_title", "popularity", "video")
        lines = [json.dumps({name: film.get(name) for name in names}) + "\n" for film in films]
        return gzip.compress("".join(lines).encode(), mtime=0)


@contextmanager
def serve(folder: Path) -> Iterator[Replay]:
    """Answer at a free port of this machine from the recordings in `folder`, and its `posters`, while it is open.

    Raises CannotRun when the folder holds no recordings or a file that is none.
    """
    exchanges = _recorded(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    for exchange in exchanges.get("/3/configuration", ()):
        if isinstance(exchange.body, dict) and isinstance(exchange.body.get("images"), dict):
            exchange.body["images"]["secure_base_url"] = f"{url}/t/p/"
    replay = Replay(url, folder / "posters", exchanges)
    server.daemon_threads, server.replay = True, replay  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield replay
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _recorded(folder: Path) -> dict[str, list[Exchange]]:
    exchanges: dict[str, list[Exchange]] = {}
    left = _ALL_BYTES
    for number, file in enumerate(sorted(folder.glob("*.json"))):
        size = file.stat().st_size
        left -= size
        if number >= _FILES or size > _FILE_BYTES or left < 0:
            raise CannotRun(f"{folder} holds more or larger recordings than can be replayed: name a smaller folder.")
        path, exchange = _exchange(file)
        exchanges.setdefault(path, []).append(exchange)
    if not exchanges:
        raise CannotRun(f"{folder} holds no recorded exchanges (*.json) to replay.")
    return exchanges


def _exchange(file: Path) -> tuple[str, Exchange]:
    try:
        mapping = json.loads(file.read_bytes())
        request, response = mapping["Request"], mapping["Response"]
        params = {str(param["Name"]): str(_pattern(param)) for param in request.get("Params", ())}
        return str(_pattern(request["Path"])), Exchange(params, int(response["StatusCode"]), response["BodyAsJson"])
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise CannotRun(f"{file} is no recorded exchange of WireMock's ({type(error).__name__}): remove it.") from error


def _pattern(matched: Json) -> object:
    return matched["Matchers"][0]["Pattern"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds a connection may be silent
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer from the recordings."""
        replay: Replay = self.server.replay  # type: ignore[attr-defined]
        try:
            status, body = replay.reply(self.path, self.headers.get("Authorization", ""))
        except ValueError:  # a target that is no URL
            status, body = 400, b"{}"
        self.send_response(status)
        if body and self.path.startswith("/3/") and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, compresslevel=1, mtime=0)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", "application/json; charset=utf-8" if self.path.startswith("/3/") else "*/*")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: requests are counted."""
