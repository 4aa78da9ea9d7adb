"""Search by colour: distances as the palettes have them, plain errors, and colours together with labels and tags."""

from __future__ import annotations

from collections.abc import Iterator
from math import dist

import duckdb
import pytest
from boutique import ID, PIECES, ask, opened, stock
from hypothesis import assume, given
from hypothesis import strategies as st
from tiny_lake import ONE, TWO, Night

import warehouse
from pipelines.palette.color import rgb_of, to_oklab

COLOURS = st.from_regex(r"[0-9A-F]{6}", fullmatch=True)


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(stock()) as connection:
        yield connection


def oklab(digits: str) -> tuple[float, float, float]:
    return to_oklab(*map(float, rgb_of(digits)))


@given(COLOURS)
def test_a_written_colour_is_the_palettes_colour(db: duckdb.DuckDBPyConnection, digits: str) -> None:
    ((held, *channels),) = ask(db, "FROM oklab_of(?)", digits)
    assert held == digits
    assert tuple(channels[:3]) == rgb_of(digits)
    assert channels[3:] == pytest.approx(oklab(digits), abs=1e-6)


def test_white_to_black_is_one(db: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT w.lightness - b.lightness FROM oklab_of('#FFFFFF') AS w, oklab_of('#000000') AS b"
    assert ask(db, query)[0][0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("spelled", ["#8B1A1A", "8b1a1a", " #8b1A1a "])
def test_any_spelling_of_a_colour_is_understood(db: duckdb.DuckDBPyConnection, spelled: str) -> None:
    assert ask(db, "SELECT hex FROM oklab_of(?)", spelled) == [("8B1A1A",)]
    assert {row[0] for row in ask(db, "SELECT image_id FROM images_near(?, 0.0)", spelled)} == {
        ID["tee"],
        ID["tee photo"],
        ID["watch"],
    }


@pytest.mark.parametrize("spelled", ["red", "", "#8B1A1", "#8B1A1A0", "##8B1A1A", "8B1A1G", "８B1A1A", None])
@pytest.mark.parametrize("asked", ["oklab_of(?)", "images_near(?)", "find_pieces(colour := coalesce(?, ''))"])
def test_what_is_no_colour_is_said_in_a_sentence(
    db: duckdb.DuckDBPyConnection, asked: str, spelled: str | None
) -> None:
    with pytest.raises(duckdb.Error, match=r"cannot be read\. Write it as six hex digits, .* like '#8B1A1A'"):
        ask(db, f"FROM {asked}", spelled)


@given(COLOURS, st.floats(0, 1.2), st.sampled_from([0.0, 0.25, 0.3, 0.75]))
def test_near_is_what_a_plain_loop_finds(
    db: duckdb.DuckDBPyConnection, digits: str, within: float, min_share: float
) -> None:
    expected = {}
    for name, colours in PIECES.items():
        apart = [(dist(oklab(each), oklab(digits)), each, share) for each, share in colours if share >= min_share]
        assume(all(each[0] == within or abs(each[0] - within) > 1e-6 for each in apart))  # palettes are rounded
        if apart and min(apart)[0] <= within and name not in ("ana's", "ben's"):
            expected[ID[name]] = min(apart)
    found = ask(db, "SELECT image_id, distance, hex, share FROM images_near(?, ?, ?)", digits, within, min_share)
    assert {row[0] for row in found} == expected.keys()
    for image_id, distance, hex_digits, share in found:
        assert (distance, hex_digits, share) == (
            pytest.approx(expected[image_id][0], abs=1e-6),
            *expected[image_id][1:],
        )
    assert found == sorted(found, key=lambda row: (row[1], row[0]))


def test_each_image_comes_once_with_its_nearest_swatch(db: duckdb.DuckDBPyConnection) -> None:
    row = next(row for row in ask(db, "FROM images_near('#8B1A1A', 2)") if row[0] == ID["watch"])
    assert row[1:] == (0, "8B1A1A", "oxblood", 0.25, 1)


def test_a_family_counts_all_its_swatches(db: duckdb.DuckDBPyConnection) -> None:
    red = ask(db, "SELECT image_id, share FROM images_with_family('red')")
    assert dict(red) == {ID["tee"]: 0.5, ID["tee photo"]: 0.75, ID["crimson tee"]: 0.75, ID["ben's for all"]: 1}
    assert [share for _, share in red] == sorted((share for _, share in red), reverse=True)
    assert (ID["watch"], 0.25) in ask(db, "SELECT image_id, share FROM images_with_family(' RED ', 0.25)")
    assert ask(
        db, "SELECT colours FROM images_with_family('red', viewer := 'ana') WHERE image_id = ?", ID["ana's"]
    ) == [(["DC143C", "8B1A1A"],)]


@pytest.mark.parametrize("asked", ["images_with_family(?)", "find_pieces(family := ?)"])
def test_an_unknown_family_is_answered_with_those_there_are(db: duckdb.DuckDBPyConnection, asked: str) -> None:
    with pytest.raises(duckdb.Error, match=r'family "mauve"\. There are: blue, green, pink, red, white\.'):
        ask(db, f"FROM {asked}", "mauve")


@pytest.mark.parametrize(
    ("asked", "plain"),
    [
        ("images_near('8B1A1A', NULL, NULL)", "images_near('8B1A1A')"),
        ("images_near('8B1A1A', within := NULL)", "images_near('8B1A1A', 0.1, 0)"),
        ("images_with_family('red', NULL)", "images_with_family('red', 0.3)"),
        ("find_pieces(colour := '8B1A1A', within := NULL)", "find_pieces(colour := '8B1A1A', within := 0.1)"),
        ("find_pieces(family := 'red', min_share := NULL)", "find_pieces(family := 'red', min_share := 0.3)"),
    ],
)
def test_null_is_the_default(db: duckdb.DuckDBPyConnection, asked: str, plain: str) -> None:
    assert ask(db, f"FROM {asked}") == ask(db, f"FROM {plain}") != []


@pytest.mark.parametrize("share", ["30", "1.01", "-0.1", "'nan'::DOUBLE"])
@pytest.mark.parametrize(
    "asked",
    [
        "images_near('8B1A1A', 0.1, {share})",
        "images_with_family('red', {share})",
        "find_pieces(min_share := {share})",
        "find_pieces(tag := 'koala', min_share := {share})",
        "find_pieces(colour := '8B1A1A', family := 'red', min_share := {share})",
    ],
)
def test_what_is_no_share_is_said_in_a_sentence(db: duckdb.DuckDBPyConnection, asked: str, share: str) -> None:
    with pytest.raises(duckdb.Error, match=r"min_share is .*, but shares lie in 0\.\.1: 30 % is 0\.3\."):
        ask(db, f"FROM {asked.format(share=share)}")


def test_a_label_and_a_colour_in_one_question(db: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT image_id, label_groups, distance, name FROM find_pieces(label := 'tee', colour := '#8b1a1a')"
    assert [(row[0], row[1], row[3]) for row in ask(db, query) if row[2] == 0] == sorted(
        (ID[name], ["piece"], "oxblood") for name in ("tee", "tee photo")
    )
    assert ask(db, "SELECT image_id FROM find_pieces(label := 'Watches', colour := '228b22')") == [(ID["watch"],)]
    assert ask(db, "SELECT image_id FROM find_pieces(label := 'Jeans', colour := '228b22')") == []
    assert ask(db, "SELECT image_id, label_groups FROM find_pieces(label := ' red ')") == [(ID["tee"], ["base_colour"])]


def test_a_tag_and_a_family_in_one_question(db: duckdb.DuckDBPyConnection) -> None:
    found = ask(db, "SELECT image_id, probability, family_share FROM find_pieces(tag := 'Jersey', family := 'green')")
    assert found == [(ID["watch"], 0.5, 0.75)]  # the frog is no piece
    assert ask(db, "FROM find_pieces(tag := 'koala', family := 'green')") == []
    assert ask(db, "FROM find_pieces(tag := 'jersey', family := 'green', min_share := 0.8)") == []


def test_what_is_not_asked_for_is_empty(db: duckdb.DuckDBPyConnection) -> None:
    found = ask(db, "FROM find_pieces()")
    assert {row[0] for row in found} == {ID[name] for name in PIECES} - {
        ID[name] for name in ("ana's", "ben's", "frog")
    }
    assert {row[1:] for row in found} == {(None,) * 6}


def test_where_there_is_nothing_nothing_is_found() -> None:
    with opened({table: [] for table in stock()}) as empty:
        for query in (
            "images_near('#8B1A1A')",
            "find_pieces()",
            "find_pieces(label := 'Tee', tag := 'x', colour := '0'*6)",
        ):
            assert ask(empty, f"FROM {query}".replace("'0'*6", "'000000'")) == []
        with pytest.raises(duckdb.Error, match="There are: none yet"):
            ask(empty, "FROM images_with_family('red')")


def test_a_release_is_searched_by_colour(later: Night) -> None:
    with warehouse.connect(releases=later.uri) as connection:
        found = ask(connection, "SELECT image_id, distance, hex, share FROM images_near('#000000')")
        assert found == [(image_id, 0, "000000", 0.75) for image_id in sorted((ONE, TWO))]
        assert ask(connection, "SELECT image_id FROM images_near('#000001', 0.0)") == [(i,) for i in sorted((ONE, TWO))]
        with pytest.raises(duckdb.Error, match="six hex digits"):
            ask(connection, "FROM images_near('black')")
