"""What a release says of labels and tags: thresholds, search by tag and by place, and only what one may see."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_lake import ONE, TWO, Night, image, met, rows

import warehouse
from pipelines.inference import label_scores, labels, tag_paths, tags
from pipelines.ingest import image_sources, images
from pipelines.ingest.inbox import uploads
from pipelines.ingest.inbox.labelled_samples import CLASS_LIST_21
from pipelines.lake.materialize import upsert
from pipelines.lake.recipe import Run
from pipelines.lake.table import Table
from warehouse.marts import (
    best_tags,
    images_under,
    label_coverage,
    labels_above,
    scored_labels,
    search_by_tag,
    visible_images,
)

Row = dict[str, Any]

VIEWS = (visible_images, scored_labels, labels_above, label_coverage, best_tags, search_by_tag, images_under)
TABLES = (images, image_sources, uploads, label_scores, labels, tags, tag_paths)
TREE = {
    "koala": "/animal/fourlegs/koala",
    "Egyptian cat": "/animal/fourlegs/cat/egyptian_cat",
    "cougar": "/animal/fourlegs/big_cat/cougar",
    "cat": "/animal/fourlegs/cat",
    "menagerie": "/animals/menagerie",
    "espresso": "/food/drink/espresso",
}
A, B, C, PRIVATE = (sha256(name).hexdigest() for name in (b"a", b"b", b"c", b"p"))


def scored(image_id: str, group: str, **scores: float) -> Row:
    given = {"labels": list(scores), "scores": list(scores.values())}
    return {"image_id": image_id, "label_group": group, **given, "model_name": "m", "model_version": 1}


def tagged(image_id: str, rank: int, tag: str, probability: float) -> Row:
    model = {"model_name": "m", "model_version": 1}
    return {"image_id": image_id, "rank": rank, "tag": tag, "probability": probability} | model


def place(tag: str, path: str, *synonyms: str) -> Row:
    return {"tag": tag, "path": path, "class_index": None, "synonyms": list(synonyms)}


def owned(image_id: str, visibility: str) -> Row:
    row = {"user_id": "ana", "image_id": image_id, "title": None, "visibility": visibility, "file_name": "x.jpg"}
    return row | {"uploaded_at": 0, "batch": "1"}


def label(image_id: str, group: str, name: str, source: str = "true") -> Row:
    score = None if source == "true" else 0.5
    model = {"model_name": score and "m", "model_version": score and 1}
    row = {"image_id": image_id, "label_group": group, "label": name, "score": score, "source": source}
    return row | {"is_fallback": False} | model


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables the views ask, three public images and a private one in them, and the views themselves."""
    with duckdb.connect() as connection:
        for module in TABLES:
            empty = pa.schema([(column.name, column.type) for column in module.TABLE.plain]).empty_table()
            connection.from_arrow(empty).create(module.TABLE.name)
        put(connection, images.TABLE, *map(image, (A, B, C, PRIVATE)))
        put(connection, image_sources.TABLE, *(met(f"key {image_id}", image_id) for image_id in (A, B, C)))
        put(connection, uploads.TABLE, owned(PRIVATE, "private"))
        put(connection, tag_paths.TABLE, *(place(tag, path) for tag, path in TREE.items()))
        for module in VIEWS:
            connection.execute(module.VIEW.definition(module.VIEW.table.name))
        yield connection


def put(connection: duckdb.DuckDBPyConnection, table: Table, *given: Row) -> None:
    arrow = rows(table, *given).select([column.name for column in table.plain])
    connection.register("incoming", arrow)
    connection.execute(f"INSERT INTO {table.name} FROM incoming")
    connection.unregister("incoming")


def ask(connection: duckdb.DuckDBPyConnection, query: str, *values: object) -> list[tuple[Any, ...]]:
    return connection.execute(query, values).fetchall()


def test_scored_labels_are_a_row_each(db: duckdb.DuckDBPyConnection) -> None:
    put(db, label_scores.TABLE, scored(A, "piece", Tee=0.25, Tank=0.75))
    assert ask(db, "FROM scored_labels(NULL)") == [
        (A, "piece", "Tank", 0.75, "m", 1),
        (A, "piece", "Tee", 0.25, "m", 1),
    ]


