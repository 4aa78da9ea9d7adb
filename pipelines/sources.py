"""The sources by name: each is found where the settings or the person say, and taken in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nlargest
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import Objects
from pipelines.lake.runs import Journal
from pipelines.settings import Settings

if TYPE_CHECKING:
    from pipelines.ingest.tmdb.client import Tmdb

DOWNLOADS = ("kaggle", "download")  # said instead of a place
_SAMPLE_PIECES, _FILMS = 500, 1_000


@dataclass(frozen=True)
class Request:
    """What a person asks of a source beyond the settings; None where they say nothing."""

    path: str | None = None
    photos: str | None = None
    details: str | None = None
    pieces: int = _SAMPLE_PIECES
    films: int = _FILMS
    ids: tuple[int, ...] = ()


def named(words: str) -> tuple[str, ...]:
    """Return the sources that are named, with commas between them. Raises CannotRun for a name that is none."""
    names = tuple(word.strip() for word in words.split(",") if word.strip())
    if unknown := [name for name in names if name not in SOURCES]:
        raise CannotRun(f"there is no source {unknown[0]!r}. The sources are: {', '.join(SOURCES)}.")
    return names


def take_in(settings: Settings, journal: Journal, source: str, request: Request) -> None:
    """Take one source in. Raises CannotRun when there is none of that name, or it cannot be reached."""
    (name,) = named(source)
    SOURCES[name](settings, journal, request)


def _fashion(settings: Settings, journal: Journal, request: Request) -> None:
    from pipelines.ingest import fashion

    named = request.path or settings.fashion
    path = _path(named) or fashion.download(journal)
    apart = (request.photos or settings.fashion_photos, request.details or settings.fashion_details)
    photos, details = (
        fashion.download(journal, fashion.LARGE_HANDLE) if place in DOWNLOADS else _path(place) for place in apart
    )
    fashion.ingest(journal, path, fashion.FashionParams(), photos=photos, details=details)


def _cifar10(settings: Settings, journal: Journal, request: Request) -> None:
    from pipelines.ingest import cifar10

    named = request.path or settings.cifar10
    path = _path(named) or cifar10.download(settings.root / "downloads")
    cifar10.ingest(journal, path, cifar10.Cifar10Params())


def _bechdel(settings: Settings, journal: Journal, request: Request) -> None:
    from pipelines.ingest.bechdel import source as bechdel

    named = request.path or settings.bechdel
    path = _path(named) or bechdel.download()
    bechdel.ingest(journal, path, bechdel.BechdelParams())


def _tmdb(settings: Settings, journal: Journal, request: Request) -> None:
    from pipelines.ingest.tmdb import source as films
    from pipelines.ingest.tmdb.client import Tmdb, connect

    if settings.tmdb_token is None:
        raise CannotRun("TMDB answers only with a token: set TESSERA_TMDB_TOKEN to your API read access token.")
    with connect(settings.tmdb_api) as web:
        client = Tmdb(journal.store.objects, web, settings.tmdb_token, settings.tmdb_api)
        ids = request.ids or _popular(client, request.films)
        films.ingest(journal, client, ids, films.TmdbParams())
        client.forget()


def _popular(client: Tmdb, count: int) -> Iterable[int]:
    """Return the numbers of the films that TMDB's daily list calls the most popular."""
    listed = (film for film in client.export_ids(datetime.now(UTC).date()) if not film.adult)
    return [film.tmdb_id for film in nlargest(count, listed, key=lambda film: (film.popularity, -film.tmdb_id))]


def _inbox(_settings: Settings, journal: Journal, _request: Request) -> None:
    from pipelines.ingest.inbox import source as inbox

    inbox.ingest(journal)


def _sample(settings: Settings, journal: Journal, request: Request) -> None:
    """Draw the sample sources in the public formats, and take each in by the code for the public one."""
    from pipelines.ingest import cifar10, fashion, sample
    from pipelines.ingest.bechdel import source as bechdel

    folder = settings.root / "sample"
    folder.mkdir(parents=True, exist_ok=True)
    shop = sample.write_fashion_zip(folder / f"fashion-{request.pieces}.zip", request.pieces)
    fashion.ingest(journal, shop, fashion.FashionParams(), source="sample")
    cifar10.ingest(journal, sample.write_cifar10(folder / "cifar10"), cifar10.Cifar10Params(), source="sample_cifar10")
    bechdel.ingest(journal, sample.write_bechdel(folder / "bechdel"), bechdel.BechdelParams(), prefix="sample_")
    _sample_films(journal, folder / "tmdb")
    _drop(journal.store.objects, sample.write_inbox(folder))


def _sample_films(journal: Journal, folder: Path) -> None:
    from pydantic import SecretStr

    from pipelines.ingest import sample
    from pipelines.ingest.sample import replay
    from pipelines.ingest.tmdb import source as films
    from pipelines.ingest.tmdb.client import Tmdb, connect
    from pipelines.ingest.web import Limits

    sample.write_tmdb(folder)
    with replay.serve(folder) as server, connect(server.url, limits=Limits(per_second=1_000)) as web:
        client = Tmdb(journal.store.objects, web, SecretStr("sample"), server.url, folder="_cache/sample_tmdb")
        films.ingest(journal, client, _popular(client, _FILMS), films.TmdbParams(), source="sample_tmdb")


def _drop(objects: Objects, incoming: Path) -> None:
    """Put drawn batches into the inbox as a user's tool would: the manifest last."""
    for batch in sorted(incoming.iterdir()):
        for file in sorted(batch.iterdir(), key=lambda file: file.name == "manifest.jsonl"):
            objects.create(f"incoming/{batch.name}/{file.name}", file.read_bytes())


def _path(named: str) -> Path | None:
    """Return the place that was named, None where it is to be downloaded."""
    return None if named in ("", *DOWNLOADS) else Path(named).expanduser()


SOURCES: dict[str, Callable[[Settings, Journal, Request], None]] = {
    "sample": _sample,
    "fashion": _fashion,
    "cifar10": _cifar10,
    "bechdel": _bechdel,
    "tmdb": _tmdb,
    "inbox": _inbox,
}
