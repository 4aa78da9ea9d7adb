"""Gate two: each kind of broken rule is found as itself, said in a sentence, and nothing goes out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from tiny_lake import ONE, THREE, TWO, Night, Row, image, product, reject, shows, smuggle, swatch

import warehouse
from pipelines.catalog import TABLES
from pipelines.ingest import images, products
from pipelines.lake import rejects
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.table import Expectation, Table
from pipelines.palette import palettes
from warehouse.release import list_releases

LONE = "f" * 64
WHOLE = {"share": 1.0, "is_dominant": True}  # a palette of one colour that keeps the rules over an image's rows

BROKEN: dict[str, tuple[Table, list[Row], str]] = {
    "empty": (products.TABLE, [product(9, gender=None)], "gender is never empty"),
    "below bounds": (products.TABLE, [product(9, year=12)], "year lies in 1900..2100"),
    "above bounds": (images.TABLE, [image(LONE, width_px=99_999)], "width_px lies in 1..16384"),
    "vocabulary": (products.TABLE, [product(9, season="Monsoon")], "season is one of Summer, Fall, Winter, Spring"),
    "pattern": (rejects.TABLE, [reject("y") | {"reason": "Not A Code"}], "reason looks like [a-z0-9_]+"),
    "pattern with a line end": (images.TABLE, [image(LONE + "\n")], "image_id looks like [0-9a-f]{64}"),
    "grain of one": (images.TABLE, [image(ONE)], "no two rows share image_id"),
    "grain of two": (products.PRODUCT_IMAGES, [shows(1, "photo", TWO)], "no two rows share product_id and kind"),
    "shares": (palettes.TABLE, [swatch(THREE, 0, share=0.9, is_dominant=True)], "colours add up to 1"),
    "dominant": (palettes.TABLE, [swatch(THREE, 0, **WHOLE | {"is_dominant": False})], "exactly one dominant colour"),
    "reference to images": (palettes.TABLE, [swatch(LONE, 0, **WHOLE)], "each image_id stands in images"),
    "reference to products": (products.PRODUCT_IMAGES, [shows(9, "photo", ONE)], "each product_id stands in products"),
}


@pytest.mark.parametrize("family", BROKEN)
def test_broken_rows_are_found_and_nothing_goes_out(later: Night, family: str) -> None:
    before = later.files()
    table, rows, rule = BROKEN[family]
    smuggle(later.store, table, *rows)
    with pytest.raises(ContractBroken) as broken:
        later.release()
    sentence = str(broken.value)
    assert f"table {table.name}," in sentence
    assert re.search(rf"\d+ rows break the rule “[^”]*{re.escape(rule)}[^”]*”, for example ", sentence), sentence
    assert "readers keep what they have" in sentence
    assert later.files() == before
    (place,) = re.findall(rf"{later.uri}/(docs/\w+)/report.html", sentence)
    assert later.releases.find(f"{place}/report.html")
    report = json.loads(later.releases.get(f"{place}/audit.json"))
    (found,) = report["violations"]  # this rule and no other
    assert f"table {table.name}," in found
    assert rule in found
    assert report["errors"] == []


def test_exactly_the_broken_rule_is_named(later: Night) -> None:
    smuggle(later.store, palettes.TABLE, swatch(LONE, 0, **WHOLE))
    with pytest.raises(ContractBroken) as broken:
        later.release()
    assert "more rules" not in str(broken.value)
    assert f"1 rows break the rule “each image_id stands in images”, for example image_id='{LONE}'" in str(broken.value)


def test_mended_rows_go_out(later: Night) -> None:
    smuggle(later.store, palettes.TABLE, swatch(LONE, 0, **WHOLE))
    with pytest.raises(ContractBroken):
        later.release()
    smuggle(later.store, images.TABLE, image(LONE))
    made = later.release()
    assert [listed.release.release for listed in list_releases(later.releases) if listed.is_current] == [made.release]


def test_no_script_of_a_value_reaches_the_report(later: Night) -> None:
    smuggle(later.store, products.TABLE, product(9, season="<script>alert(1)</script>"))
    with pytest.raises(ContractBroken):
        later.release()
    pages = [later.releases.get(found.path) for found in later.releases.list("docs")]
    assert any("\u2039script\u203aalert(1)" in page.decode() for page in pages)
    assert not any(b"<script>alert" in page for page in pages)


def changed_catalogue(change: Callable[[Table], Table]) -> tuple[Table, ...]:
    return tuple(change(table) if table.name == "products" else table for table in TABLES)


def test_a_rule_that_is_no_query_cannot_run(later: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    add = Expectation("typo", "Words.", "SELEKT 1")
    tables = changed_catalogue(lambda table: replace(table, expectations=(add,)))
    monkeypatch.setattr("warehouse.release.TABLES", tables)
    monkeypatch.setattr("warehouse.manifest.VERSION", 1_000)
    before = later.files()
    with pytest.raises(CannotRun, match="products: the query of its rule typo cannot be run"):
        later.release()
    assert later.files() == before


def test_readers_see_the_old_rows_after_a_broken_night(later: Night) -> None:
    smuggle(later.store, products.TABLE, product(9, year=12))
    with pytest.raises(ContractBroken):
        later.release()
    with warehouse.connect(releases=later.uri) as connection:
        assert connection.execute("SELECT count(*) FROM products").fetchall() == [(2,)]
