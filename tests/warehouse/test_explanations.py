"""explain_recommendation: the sentence, the columns and the table say the same; and what keeps a piece out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from boutique import ID, NOBODY, alike, ask, labelled, opened, put, stock, swatches, vote

from pipelines.inference import labels
from pipelines.ingest.inbox import votes
from pipelines.palette import palettes
from pipelines.recommend import label_aliases, match_labels, similar
from pipelines.recommend.seeds import MATCH_ONLY
from warehouse.marts import why_not_recommended

Row = dict[str, Any]


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(stock()) as connection:
        yield connection


def explained(db: duckdb.DuckDBPyConnection, source: str, candidate: str, viewer: str | None = None) -> list[Row]:
    query = "FROM explain_recommendation(?, ?, ?)"
    rows = ask(db, query, ID.get(source, source), ID.get(candidate, candidate), viewer)
    return [dict(zip([column[0] for column in db.description or ()], row, strict=True)) for row in rows]


def test_every_similar_piece_is_explained_by_what_made_it(db: duckdb.DuckDBPyConnection) -> None:
    query = 'SELECT source_id, rec_id, rank, score, block, shared_labels, nearest FROM "similar" ORDER BY ALL'
    for source_id, rec_id, rank, score, block, shared, nearest in ask(db, query):
        viewer = {ID["ana's"]: "ana", ID["ben's"]: "ben"}.get(source_id)
        (found,) = (row for row in explained(db, source_id, rec_id, viewer) if row["kind"] == "similar")
        assert (found["rank"], found["score"], found["block"], found["labels"]) == (rank, score, block, shared)
        assert found["is_recommended"]
        assert found["reason"] is None
        pairs = found["swatch_pairs"]
        assert sum(pair["weight"] * pair["distance"] for pair in pairs) == pytest.approx(score, rel=1e-6)
        theirs = dict(ask(db, "SELECT rank, hex FROM palettes WHERE image_id = ?", rec_id))
        assert [pair["candidate_hex"] for pair in pairs] == [theirs[place] for place in nearest]
        assert f"number {rank} of the most similar" in found["sentence"]
        assert f"{score:.2f} away" in found["sentence"]
        assert all(label in found["sentence"] for label in shared)


def test_the_weightiest_colours_are_named(db: duckdb.DuckDBPyConnection) -> None:
    db.execute("DELETE FROM palettes WHERE image_id = ?", [ID["tee"]])
    put(db, palettes.TABLE, *swatches("tee", (0.25, 0.125, 0.625)))
    (found,) = explained(db, "tee", "crimson tee")
    assert "the source's pale pink #FFC0CB meets its " in found["sentence"]


def test_a_match_is_explained_by_its_colour(db: duckdb.DuckDBPyConnection) -> None:
    (found,) = explained(db, "tee", "jeans")
    assert (found["kind"], found["rank"], found["relation"]) == ("complementary", 1, "hue-180")
    assert (found["colour_hex"], found["labels"], found["score"]) == ("1A8B8B", ["Jeans"], 12.5)
    assert found["swatch_pairs"] == [
        {
            "source_hex": "8B1A1A",
            "source_name": "oxblood",
            "weight": 1.0,
            "candidate_hex": "000080",
            "candidate_name": "navy",
            "distance": 12.5,
        }
    ]
    assert found["sentence"] == (
        "It is number 1 of the best matches: as Jeans it goes with the source, and its navy #000080 is 12.50 away "
        "(RGB) from #1A8B8B, the complementary colour (hue-180) of the source's oxblood #8B1A1A. "
        "The source's labels are the catalogue's own."
    )


RELATIONS = {
    "analogous": ("hue-30", "hue+30"),
    "minor analogous": ("hue-45", "hue+45"),
    "complementary": ("hue-180",),
    "stronger": ("saturation+40", "saturation+20"),
    "softer": ("saturation-20", "saturation-40"),
    "lighter": ("value+40", "value+20"),
    "darker": ("value-20", "value-40"),
}


@pytest.mark.parametrize(("word", "relation"), [(word, each) for word, all_of in RELATIONS.items() for each in all_of])
def test_each_relation_has_its_word(db: duckdb.DuckDBPyConnection, word: str, relation: str) -> None:
    db.execute("UPDATE complementary SET relation = ?", [relation])
    (found,) = explained(db, "tee", "jeans")
    assert re.search(rf", the {word} (colour|shade) \({re.escape(relation)}\) of ", found["sentence"])


def test_whose_labels_and_which_files(db: duckdb.DuckDBPyConnection) -> None:
    found = explained(db, "ana's", "tee", "ana")[0]
    assert (found["label_source"], found["model_name"], found["model_version"]) == ("predicted", "fashion-labels", 3)
    assert (found["candidate_label_source"], found["candidate_model_name"]) == ("true", None)
    assert found["source_files"] == [{"source": "inbox", "key": "upload/ana/" + ID["ana's"]}]
    assert found["candidate_files"] == [{"source": "sample", "key": "tee.jpg"}]
    assert found["sentence"].endswith("The source's labels are predicted by fashion-labels version 3.")


def test_files_of_others_private_copies_are_not_named(db: duckdb.DuckDBPyConnection) -> None:
    shop = [{"source": "sample", "key": "crimson tee.jpg"}]
    assert explained(db, "tee", "crimson tee", "ana")[0]["candidate_files"] == shop
    own = {"source": "inbox", "key": f"upload/ben/{ID['crimson tee']}"}
    assert explained(db, "tee", "crimson tee", "ben")[0]["candidate_files"] == [own, *shop]


def test_both_kinds_come_as_two_rows(db: duckdb.DuckDBPyConnection) -> None:
    put(db, similar.TABLE, *alike("jeans", "tee"))
    db.execute("UPDATE complementary SET rec_id = ? WHERE source_id = ?", [ID["crimson tee"], ID["tee"]])
    assert [row["kind"] for row in explained(db, "tee", "crimson tee")] == ["similar", "complementary"]


def test_without_a_candidate_all_are_explained(db: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT kind, rank FROM explain_recommendation(?)"
    assert ask(db, query, ID["tee"]) == [("similar", rank) for rank in (1, 2, 3, 4)] + [("complementary", 1)]


WHY_NOT = [
    ("tee", "tee", None, "same_piece"),
    ("tee", "tee photo", None, "same_piece"),
    ("navy tee", "twin of navy tee", None, "near_duplicate"),
    ("tee", "ben's", "ben", "near_duplicate"),
    ("crimson tee", "ben's", "ben", "private"),
    ("crimson tee", "ben's", "ana", "candidate_unknown"),
    ("ben's", "crimson tee", "ana", "source_unknown"),
    (NOBODY, "tee", None, "source_unknown"),
    ("tee", NOBODY, None, "candidate_unknown"),
    ("frog", "tee", None, "source_no_piece"),
    ("tee", "frog", None, "candidate_no_piece"),
    ("jeans", "tee", None, "no_recommendations"),
    ("tee", "watch", None, "no_shared_label"),
]


@pytest.mark.parametrize(("source", "candidate", "viewer", "reason"), WHY_NOT)
def test_what_keeps_a_piece_out(
    db: duckdb.DuckDBPyConnection, source: str, candidate: str, viewer: str | None, reason: str
) -> None:
    (found,) = explained(db, source, candidate, viewer)
    assert (found["kind"], found["is_recommended"], found["reason"]) == (None, False, reason)
    assert found["sentence"].startswith("It is not recommended: ")


def test_what_is_disliked_is_said_to_be_so(db: duckdb.DuckDBPyConnection) -> None:
    put(db, votes.TABLE, vote("ana", "crimson tee", -1))
    assert [row["reason"] for row in explained(db, "tee", "crimson tee", "ana")] == ["disliked"]
    assert [row["reason"] for row in explained(db, "tee", "crimson tee", "cai")] == [None]


def test_what_has_no_colours_is_said_to_have_none(db: duckdb.DuckDBPyConnection) -> None:
    db.execute("DELETE FROM palettes WHERE image_id = ?", [ID["watch"]])
    assert [row["reason"] for row in explained(db, "tee", "watch")] == ["no_colours"]


def ten(db: duckdb.DuckDBPyConnection, score: float) -> None:
    """Give the tee ten other recommendations of this score."""
    db.execute('DELETE FROM "similar" WHERE source_id = ?', [ID["tee"]])
    (one,) = alike("tee", "navy tee")
    made = [one | {"rank": rank, "rec_id": f"{rank:064x}", "score": score} for rank in range(1, 11)]
    put(db, similar.TABLE, *made)


def test_what_is_too_far_is_told_by_how_much(db: duckdb.DuckDBPyConnection) -> None:
    ten(db, 10.0)
    (expected,) = alike("tee", "crimson tee")
    (found,) = explained(db, "tee", "crimson tee")
    assert found["reason"] == "not_among_ten"
    assert found["score"] == pytest.approx(expected["score"], rel=1e-6)
    assert (
        f"its colours are {expected['score']:.2f} away and those of the furthest of the ten 10.00" in found["sentence"]
    )


def test_what_no_table_accounts_for_is_not_accounted_for(db: duckdb.DuckDBPyConnection) -> None:
    ten(db, 1000.0)
    (found,) = explained(db, "tee", "crimson tee")
    assert found["reason"] == "not_told"
    assert "cannot be told from this release" in found["sentence"]


def test_what_is_of_another_kind_is_not_said_to_be_too_far(db: duckdb.DuckDBPyConnection) -> None:
    ten(db, 10.0)
    (found,) = explained(db, "tee", "watch")
    assert (found["reason"], "shares no label" in found["sentence"]) == ("no_shared_label", True)


@pytest.mark.parametrize("way", ["piece", "match_labels", "alias", "name", "fallback"])
def test_a_label_is_shared_in_each_way_the_recommendations_know(db: duckdb.DuckDBPyConnection, way: str) -> None:
    ten(db, 10.0)
    if way == "piece":
        put(db, labels.TABLE, labelled("watch", "piece", "Tee"))
    elif way == "match_labels":
        put(db, match_labels.TABLE, *({"article_type": kind, "label": "Shirt"} for kind in ("Tshirts", "Watches")))
    elif way == "alias":
        put(db, label_aliases.TABLE, {"label": "Tee", "alias": "Chino"})
        db.execute("UPDATE products SET display_name = 'a (CHINO)  watch' WHERE display_name = 'watch'")
    elif way == "name":
        db.execute("UPDATE products SET display_name = 'V-Neck, ' || display_name")
    else:
        put(db, labels.TABLE, labelled("watch", "piece", "Tee", predicted=True) | {"is_fallback": True})
        assert [row["reason"] for row in explained(db, "tee", "watch")] == ["no_shared_label"]  # its type is known
        db.execute("DELETE FROM labels WHERE label = 'Watches'")
    assert [row["reason"] for row in explained(db, "tee", "watch")] == ["not_among_ten"]


def test_a_word_within_a_word_of_a_name_is_no_label(db: duckdb.DuckDBPyConnection) -> None:
    ten(db, 10.0)
    db.execute("UPDATE products SET display_name = 'Undershirt ' || display_name")
    assert [row["reason"] for row in explained(db, "tee", "watch")] == ["no_shared_label"]


def test_the_words_of_names_are_those_of_the_recommendations() -> None:
    listed = re.search(r"unnest\(\[(.*?)\]\)", why_not_recommended.VIEW.sql, re.DOTALL)
    assert listed
    assert re.findall(r"'(.*?)'", listed[1]) == list(MATCH_ONLY)


def test_products_are_asked_of_by_their_numbers(db: duckdb.DuckDBPyConnection) -> None:
    by_number, by_image = (
        ask(db, f"FROM explain_recommendation({one}, {other})")
        for one, other in ((1, 2), (repr(ID["tee"]), repr(ID["crimson tee"])))
    )
    assert by_number == by_image != []
    of_watch = ask(db, "SELECT source_id, candidate_id, reason FROM explain_recommendation(1, '6')")
    assert of_watch == [(ID["tee"], ID["watch"], "no_shared_label")]
    unknown = "SELECT source_id, candidate_id, reason FROM explain_recommendation(9000010, 4)"
    assert ask(db, unknown) == [("9000010", ID["twin of navy tee"], "source_unknown")]


def test_pieces_of_another_article_type_share_nothing_where_that_decides(db: duckdb.DuckDBPyConnection) -> None:
    put(db, similar.TABLE, *alike("watch", "jeans", block="article_type", label="Watches"))
    put(db, labels.TABLE, labelled("ben's for all", "article_type", "Watches", predicted=True))
    assert [row["reason"] for row in explained(db, "watch", "crimson tee")] == ["no_shared_label"]
    assert "no article type with the source, which has no label" in explained(db, "watch", "crimson tee")[0]["sentence"]
