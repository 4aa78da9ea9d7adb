"""TMDB: invented films as recorded answers, in the mapping files that the real recordings use (WireMock's)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

from pipelines.ingest.sample.films import Answer, draw_poster, found, make_film

MISSING_ID = 999_999_999  # the film that is not there; the real recordings ask for the same one
NOT_FOUND: Answer = {
    "success": False,
    "status_code": 34,
    "status_message": "The resource you requested could not be found.",
}
_HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Transfer-Encoding": "chunked",
    "Connection": "keep-alive",
    "Server": "openresty",
}
_IMAGES = {
    "base_url": "http://image.tmdb.org/t/p/",
    "secure_base_url": "https://image.tmdb.org/t/p/",
    "backdrop_sizes": ["w300", "w780", "w1280", "original"],
    "logo_sizes": ["w45", "w92", "w154", "w185", "w300", "w500", "original"],
    "poster_sizes": ["w92", "w154", "w185", "w342", "w500", "w780", "original"],
    "profile_sizes": ["w45", "w185", "h632", "original"],
    "still_sizes": ["w92", "w185", "w300", "original"],
}


def write_tmdb(folder: Path, count: int = 20, seed: int = 7) -> Path:
    """Write `count` films' answers into `folder` and their posters into `folder`/posters; return the folder.

    A poster lies under the name that `poster_path` gives it.
    """
    (folder / "posters").mkdir(parents=True, exist_ok=True)
    films = [make_film(index, seed) for index in range(count)]
    for path, params, status, body in _answers(films):
        mapping = _mapping(path, params, status, body)
        name = f"{mapping['Title'].replace('GET /', '_GET_').replace('/', '_')}_{mapping['Guid']}.json"
        (folder / name).write_text(json.dumps(mapping, indent=2, ensure_ascii=False), encoding="utf-8")
    for index, film in enumerate(films):
        if film["poster_path"]:
            (folder / "posters" / film["poster_path"].removeprefix("/")).write_bytes(draw_poster(index, seed))
    return folder


def _answers(films: list[Answer]) -> Iterator[tuple[str, dict[str, str], int, Answer]]:
    """Yield path, parameters, status and body of each request that was recorded."""
    yield (
        "/3/configuration",
        {},
        200,
        {"change_keys": ["images", "overview", "release_dates", "title"], "images": _IMAGES},
    )
    for film in films:
        yield f"/3/movie/{film['id']}", {"append_to_response": "credits"}, 200, film
    for title in [*sorted({film["title"] for film in films}), "No Film Of This Name"]:
        yield (
            "/3/search/movie",
            {"query": title},
            200,
            _page([found(film) for film in films if film["title"] == title]),
        )
    yield f"/3/movie/{MISSING_ID}", {"append_to_response": "credits"}, 404, NOT_FOUND


def _page(results: list[Answer]) -> Answer:
    return {"page": 1, "results": results, "total_pages": 1, "total_results": len(results)}


def _mapping(path: str, params: dict[str, str], status: int, body: Answer) -> Answer:
    title = f"Proxy Mapping for GET {path}"
    request: Answer = {
        "Path": {"Matchers": [_matcher("WildcardMatcher", path, False)]},
        "Methods": ["GET"],
        "HttpVersion": "1.1",
        "Headers": [
            {
                "Name": "Accept-Encoding",
                "Matchers": [_matcher("WildcardMatcher", "gzip, deflate, br", True)],
                "IgnoreCase": True,
            }
        ],
    }
    if params:
        request["Params"] = [
            {"Name": name, "Matchers": [_matcher("ExactMatcher", value, False)]} for name, value in params.items()
        ]
    return {
        "Guid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"tessera:{path}?{json.dumps(params)}")),
        "Title": title,
        "Description": title,
        "Priority": -2_000_000,
        "Request": request,
        "Response": {"StatusCode": status, "BodyAsJson": body, "Headers": _HEADERS},
    }


def _matcher(kind: str, pattern: str, ignore_case: bool) -> Answer:
    return {"Name": kind, "Pattern": pattern, "IgnoreCase": ignore_case}
