"""What each person sees: their wardrobe, recommendations without what they dislike, and nothing private of others."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from boutique import (
    BENS_MOSAIC,
    ID,
    NOBODY,
    PIECES,
    alike,
    ask,
    asked,
    by_palette,
    cells,
    goes_with,
    laid_out,
    opened,
    pair,
    put,
    stock,
    vote,
)

from pipelines.duplicates import near_duplicates
from pipelines.ingest.inbox import mosaic_requests, votes
from pipelines.mosaic import mosaic_cells, mosaics
from pipelines.recommend import complementary, similar, similar_palettes
from warehouse.marts import VIEWS

ANAS_MOSAIC, OPEN_MOSAIC = "a" * 16, "0" * 16  # where Ben's private picture slips in

# How each view with a viewer is asked, for all that it could show.
QUESTIONS: dict[str, tuple[str, ...]] = {
    "visible_images": ("{viewer}",),
    "look_alikes": ("{viewer}",),
    "wardrobe": ("{viewer}",),
    "scored_labels": ("{viewer}",),
    "labels_above": ("0.1, {viewer}",),
    "best_tags": ("{viewer}",),
    "search_by_tag": ("'jersey', 0.0, {viewer}",),
    "images_under": ("'/', viewer := {viewer}",),
    "oklab_of": ("'8B1A1A', {viewer}",),
    "images_near": ("'8B1A1A', 2, 0.0, {viewer}",),
    "images_with_family": ("'red', 0.0, {viewer}",),
    "find_pieces": ("viewer := {viewer}", "'tee', 'jersey', '8B1A1A', 'red', 2, 0.0, {viewer}"),
    "settled_pieces": ("{viewer}",),
    "recommended_pieces": ("{viewer}",),
    "similar_to": ("'{image}', {viewer}",),
    "similar_palettes_to": ("'{image}', {viewer}",),
    "matches_for": ("'{image}', {viewer}",),
    "recommendations": ("{viewer}",),
    "discover": ("{viewer}, 100", "{viewer}, 3, 7"),
    "why_not_recommended": ("'{image}', '{tee}', {viewer}", "'{tee}', '{image}', {viewer}"),
    "explain_recommendation": (
        "'{image}', '{tee}', {viewer}",
        "'{tee}', '{image}', {viewer}",
        "'{image}', viewer := {viewer}",
    ),
    "mosaics_of": ("{viewer}",),
    "mosaic_tiles_of": tuple(f"'{mosaic}', {{viewer}}" for mosaic in (BENS_MOSAIC, ANAS_MOSAIC, OPEN_MOSAIC)),
}


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(stock()) as connection:
        yield connection


@pytest.fixture(scope="module")
def leaky() -> Iterator[duckdb.DuckDBPyConnection]:
    """The boutique, and in every table rows that name Ben's private picture, also where they should not."""
    rows = stock()
    rows[similar.TABLE] += alike("jeans", "ben's", "tee")
    rows[similar_palettes.TABLE] = [*by_palette("jeans", "ben's", "tee"), *by_palette("ben's", "tee")]
    rows[complementary.TABLE] += [goes_with("jeans", "ben's"), goes_with("tee", "ben's", rank=2)]
    rows[near_duplicates.TABLE] += [pair("crimson tee", "ben's"), pair("ana's", "ben's")]
    rows[votes.TABLE] = [vote(user, name, 1) for user in ("ana", "ben") for name in ("ben's", "crimson tee")]
    slips = (
        (ANAS_MOSAIC, "ana", "ana's"),
        (OPEN_MOSAIC, None, "tee"),
        ("c" * 16, "ana", "ben's"),
        ("d" * 16, None, "ben's"),
    )
    rows[mosaic_requests.TABLE] += [asked(*slip) for slip in slips]
    rows[mosaics.TABLE] += [laid_out(*slip) for slip in slips]
    rows[mosaic_cells.TABLE] += [cell for slip in slips for cell in cells(slip[0], "tee", "ben's")]
    with opened(rows) as connection:
        yield connection


def test_every_view_with_a_viewer_is_put_the_question() -> None:
    assert QUESTIONS.keys() == {view.table.name for view in VIEWS if view.viewer}


def questions(viewer: str, image: str) -> Iterator[str]:
    quoted = f"'{viewer}'" if viewer else "NULL"
    for name, forms in QUESTIONS.items():
        for form in forms:
            yield f"FROM {name}({form.format(viewer=quoted, image=image, tee=ID['tee'])})"


