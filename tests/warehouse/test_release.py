"""The release: built aside from pins, described throughout, made only when there is news."""

from __future__ import annotations

import json
import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from tiny_lake import ONE, TWO, Night, add_product, met, product, rows

import warehouse
from pipelines.catalog import TABLES
from pipelines.ingest import image_sources, products
from pipelines.lake.errors import CannotRun
from pipelines.lake.materialize import upsert
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from warehouse.manifest import PINS, RELEASE, VERSION
from warehouse.marts import VIEWS
from warehouse.release import list_releases, release


def test_a_release_holds_every_table_and_view(later: Night) -> None:
    with warehouse.connect(releases=later.uri) as connection:
        held = {name for (name,) in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()}
        views = {view.table.name for view in VIEWS if not view.viewer}
        assert held == {table.name for table in (*TABLES, RELEASE, PINS)} | views
        for view in VIEWS:
            if view.viewer:
                assert connection.sql(f"FROM {view.table.name}('nobody')").columns == view.table.schema.names
        for table in TABLES:
            assert connection.table(table.name).columns == [column.name for column in table.plain]
            assert len(connection.table(table.name)) == sum(later.store.snapshot(table).files.values())


def test_products_flat_joins_image_and_colours_and_keeps_every_product(later: Night) -> None:
    with warehouse.connect(releases=later.uri) as connection:
        query = "SELECT product_id, image_id, thumbnail_id, width_px, palette, dominant_hex FROM products_flat"
        first, second = connection.execute(query).fetchall()
        assert first == (1, TWO, ONE, 60, ["000000", "000001"], "000001")
        assert second[0] == 2
        assert second[4:] == (None, None)
        names = ", ".join(f'"{column.name}"' for column in products.TABLE.columns)
        for a, b in (("products", "products_flat"), ("products_flat", "products")):
            assert connection.execute(f"SELECT {names} FROM {a} EXCEPT SELECT {names} FROM {b}").fetchall() == []


def test_catalogue_counts_count(later: Night) -> None:
    with warehouse.connect(releases=later.uri) as connection:
        assert connection.execute("FROM catalogue_counts").fetchall() == [
            ("Apparel", "Topwear", 1, 1, 1, 0),
            ("Apparel", None, 1, 0, 0, 0),
        ]


def test_every_table_view_and_column_has_a_comment(later: Night) -> None:
    with warehouse.connect(releases=later.uri) as connection:
        tables = "SELECT table_name FROM duckdb_tables() WHERE comment IS NULL"
        views = "SELECT view_name FROM duckdb_views() WHERE NOT internal AND comment IS NULL"
        columns = "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND comment IS NULL"
        for query in (tables, views, columns):
            assert connection.execute(query).fetchall() == []
        said = "SELECT comment FROM duckdb_columns() WHERE table_name = 'image_sources' AND column_name = 'expires_at'"
        assert connection.execute(said).fetchall() == [("When it must be gone by the source's terms. (UTC)",)]


def test_the_file_says_what_it_is(later: Night) -> None:
    with warehouse.connect(releases=later.uri) as connection:
        notes = connection.execute("SELECT release, run_id, warehouse_version, pins, attribution FROM _release")
        name, run_id, version, pins, attribution = notes.fetchall()[0]
        assert (run_id, version, attribution) == ("first", VERSION, "by Nobody")
        assert json.loads(pins) == {table.name: later.store.snapshot(table).version for table in TABLES}
        assert connection.execute("SELECT count(*) FROM _pins").fetchall() == [(len(TABLES),)]
        storage = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = ?"
        assert connection.execute(storage, [name]).fetchall() == [("v1.5.0+",)]
    manifest = json.loads(later.releases.get(f"{name}.json"))
    assert manifest["run_id"] == "first"
    assert manifest["pins"]["palettes"]["rows"] == 4
    assert manifest["size"] == len(later.releases.get(f"{name}.duckdb"))


def test_columns_that_must_not_be_null_cannot_be_and_kinds_are_indexed(later: Night) -> None:
    with warehouse.connect(releases=later.uri) as connection:
        query = "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND NOT is_nullable"
        held = set(connection.execute(query).fetchall())
        assert held == {(t.name, c.name) for t in (*TABLES, RELEASE, PINS) for c in t.plain if not c.nullable}
        indexes = connection.execute("SELECT table_name, expressions FROM duckdb_indexes() ORDER BY 2").fetchall()
        assert indexes == [("products", "[master_category]"), ("products", "[sub_category]")]


def test_rows_lie_in_the_order_of_the_grain(later: Night) -> None:
    with warehouse.connect(releases=later.uri) as connection:
        held = connection.execute("SELECT image_id, rank FROM palettes").fetchall()
        assert held == sorted(held)


def test_the_report_lies_beside_the_release(later: Night) -> None:
    (listed,) = list_releases(later.releases)
    assert b"palettes" in later.releases.get(f"docs/{listed.release.release}/index.html")


