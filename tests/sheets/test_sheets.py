"""A sheet shows the piece, what is recommended beside it and why, to whom it may be shown; whatever its title says."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from PIL import Image

from pipelines.imaging import encode_jpeg
from pipelines.imaging.canvas import Canvas
from pipelines.lake.errors import CannotRun
from pipelines.lake.store import Store
from pipelines.sheets.content import Piece, Recommended, Sheet, Swatch, read
from pipelines.sheets.page import html
from pipelines.sheets.picture import png

sys.path.append(str(Path(__file__).parents[1] / "warehouse"))
from boutique import ID, opened, stock

RED = encode_jpeg(np.full((224, 224, 3), (200, 20, 20), np.uint8))
PIECE = Piece("a" * 64, "A red tee", (Swatch("C81414", "red", 0.75), Swatch("FFFFFF", "white", 0.25)), RED)
BESIDE = Recommended(replace(PIECE, title="Jeans", thumbnail=None), 1, 12.5, "14C8C8", "It goes with it.")
SHEET = Sheet(PIECE, {"similar": (), "complementary": (BESIDE,)})


@pytest.fixture(scope="module")
def release() -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(stock()) as connection:
        yield connection


def test_a_sheet_holds_what_the_release_recommends(release: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    sheet = read(release, Store(str(tmp_path)), ID["tee"][:10])
    assert sheet.piece.image_id == ID["tee"]
    assert [swatch.name for swatch in sheet.piece.swatches] == ["oxblood", "white", "pale pink"]
    told = release.execute("SELECT rec_id, score FROM similar_to(?) ORDER BY rank", [ID["tee"]]).fetchall()
    assert [(one.piece.image_id, one.score) for one in sheet.recommended["similar"]] == told
    assert all("It is number" in one.sentence for one in sheet.recommended["similar"])
    assert all(one.colour is not None for one in sheet.recommended["complementary"])


def test_others_see_nothing_of_a_private_piece(release: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert read(release, store, ID["ana's"], "ana").piece.title == "ana calls it so"
    for viewer in (None, "ben"):
        with pytest.raises(CannotRun, match="that may be seen here"):
            read(release, store, ID["ana's"], viewer)


def test_the_beginning_of_all_ids_is_none(release: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="Give more of its digits"):
        read(release, Store(str(tmp_path)), "")


def test_the_picture_shows_the_piece_its_palette_and_the_colour_that_chose() -> None:
    drawn = np.asarray(Image.open(io.BytesIO(png(SHEET))))
    for colour in ((200, 20, 20), (20, 200, 200), (255, 255, 255)):
        assert (drawn == colour).all(axis=2).sum() > 200
    assert drawn.shape[0] < np.asarray(Image.open(io.BytesIO(png(replace(SHEET, recommended=_twice()))))).shape[0]


def _twice() -> dict[str, tuple[Recommended, ...]]:
    return {"similar": (BESIDE,) * 10, "complementary": (BESIDE,) * 10}


def test_a_title_is_text_and_nothing_else() -> None:
    nasty = '<script>alert(1)</script> $picture & "quotes" 漢字 ' + "x" * 500
    page = html(replace(SHEET, piece=replace(PIECE, title=nasty, swatches=()), recommended={}))
    assert "<script>" not in page
    assert "Nothing is recommended beside it." in page
    assert png(replace(SHEET, piece=replace(PIECE, title=nasty)))


def test_a_text_ends_where_its_room_does() -> None:
    canvas = Canvas(200, 40)
    canvas.text(0, 0, "a title of very many words indeed", 16, 60)
    drawn = np.asarray(Image.open(io.BytesIO(canvas.png())))
    assert (drawn[:, :60] < 200).any()
    assert (drawn[:, 62:] == 255).all()