def test_labels_above_any_threshold_ask_no_model(db: duckdb.DuckDBPyConnection) -> None:
    put(db, label_scores.TABLE, scored(A, "piece", Tee=0.4, Tank=0.40001, Dress=0.9))
    query = "SELECT label, is_fallback FROM labels_above(?)"
    assert ask(db, query, 0.4) == [("Dress", False), ("Tank", False)]
    assert ask(db, query, 0.39) == [("Dress", False), ("Tank", False), ("Tee", False)]
    assert ask(db, query, 0.95) == [("Dress", True)]


def test_only_pieces_fall_back_and_of_equals_the_first_counts(db: duckdb.DuckDBPyConnection) -> None:
    put(db, label_scores.TABLE, scored(A, "piece", Tee=0.1, Tank=0.3, Dress=0.3), scored(A, "gender", Men=0.3))
    assert ask(db, "SELECT label_group, label, is_fallback FROM labels_above(0.4)") == [("piece", "Tank", True)]


def test_coverage_shows_what_nobody_wears(db: duckdb.DuckDBPyConnection) -> None:
    said = [label(A, "piece", "Tee"), label(B, "piece", "Tee"), label(A, "gender", "Men")]
    put(db, labels.TABLE, *said, label(C, "piece", "Shawl", "predicted"))
    counted = {(group, name): count for group, name, count in ask(db, "FROM label_coverage")}
    assert counted == {("piece", name): 0 for name in CLASS_LIST_21} | {("piece", "Tee"): 2, ("gender", "Men"): 1}


def test_the_best_tag_has_its_place_where_the_tree_knows_it(db: duckdb.DuckDBPyConnection) -> None:
    put(
        db, tags.TABLE, tagged(A, 1, "Egyptian_cat", 0.75), tagged(A, 2, "koala", 0.25), tagged(B, 1, "unheard of", 0.5)
    )
    assert ask(db, "SELECT image_id, tag, path, probability FROM best_tags(NULL)") == sorted(
        [
            (A, "Egyptian_cat", TREE["Egyptian cat"], 0.75),
            (B, "unheard of", None, 0.5),
        ]
    )


@pytest.mark.parametrize("words", ["Egyptian cat", "egyptian_cat", " EGYPTIAN_Cat "])
def test_a_search_finds_the_surest_first_in_any_spelling(db: duckdb.DuckDBPyConnection, words: str) -> None:
    put(db, tags.TABLE, tagged(A, 2, "Egyptian cat", 0.25), tagged(B, 1, "Egyptian_cat", 0.75), tagged(C, 1, "cat", 1))
    assert ask(db, "SELECT image_id, probability FROM search_by_tag(?)", words) == [(B, 0.75), (A, 0.25)]
    assert ask(db, "SELECT image_id FROM search_by_tag(?, 0.75)", words) == [(B,)]
    assert ask(db, "SELECT image_id FROM search_by_tag(?, min_probability := 0.8)", words) == []


def test_equals_are_in_the_order_of_their_ids(db: duckdb.DuckDBPyConnection) -> None:
    put(db, tags.TABLE, *(tagged(image_id, 1, "koala", 0.5) for image_id in (C, A, B)))
    assert ask(db, "SELECT image_id FROM search_by_tag('koala')") == [(each,) for each in sorted([A, B, C])]
    assert ask(db, "SELECT image_id FROM images_under('/animal')") == [(each,) for each in sorted([A, B, C])]


def test_a_word_that_is_no_tag_finds_what_is_also_called_so(db: duckdb.DuckDBPyConnection) -> None:
    put(db, tag_paths.TABLE, place("cardigan", "/clothing/top/cardigan"))
    put(db, tag_paths.TABLE, place("corgi", "/animal/dog/corgi", "Cardigan", "Cardigan_Welsh corgi"))
    put(db, tags.TABLE, tagged(A, 1, "corgi", 0.75), tagged(B, 1, "cardigan", 0.5))
    assert ask(db, "SELECT image_id FROM search_by_tag('cardigan welsh corgi')") == [(A,)]
    assert ask(db, "SELECT image_id FROM search_by_tag('Cardigan')") == [(B,)]


