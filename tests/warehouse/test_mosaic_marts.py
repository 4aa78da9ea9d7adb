"""What people see of mosaics: their own and the operators', as they were asked for, and no tile of somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from boutique import ID, ask, asked, cells, laid_out, opened, put, stock, tile

from pipelines.ingest import image_sources
from pipelines.ingest.image_sources import Terms
from pipelines.ingest.inbox import mosaic_requests, uploads
from pipelines.ingest.inbox.ledger import SOURCE, source_key
from pipelines.mosaic import mosaic_cells, mosaic_tiles, mosaics

WHOSE = {  # mosaic → who asked, and for what
    "1": ("ana", "ana's"),
    "2": ("ben", "ben's"),
    "3": (None, "tee"),
    "4": (None, "ben's for all"),
    "5": (None, "ana's"),  # which has become private since
    "6": ("ana", "ben's for all"),
    "7": ("ben", "tee"),
}


def mosaic_id(digit: str) -> str:
    return digit * 16


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    rows = stock()
    rows[mosaic_tiles.TABLE] = [tile("tee"), tile("jeans"), tile("ana's", "ana"), tile("ben's for all", "ben", True)]
    rows[mosaic_requests.TABLE] = [
        asked(mosaic_id(digit), *whose, asked_at=int(digit)) for digit, whose in WHOSE.items()
    ]
    rows[mosaics.TABLE] = [laid_out(mosaic_id(digit), *whose) for digit, whose in WHOSE.items()]
    shown = ("jeans", "tee", "jeans", "ana's", "jeans", "ben's for all", "ana's")
    rows[mosaic_cells.TABLE] = [cell for digit in WHOSE for cell in cells(mosaic_id(digit), *shown)]
    with opened(rows) as connection:
        yield connection


def seen(db: duckdb.DuckDBPyConnection, viewer: str | None) -> str:
    return "".join(found[0] for (found,) in ask(db, "SELECT mosaic_id FROM mosaics_of(?)", viewer))


def tiles(db: duckdb.DuckDBPyConnection, digit: str, viewer: str | None) -> list[tuple[Any, ...]]:
    names = {image_id: name for name, image_id in ID.items()}
    query = "SELECT tile_id, use_count, mean_distance FROM mosaic_tiles_of(?, viewer := ?)"
    return [(names[tile_id], *rest) for tile_id, *rest in ask(db, query, mosaic_id(digit), viewer)]


@pytest.mark.parametrize(
    ("viewer", "digits"), [("ana", "6431"), ("ben", "7432"), ("cai", "43"), (None, "43"), ("", "43"), ("' OR 1", "43")]
)
def test_a_user_sees_their_own_and_the_operators_newest_first(
    db: duckdb.DuckDBPyConnection, viewer: str | None, digits: str
) -> None:
    assert seen(db, viewer) == digits


def test_a_picture_that_has_become_private_takes_its_mosaics_along(db: duckdb.DuckDBPyConnection) -> None:
    db.execute("UPDATE uploads SET visibility = 'private' WHERE image_id = ?", [ID["ben's for all"]])
    assert [seen(db, viewer) for viewer in ("ana", "ben", None)] == ["31", "732", "3"]


def test_what_was_taken_back_is_seen_no_more(db: duckdb.DuckDBPyConnection) -> None:
    db.execute("UPDATE mosaic_requests SET is_wanted = false WHERE mosaic_id = ?", [mosaic_id("1")])
    assert seen(db, "ana") == "643"
    assert tiles(db, "1", "ana") == []


def test_a_labelled_sample_is_its_users_own(db: duckdb.DuckDBPyConnection) -> None:
    db.execute(f"DELETE FROM {uploads.TABLE.name} WHERE image_id = ?", [ID["ana's"]])
    assert seen(db, "ana") == "643"
    key = source_key("label", "ana", ID["ana's"])
    put(db, image_sources.TABLE, image_sources.row(SOURCE, key, "1", ID["ana's"], Terms(True)))
    assert seen(db, "ana") == "6431"
    assert seen(db, "ben") == "7432"


def test_the_options_stand_beside_what_came_of_them(db: duckdb.DuckDBPyConnection) -> None:
    options = {"sources": ["fashion"], "families": ["blue", "red"], "apart": 2, "tile_px": 64, "tint": 0.25}
    put(db, mosaic_requests.TABLE, asked(mosaic_id("8"), "ana", "tee", columns=None, asked_at=9, **options))
    put(db, mosaics.TABLE, laid_out(mosaic_id("8"), "ana", "tee"))
    query = 'SELECT sources, families, apart, tile_px, tint, "columns", picture FROM mosaics_of(?) LIMIT 1'
    assert ask(db, query, "ana") == [
        (["fashion"], ["blue", "red"], 2, 64, 0.25, 1, f"_mosaics/{'8' * 16}/1/mosaic.jpg")
    ]


def test_the_tiles_of_a_mosaic_the_most_used_first(db: duckdb.DuckDBPyConnection) -> None:
    assert tiles(db, "1", "ana") == [
        ("jeans", 3, 0.5),
        ("ana's", 2, 1.125),
        ("tee", 1, 0.25),
        ("ben's for all", 1, 1.25),
    ]
    query = "SELECT label, source FROM mosaic_tiles_of(?, 'ana') WHERE tile_id = ?"
    assert ask(db, query, mosaic_id("1"), ID["ana's"]) == [("jersey", "uploads")]


@pytest.mark.parametrize("digit", ["3", "7"])
def test_a_tile_that_is_not_for_the_viewer_is_left_out(db: duckdb.DuckDBPyConnection, digit: str) -> None:
    assert [name for name, *_ in tiles(db, digit, "ben")] == ["jeans", "tee", "ben's for all"]


def test_who_asks_of_a_mosaic_of_somebody_else_hears_what_one_of_no_mosaic_hears(db: duckdb.DuckDBPyConnection) -> None:
    for viewer, theirs in (("ben", "156"), ("ana", "257"), ("cai", "12567"), (None, "12567")):
        assert {digit for digit in (*WHOSE, "9") if not tiles(db, digit, viewer)} == {*theirs, "9"}
    assert ask(db, "FROM mosaic_tiles_of(NULL)") == []