@pytest.mark.parametrize("viewer", ["", "ana", "cai", "ben' OR true --".replace("'", "''")])
def test_nothing_private_of_others_shows(leaky: duckdb.DuckDBPyConnection, viewer: str) -> None:
    images = set(ID.values()) - {ID["ben's"]}
    for query in {query for image_id in images for query in questions(viewer, image_id)}:
        answer = repr(ask(leaky, query))
        assert ID["ben's"] not in answer, query
        assert f"upload/ben/{ID['crimson tee']}" not in answer, query


@pytest.mark.parametrize("viewer", ["", "ana", "cai"])
def test_who_asks_of_a_private_picture_by_its_id_hears_what_one_of_no_id_hears(
    leaky: duckdb.DuckDBPyConnection, viewer: str
) -> None:
    for known, unknown in zip(questions(viewer, ID["ben's"]), questions(viewer, NOBODY), strict=True):
        said, expected = (repr(ask(leaky, query)) for query in (known, unknown))
        assert said.replace(ID["ben's"], NOBODY) == expected, known


def test_its_owner_sees_it(leaky: duckdb.DuckDBPyConnection) -> None:
    silent = {"oklab_of", "discover", "why_not_recommended"}  # which show no uploads, and no recommended pair
    for name, forms in QUESTIONS.items():
        answers = [
            ask(leaky, f"FROM {name}({form})".format(viewer="'ben'", image=ID["ben's"], tee=ID["tee"]))
            for form in forms
        ]
        assert name in silent or ID["ben's"] in repr(answers), name


def test_the_wardrobe_is_what_was_put_in_and_what_is_liked(db: duckdb.DuckDBPyConnection) -> None:
    said = [vote("ana", "jeans", 1), vote("ana", "watch", -1), vote("ana", "frog", 1), vote("ana", "ben's", 1)]
    put(db, votes.TABLE, *said, vote("ana", "ana's", 1), vote("ben", "tee", 1), vote("ben", "jeans", -1))
    query = "SELECT image_id, origin, title, visibility, like_count, dislike_count FROM wardrobe('ana')"
    assert ask(db, query) == [
        (ID["ana's"], "upload", "ana calls it so", "private", 1, 0),
        (ID["jeans"], "liked", "jeans", None, 1, 1),
    ]
    assert ask(db, "SELECT DISTINCT user_id FROM wardrobe('ben')") == [("ben",)]
    assert ask(db, "FROM wardrobe(NULL)") == []
    assert ask(db, "FROM wardrobe('nobody')") == []


def test_a_piece_put_in_and_liked_hangs_there_once(db: duckdb.DuckDBPyConnection) -> None:
    put(db, votes.TABLE, vote("ben", "crimson tee", 1))
    query = "SELECT origin FROM wardrobe('ben') WHERE image_id = ?"
    assert ask(db, query, ID["crimson tee"]) == [("upload",)]


def test_discovered_pieces_are_drawn_by_a_seed(db: duckdb.DuckDBPyConnection) -> None:
    def drawn(viewer: str, count: int, seed: int = 0) -> list[str]:
        return [image_id for (image_id,) in ask(db, "SELECT image_id FROM discover(?, ?, ?)", viewer, count, seed)]

    everything = drawn("cai", 100)
    assert sorted(everything) == sorted(
        ID[name] for name in ("tee", "crimson tee", "navy tee", "twin of navy tee", "jeans", "watch")
    )
    assert drawn("cai", 2) == everything[:2] == drawn("cai", 2)
    assert len({tuple(drawn("cai", 100, seed)) for seed in range(5)}) > 1
    assert len(ask(db, "FROM discover('cai')")) == 1


def test_what_was_voted_on_is_not_discovered(db: duckdb.DuckDBPyConnection) -> None:
    put(db, votes.TABLE, vote("cai", "tee photo", -1), vote("cai", "jeans", 1), vote("ben", "watch", 1))
    left = {image_id for (image_id,) in ask(db, "SELECT image_id FROM discover('cai', 100)")}
    assert left == {ID[name] for name in ("crimson tee", "navy tee", "twin of navy tee", "watch")}


def similar_ids(db: duckdb.DuckDBPyConnection, name: str, viewer: str) -> list[str]:
    found = ask(db, "SELECT rec_id FROM similar_to(?, ?)", ID[name], viewer)
    return [next(name for name in PIECES if ID[name] == rec_id) for (rec_id,) in found]