def test_a_place_finds_what_is_below_it_each_image_with_its_best_tag(db: duckdb.DuckDBPyConnection) -> None:
    found = [tagged(A, 1, "espresso", 0.5), tagged(A, 2, "koala", 0.25), tagged(A, 3, "cougar", 0.125)]
    put(db, tags.TABLE, *found, tagged(B, 1, "cat", 0.75), tagged(C, 1, "menagerie", 1))
    assert ask(db, "FROM images_under('/animal')") == [
        (B, "cat", TREE["cat"], 0.75, 1),
        (A, "koala", TREE["koala"], 0.25, 2),
    ]
    assert ask(db, "SELECT image_id FROM images_under('/animal', 0.5)") == [(B,)]
    assert ask(db, "SELECT image_id FROM images_under('/animal', max_rank := 1)") == [(B,)]
    assert ask(db, "SELECT image_id FROM images_under('/animal/fourlegs/koala')") == [(A,)]


def test_what_is_private_is_found_by_its_owner_alone(db: duckdb.DuckDBPyConnection) -> None:
    put(db, tags.TABLE, tagged(PRIVATE, 1, "koala", 0.5))
    put(db, label_scores.TABLE, scored(PRIVATE, "piece", Tee=0.5))
    for query in ("search_by_tag('koala'", "images_under('/animal'", "labels_above(0.4"):
        assert ask(db, f"FROM {query})") == []
        assert ask(db, f"FROM {query}, viewer := 'bob')") == []
        assert len(ask(db, f"FROM {query}, viewer := 'ana')")) == 1
    for name in ("best_tags", "scored_labels"):
        assert ask(db, f"FROM {name}('bob')") == []
        assert len(ask(db, f"FROM {name}('ana')")) == 1


def test_where_there_is_nothing_the_views_are_empty(db: duckdb.DuckDBPyConnection) -> None:
    for query in (
        "scored_labels(NULL)",
        "labels_above(0.4)",
        "best_tags(NULL)",
        "search_by_tag('x')",
        "images_under('/')",
    ):
        assert ask(db, f"FROM {query}") == []
    assert len(ask(db, "FROM label_coverage")) == len(CLASS_LIST_21)


words = st.sampled_from(["a", "ab", "a_b", "b"])
paths = st.lists(words, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sets(paths, min_size=1, max_size=8), paths, st.sampled_from(["{}", "{}/", "//{}"]))
def test_a_place_finds_exactly_what_its_words_begin(
    db: duckdb.DuckDBPyConnection, tree: set[str], wanted: str, spelled: str
) -> None:
    db.execute("DELETE FROM tags")
    db.execute("DELETE FROM tag_paths")
    put(db, tag_paths.TABLE, *(place(path, path) for path in tree))
    put(db, tags.TABLE, *(tagged(A, rank, path, 1 / rank) for rank, path in enumerate(sorted(tree), 1)))
    asked = wanted.split("/")
    expected = [path for path in sorted(tree) if path.split("/")[: len(asked)] == asked]
    assert ask(db, "SELECT path FROM images_under(?)", spelled.format(wanted)) == [(path,) for path in expected[:1]]


def test_a_release_holds_lists_of_scores_and_passes_its_gate(night: Night) -> None:
    upsert(night.store, Run(), label_scores.TABLE, rows(label_scores.TABLE, scored(ONE, "piece", Tee=0.25, Tank=0.75)))
    upsert(night.store, Run(), tags.TABLE, rows(tags.TABLE, tagged(TWO, 1, "koala", 0.5)))
    upsert(night.store, Run(), labels.TABLE, rows(labels.TABLE, label(ONE, "piece", "Tee")))
    night.release()
    with warehouse.connect(releases=night.uri) as connection:
        assert connection.execute("SELECT label FROM labels_above(0.4)").fetchall() == [("Tank",)]
        assert connection.execute("SELECT image_id FROM search_by_tag('koala')").fetchall() == [(TWO,)]
        assert connection.execute("SELECT scores FROM label_scores").fetchall() == [([0.25, 0.75],)]
        covered = "SELECT image_count FROM label_coverage WHERE label = 'Tee'"
        assert connection.execute(covered).fetchall() == [(1,)]
