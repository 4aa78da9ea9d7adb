"""Films of TMDB on their way in: answers into `movies`, posters into `images`, chunk by chunk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol, TypeVar

import pyarrow as pa

from pipelines.ingest import movies
from pipelines.ingest.intake import Intake, Item
from pipelines.ingest.movies import Film
from pipelines.ingest.tmdb.answers import Fetched, Json
from pipelines.ingest.tmdb.films import KEPT, TERMS, film
from pipelines.lake import rejects
from pipelines.lake.errors import CannotRun, Rejected
from pipelines.lake.materialize import upsert
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal, Step

ABSENT = "not_found"  # no defect: TMDB takes films and posters away
_AHEAD = 2  # requests under way or answered per thread, so that memory holds few posters

T = TypeVar("T")
V = TypeVar("V")


class Client(Protocol):
    """What films are asked of; several threads ask at once.

    Both raise Rejected for what concerns one film only (`http_404` where there is no such thing), CannotRun where
    no film can be had.
    """

    def movie(self, tmdb_id: int, /) -> Fetched[Json]: ...
    def poster(self, poster_path: str, /) -> Fetched[bytes]: ...


@dataclass(frozen=True)
class TmdbParams:
    """How many requests are under way at once, and how often is committed."""

    fetch_count: int = 4
    chunk_rows: int = 500


def ingest(journal: Journal, client: Client, ids: Iterable[int], params: TmdbParams, source: str = "tmdb") -> None:
    """Take films in by TMDB's numbers, with their posters; memory holds one chunk of films.

    What was fetched before a failure is kept. Raises CannotRun when TMDB or the lake is away.
    """
    with (
        journal.step(f"{source} images") as images,
        journal.step(f"{source} rows") as step,
        ThreadPoolExecutor(params.fetch_count, "tmdb") as pool,
    ):
        reel = Reel(journal, client, params, Intake.open(journal, source, TERMS, images), step, pool)
        try:
            reel.take(ids)
        finally:  # whatever was refused until then is told, whether or not the rest could be asked for
            pool.shutdown(wait=False, cancel_futures=True)
            rejects.record(journal.store, journal.run, source, reel.rejected(), looked_at=reel.looked_at)
            images.absent, step.absent = _absent(reel.posters.rejects), _absent(reel.rejects)


def _absent(found: Mapping[str, Reject]) -> int:
    return sum(reject.reason == ABSENT for reject in found.values())


@dataclass
class Reel:
    """Films on their way into `movies`: the accounts of films and posters, the rejects and the remarks."""

    journal: Journal
    client: Client
    params: TmdbParams
    posters: Intake
    step: Step
    pool: ThreadPoolExecutor
    rejects: dict[str, Reject] = field(default_factory=dict)
    remarks: list[Reject] = field(default_factory=list)
    looked_at: set[str] = field(default_factory=set)

    def take(self, ids: Iterable[int]) -> None:
        """Fetch and commit all films, a chunk at a time. Raises CannotRun, with what was fetched committed."""
        wanted = self._once(ids)
        while chunk := list(islice(wanted, self.params.chunk_rows)):
            films: list[Film] = []
            try:
                for tmdb_id, answer in self._ahead(self.client.movie, chunk):
                    self._film(films, tmdb_id, answer.result)
                self._take_posters(films)
            finally:
                self._commit(films)

    def rejected(self) -> list[Reject]:
        return [*self.posters.rejects.values(), *self.rejects.values(), *self.remarks]

    def _once(self, ids: Iterable[int]) -> Iterator[int]:
        seen: set[int] = set()
        for tmdb_id in ids:
            if tmdb_id in seen:
                self.step.rows_in += 1
                self.step.duplicates += 1
            else:
                seen.add(tmdb_id)
                yield tmdb_id

    def _ahead(self, ask: Callable[[T], V], wanted: Iterable[T]) -> Iterator[tuple[T, Future[V]]]:
        """Yield each with its answer, in order, a few requests ahead of it."""
        under_way: deque[tuple[T, Future[V]]] = deque()
        for one in wanted:
            under_way.append((one, self.pool.submit(ask, one)))
            if len(under_way) >= _AHEAD * self.params.fetch_count:
                yield under_way.popleft()
        yield from under_way

    def _film(self, films: list[Film], tmdb_id: int, answer: Callable[[], Fetched[Json]]) -> None:
        """Account for one film. Raises CannotRun."""
        key = str(tmdb_id)
        try:
            made = _asked_for(tmdb_id, answer())
        except Rejected as error:
            self.rejects[key] = Reject(key, _reason(error), f"film {key}: {error.detail}")
            self.step.rejected += 1
        else:
            films.append(made)
            self.remarks += made.remarks
            self.looked_at |= {key} if made.row["poster_path"] else {key, _key(made)}
        self.step.rows_in += 1
        self.looked_at.add(key)

    def _take_posters(self, films: list[Film]) -> None:
        """Take in the posters, of which those the lake has under the same path are not fetched."""
        drawn = [one for one in films if one.row["poster_path"]]
        for one in drawn:
            if self._known(one):
                self._take(Item(_key(one), one.row["poster_path"], _never))
        left = [(_key(one), str(one.row["poster_path"])) for one in drawn if not self._known(one)]
        for (key, path), answer in self._ahead(self._ask_poster, left):
            self._take(_item(key, path, answer.result))

    def _ask_poster(self, wanted: tuple[str, str]) -> Fetched[bytes]:
        return self.client.poster(wanted[1])

    def _take(self, item: Item) -> None:
        self.looked_at.add(item.key)
        self.posters.take(item)
        if self.posters.is_full:
            self.posters.commit(self.journal)

    def _commit(self, films: list[Film]) -> None:
        """Bring films in: posters first, so that no film points to a picture that is not there."""
        self.posters.commit(self.journal)
        rows = [one.row | {"source": self.posters.source, "poster_image_id": self._shown(one)} for one in films]
        if rows:
            held = pa.Table.from_pylist(rows, movies.TABLE.schema)
            came = upsert(self.journal.store, self.journal.run, movies.TABLE, held)
            self.step.new += came.new.num_rows + came.changed.num_rows
            self.step.unchanged += came.unchanged
        self.journal.progress(self.step.step, self.step.rows_in, None)

    def _shown(self, one: Film) -> str | None:
        return self.posters.image_ids.get(_key(one)) or self._known(one)

    def _known(self, one: Film) -> str | None:
        """Return the poster that the lake held when the run began, if it is still the film's."""
        met = self.posters.met.get(_key(one))
        is_same = met and met.stamp == one.row["poster_path"] and met.image_id in self.posters.keys.values
        return met.image_id if met and is_same else None


def _asked_for(tmdb_id: int, told: Fetched[Json]) -> Film:
    made = film(told.value, told.fetched_at)
    if made.row["tmdb_id"] != tmdb_id:
        raise Rejected("wrong_film", f"TMDB answered with film {made.row['tmdb_id']}.")
    return made


def _reason(error: Rejected) -> str:
    return ABSENT if error.reason == "http_404" else error.reason


def _key(one: Film) -> str:
    """Return the poster's name in `image_sources`: a film has one, whose path is its version."""
    return f"movie/{one.row['movie_key']}/poster"


def _item(key: str, path: str, answer: Callable[[], Fetched[bytes]]) -> Item:
    """Return a poster that was asked for; what TMDB refused is refused when it is read. Raises CannotRun."""
    try:
        poster = answer()
    except Rejected as error:
        return Item(key, path, _refuse(error))
    return Item(key, path, lambda: poster.value, expires_at=poster.fetched_at + KEPT)


def _refuse(error: Rejected) -> Callable[[], bytes]:
    def read() -> bytes:
        raise Rejected(_reason(error), error.detail)

    return read


def _never() -> bytes:
    raise CannotRun("a poster that the lake holds was to be fetched. This is a fault in Tessera: please report it.")