def test_a_disliked_piece_never_comes_back_nor_do_its_look_alikes(db: duckdb.DuckDBPyConnection) -> None:
    everything = similar_ids(db, "tee", "ana")
    assert set(everything) == {"crimson tee", "ben's for all", "navy tee", "twin of navy tee"}
    put(db, votes.TABLE, vote("ana", "twin of navy tee", -1))
    assert similar_ids(db, "tee", "ana") == [name for name in everything if "navy" not in name]
    assert similar_ids(db, "tee", "cai") == everything
    for macro in ("recommended_pieces('ana')", "recommendations('ana')"):
        recommended = {rec_id for (rec_id,) in ask(db, f"SELECT rec_id FROM {macro}")}
        assert recommended
        assert not recommended & {ID["navy tee"], ID["twin of navy tee"]}


def test_by_palette_a_disliked_piece_is_gone_too(db: duckdb.DuckDBPyConnection) -> None:
    put(db, similar_palettes.TABLE, *by_palette("tee", "crimson tee", "jeans"))
    assert ask(db, "SELECT rec_id FROM similar_palettes_to(1, 'ana')") == [(ID["crimson tee"],), (ID["jeans"],)]
    put(db, votes.TABLE, vote("ana", "jeans", -1))
    assert ask(db, "SELECT rank, rec_id FROM similar_palettes_to(?, 'ana')", ID["tee"]) == [(1, ID["crimson tee"])]


def test_who_dislikes_the_photo_dislikes_the_piece(db: duckdb.DuckDBPyConnection) -> None:
    put(db, votes.TABLE, vote("ana", "tee photo", -1))
    assert "tee" not in similar_ids(db, "crimson tee", "ana")
    assert "tee" in similar_ids(db, "crimson tee", "cai")


def test_a_dislike_of_the_past_that_became_a_like_hides_nothing(db: duckdb.DuckDBPyConnection) -> None:
    put(db, votes.TABLE, vote("ana", "navy tee", 1))
    assert "navy tee" in similar_ids(db, "tee", "ana")


def test_a_disliked_match_is_gone_too(db: duckdb.DuckDBPyConnection) -> None:
    assert ask(db, "SELECT rec_id FROM matches_for(?, 'ana')", ID["tee"]) == [(ID["jeans"],)]
    put(db, votes.TABLE, vote("ana", "jeans", -1))
    assert ask(db, "FROM matches_for(?, 'ana')", ID["tee"]) == []


def test_the_photo_of_a_piece_stands_for_it(db: duckdb.DuckDBPyConnection) -> None:
    for macro in ("similar_to", "matches_for"):
        of_piece, of_photo = (ask(db, f"FROM {macro}(?)", ID[name]) for name in ("tee", "tee photo"))
        assert of_piece == of_photo != []


@pytest.mark.parametrize("macro", ["similar_to", "matches_for"])
def test_a_product_is_asked_of_by_its_number(db: duckdb.DuckDBPyConnection, macro: str) -> None:
    of_image = ask(db, f"FROM {macro}(?)", ID["tee"])
    assert ask(db, f"FROM {macro}(1)") == ask(db, f"FROM {macro}('1')") == of_image != []
    assert ask(db, f"FROM {macro}(9000010)") == ask(db, f"FROM {macro}(1e30)") == ask(db, f"FROM {macro}(NULL)") == []


def test_recommendations_are_for_what_one_has_and_never_of_it(db: duckdb.DuckDBPyConnection) -> None:
    put(db, votes.TABLE, vote("ana", "tee photo", 1), vote("ana", "ben's for all", 1))
    found = ask(db, "SELECT source_id, kind, rank, rec_id FROM recommendations('ana')")
    assert {row[0] for row in found} == {ID["ana's"], ID["tee"], ID["ben's for all"]}
    assert {row[1] for row in found} == {"similar", "complementary"}
    assert not {row[3] for row in found} & {ID["tee"], ID["tee photo"], ID["ana's"], ID["ben's for all"]}
    assert [row for row in found if row[0] == ID["ana's"]] == [
        (ID["ana's"], "similar", rank, rec_id)
        for rank, rec_id in ask(db, 'SELECT rank, rec_id FROM "similar" WHERE source_id = ? ORDER BY rank', ID["ana's"])
        if rec_id not in (ID["tee"], ID["ben's for all"])
    ] + [(ID["ana's"], "complementary", 1, ID["jeans"])]


def test_look_alikes_of_what_one_has_are_not_recommended(db: duckdb.DuckDBPyConnection) -> None:
    put(db, votes.TABLE, vote("ana", "navy tee", 1))
    assert not {row[0] for row in ask(db, "SELECT rec_id FROM recommendations('ana')")} & {ID["twin of navy tee"]}


def test_nobody_has_no_recommendations(db: duckdb.DuckDBPyConnection) -> None:
    assert ask(db, "FROM recommendations(NULL)") == ask(db, "FROM recommendations('cai')") == []
    assert ask(db, "FROM settled_pieces(NULL)") == []