def test_a_quiet_night_changes_nothing(later: Night) -> None:
    before = later.files()
    journal = Journal(later.store, Run())
    made = release(journal, later.releases, later.scratch)
    journal.write()  # `runs` grows, which is no news
    assert later.release() == made
    assert later.files() == before
    (step,) = journal.steps
    assert (step.new, step.unchanged) == (0, made.rows)


def test_maintenance_of_the_lake_is_no_news(later: Night) -> None:
    before = later.files()
    later.store.vacuum(products.TABLE, 0)  # writes two commits and changes no row
    later.release()
    assert later.files() == before


def test_new_rows_make_a_new_release_and_the_old_one_stays_as_it_was(later: Night) -> None:
    before = later.files()
    add_product(later.store, 3)
    journal = Journal(later.store, Run())
    made = release(journal, later.releases, later.scratch)
    assert journal.steps[0].new == made.rows
    after = later.files()
    assert {name: after[name] for name in before if name != "current.json"} == {
        name: data for name, data in before.items() if name != "current.json"
    }
    assert json.loads(after["current.json"])["release"] == made.release
    assert list(later.scratch.iterdir()) == []


def test_rows_that_go_back_to_what_they_were_are_published_again(later: Night) -> None:
    (first,) = list_releases(later.releases)
    for name in ("changed", "Piece 1"):
        upsert(later.store, Run(), products.TABLE, rows(products.TABLE, product(1, display_name=name)))
        made = later.release()
    assert made.release != first.release.release
    with warehouse.connect(releases=later.uri) as connection:
        assert connection.execute("SELECT display_name FROM products ORDER BY ALL").fetchall()[0] == ("Piece 1",)


def test_a_slow_run_with_older_pins_does_not_take_readers_back(later: Night) -> None:
    slow = Run("slow")
    add_product(later.store, 3)
    for table in TABLES:
        later.store.pin(slow, table, "release")
    add_product(later.store, 4)
    newest = later.release("fast")
    assert later.release("slow") == newest
    assert json.loads(later.releases.get("current.json"))["release"] == newest.release


def test_a_lake_made_anew_is_news_although_its_versions_are_lower(later: Night, tmp_path: Path) -> None:
    add_product(later.store, 3)
    later.release()
    shutil.rmtree(later.store.uri)
    fresh = Store(str(tmp_path / "lake"))
    upsert(fresh, Run(), products.TABLE, rows(products.TABLE, product(9)))
    later.release()
    with warehouse.connect(releases=later.uri) as connection:
        assert connection.execute("SELECT product_id FROM products").fetchall() == [(9,)]


def test_an_empty_lake_gives_an_empty_release(tmp_path: Path) -> None:
    night = Night(Store(str(tmp_path / "lake")), str(tmp_path / "releases"), tmp_path / "scratch")
    assert night.release().rows == 0
    with warehouse.connect(releases=night.uri) as connection:
        assert connection.execute("FROM products_flat").fetchall() == []


def test_a_run_reads_what_it_pinned(night: Night) -> None:
    for table in TABLES:
        night.store.pin(Run("early"), table, "release")
    add_product(night.store, 3)
    night.release("early")
    with warehouse.connect(releases=night.uri) as connection:
        assert connection.execute("SELECT count(*) FROM products").fetchall() == [(2,)]


def test_a_pinned_table_that_is_gone_stops_the_run(night: Night) -> None:
    night.store.pin(Run("early"), products.TABLE, "release")
    shutil.rmtree(f"{night.store.uri}/products")
    with pytest.raises(CannotRun, match=r"products has no version 1 .* Start a new run"):
        night.release("early")


def test_texts_reach_the_file_as_they_are(night: Night) -> None:
    hostile = "'; DROP TABLE products; -- \"\n\x01é"
    upsert(night.store, Run(), image_sources.TABLE, rows(image_sources.TABLE, met(hostile, ONE)))
    night.release()
    with warehouse.connect(releases=night.uri) as connection:
        assert connection.execute("SELECT count(*) FROM image_sources WHERE key = ?", [hostile]).fetchall() == [(1,)]


def test_what_killed_runs_left_in_scratch_is_removed_after_a_day(night: Night) -> None:
    old, young = night.scratch / "release-old", night.scratch / "release-young"
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    night.release()
    assert list(night.scratch.iterdir()) == [young]


def test_a_disk_without_space_is_said_in_a_sentence(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.build._MEMORY", "1KB")
    with pytest.raises(CannotRun, match="could not be built"):
        night.release()
    assert night.files() == {}


def test_queries_change_only_together_with_the_version() -> None:
    text = "\n".join(view.definition(view.table.name) for view in VIEWS)
    assert (VERSION, sha256(text.encode()).hexdigest()[:8]) == (5, "fc7c1443"), "raise VERSION in warehouse/manifest.py"


def test_every_query_beside_a_module_is_used() -> None:
    folder = Path(warehouse.__file__).parent / "marts"
    assert {file.stem for file in folder.glob("*.sql")} == {view.table.name for view in VIEWS}
