"""Deletion and expiry, from the inbox to the release, and the night that is killed half-way."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import boxes
import pyarrow as pa
import pytest
from boxes import NOW, Box, confirm, delete, label, mosaic, sha, upload, vote

from pipelines.executor import open_executor
from pipelines.ingest import image_sources, images, movies
from pipelines.ingest.inbox import labelled_samples, mosaic_requests, uploads, votes
from pipelines.lake.materialize import upsert
from pipelines.lake.objects import Objects
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.palette import palettes
from pipelines.producers import materialize
from warehouse import connection
from warehouse.release import release

GONE = (
    *(images.TABLE, image_sources.TABLE, uploads.TABLE, votes.TABLE, mosaic_requests.TABLE, labelled_samples.TABLE),
    palettes.TABLE,
)


def night(box: Box) -> None:
    """Run a whole night, release included."""
    journal = Journal(box.store, Run())
    boxes.source.ingest(journal, now=NOW)
    boxes.retire(journal, NOW)
    with open_executor("threads") as executor:
        materialize(journal, palettes.TABLE, executor, 1)
    release(journal, Objects(str(box.lake.parent / "releases")), box.lake.parent / "scratch")


def released(box: Box, table: str) -> set[str]:
    with connection.connect(releases=str(box.lake.parent / "releases")) as reader:
        return {row[0] for row in reader.execute(f"SELECT image_id FROM {table}").fetchall()}


@pytest.mark.slow
def test_a_deletion_reaches_everything_that_the_next_release_holds(box: Box) -> None:
    box.put(
        "a",
        *(upload(seed, "ana", visibility="shared") for seed in (1, 2, 3)),
        upload(2, "ben"),
        label(4, "Tee", "ana"),
        *(vote(seed, 1, "chen", 1) for seed in (1, 2, 3, 4)),
        *(mosaic(seed, user, 1) for seed in (1, 2, 3, 4) for user in ("ana", "chen")),
        *(confirm(seed, "Dress", "ana", 1) for seed in (1, 2)),
    )
    night(box)
    assert {table.name: sha(1) in released(box, table.name) for table in GONE} == dict.fromkeys(
        (table.name for table in GONE), True
    )
    box.put("b", delete(1, "ana", 2), delete(2, "ana", 2), delete(4, "ana", 2))
    night(box)
    kept = {table.name: released(box, table.name) for table in GONE}
    both = {sha(2), sha(3)}
    assert kept == {
        "images": both,
        "image_sources": both,
        "uploads": both,
        "palettes": both,
        "votes": {sha(3)},
        "mosaic_requests": {sha(3)},
        "labelled_samples": set(),
    }, "a shared picture survives for its other owner, what others say of it does not, for he keeps it to himself"
    assert box.values(uploads.TABLE, "user_id", "image_id") == [("ana", sha(3)), ("ben", sha(2))]


def _held(box: Box, *rows: dict[str, Any]) -> None:
    names = movies.TABLE.schema.names
    full = [dict.fromkeys(names) | _FILM | row for row in rows]
    upsert(box.store, Run(), movies.TABLE, pa.Table.from_pylist(full, movies.TABLE.schema))


_FILM = {
    "source": "tmdb",
    "title": "A film",
    "genres": [],
    "production_companies": [],
    "production_countries": [],
    "allow_training": False,
    "attribution": "TMDB",
}


def _posters(box: Box, **expiry: timedelta | None) -> None:
    """Put pictures in by the names of seeds, each with the time it has left."""
    pictures = [images.row(sha(int(name[1:])), boxes.picture(int(name[1:]))) for name in expiry]
    sources = [
        image_sources.row(
            "tmdb",
            name,
            name,
            sha(int(name[1:])),
            image_sources.Terms(allow_training=False, expires_at=None if left is None else NOW + left),
        )
        for name, left in expiry.items()
    ]
    for table, rows in ((images.TABLE, pictures), (image_sources.TABLE, sources)):
        upsert(box.store, Run(), table, pa.Table.from_pylist(rows, table.schema))


def test_what_has_expired_goes(box: Box) -> None:
    second = timedelta(seconds=1)
    _posters(box, p1=-second, p2=second, p3=None, p4=timedelta(0))
    _held(
        box,
        {"movie_key": "1", "expires_at": NOW - second},
        {"movie_key": "2", "expires_at": NOW + second},
        {"movie_key": "3"},
    )
    box.retire()
    assert sorted(box.values(images.TABLE, "image_id")) == sorted([sha(2), sha(3)])
    assert box.values(image_sources.TABLE, "key") == ["p2", "p3"]
    assert box.values(movies.TABLE, "movie_key") == ["2", "3"]


def test_an_expired_poster_that_a_user_put_in_too_stays(box: Box) -> None:
    _posters(box, p1=-timedelta(1))
    box.put("a", upload(1), vote(1, 1))
    box.put("b", vote(1, 1, "ben"))
    box.night()
    assert box.values(images.TABLE, "image_id") == [sha(1)]
    assert box.values(image_sources.TABLE, "source") == ["inbox"]
    assert box.values(votes.TABLE, "user_id") == ["ana"], "to others it is a private picture now"


def test_a_film_does_not_point_to_a_poster_that_has_expired_before_it(box: Box) -> None:
    _posters(box, p1=-timedelta(1), p2=timedelta(1))
    for seed in (1, 2):
        _held(box, {"movie_key": str(seed), "poster_image_id": sha(seed), "expires_at": NOW + timedelta(90)})
    box.retire()
    assert box.values(movies.TABLE, "movie_key", "poster_image_id") == [("1", None), ("2", sha(2))]


def test_retiring_twice_commits_once(box: Box) -> None:
    box.put("a", upload(1), upload(2), delete(1, at=1))
    box.night()
    versions = box.versions()
    box.retire()
    assert box.versions() == versions


class Killed(Exception):
    """The process ends here."""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_retirement_that_is_killed_is_finished_by_the_next_night(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    said = [vote(1, 1, "ben", 1), confirm(1, "Tee", "ana", 1), mosaic(1, "ben", 1), mosaic(1, "ana", 1)]
    lines = [upload(seed, visibility="shared") for seed in (1, 2)], said

    def fill(one: Box) -> Box:
        one.put("a", *lines[0])
        one.put("b", *lines[1])
        one.ingest()
        one.put("c", delete(1, "ana", 2))
        one.ingest()
        return one

    calm = fill(Box(tmp_path / "calm"))
    for _ in range(3):
        calm.night()
    commit, count = Store._commit, 0
    for nth in range(1, 12):
        other = fill(Box(tmp_path / f"{when}{nth}"))
        count = 0

        def killed(*args: Any, nth: int = nth) -> None:
            nonlocal count
            count += 1
            if count == nth and when == "before":
                raise Killed
            commit(*args)
            if count == nth:
                raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(Store, "_commit", killed)
            try:
                other.retire()
            except Killed:
                pass
            else:
                break
        assert nth < 11, "not all commits were killed"
        for _ in range(3):
            other.night()
        assert other.digests() == calm.digests(), nth
    assert nth > 5, "too few steps to kill"
