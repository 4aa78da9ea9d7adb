"""The real catalogue: its counts are known, so every one of them is checked."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
from shop import Lake, account

from pipelines.ingest import images, product_details, products
from pipelines.lake import rejects
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MALFORMED = {
    *(3413, 3418, 3428, 4854, 23100, 23101, 23103, *range(23107, 23113), *range(23114, 23119)),
    *(23124, 23127, 44065, 59768),
}
NEVER_SHIPPED = ("12347", "39401", "39403", "39410", "39425")


@pytest.fixture(scope="module")
def archive(real_data: Path) -> Path:
    return real_data / "fashion-product-images-small.zip"


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory, archive: Path) -> tuple[Lake, Journal]:
    lake = Lake(Store(str(tmp_path_factory.mktemp("real") / "lake")))
    return lake, lake.take_in(archive)


@pytest.fixture(scope="module")
def held(taken: tuple[Lake, Journal]) -> list[dict[str, Any]]:
    return taken[0].rows(products.TABLE)


def test_every_file_and_row_is_accounted_for(taken: tuple[Lake, Journal]) -> None:
    assert account(taken[1]) == {"images": (16_000, 15_893, 0, 0, 107), "rows": (44_446, 16_000, 0, 28_446, 0)}


def test_the_only_rejects_are_rows_without_a_picture(taken: tuple[Lake, Journal]) -> None:
    found = taken[0].store.snapshot(rejects.TABLE).read(["key", "reason", "is_open"])
    assert found.num_rows == 28_446
    assert found["reason"].unique().to_pylist() == ["image_absent"]
    assert pc.all(found["is_open"]).as_py()
    assert set(NEVER_SHIPPED) <= set(found["key"].to_pylist())


def test_images_are_what_they_are(taken: tuple[Lake, Journal]) -> None:
    columns = ["format", "width_px", "height_px", "mode", "byte_count"]
    rows = taken[0].store.snapshot(images.TABLE).read(columns).to_pylist()
    assert len(rows) == 15_893
    assert Counter(row["mode"] for row in rows) == {"RGB": 15_742, "L": 151}
    assert {row["format"] for row in rows} == {"jpeg"}
    sizes = Counter((row["width_px"], row["height_px"]) for row in rows)
    odd = {(53, 80): 10, (60, 60): 5, (60, 77): 2, (60, 79): 2, (54, 80): 2, (60, 76): 1, (60, 75): 1}
    assert sizes == {(60, 80): 15_870} | odd
    assert sum(row["byte_count"] for row in rows) == 204_269_619


def test_products_are_what_they_are(held: list[dict[str, Any]]) -> None:
    assert {row["product_id"] for row in held if row["is_repaired"]} == MALFORMED
    genders = {"Men": 7968, "Women": 6702, "Unisex": 825, "Boys": 276, "Girls": 229}
    assert Counter(row["gender"] for row in held) == genders
    categories = {"Apparel": 7548, "Accessories": 4076, "Footwear": 3355, "Personal Care": 953, "Free Items": 45}
    assert Counter(row["master_category"] for row in held) == categories | {"Sporting Goods": 22, "Home": 1}
    named = ("sub_category", "article_type", "base_colour", "season", "usage", "year")
    assert [len({row[name] for row in held} - {None}) for name in named] == [45, 142, 46, 4, 8, 13]
    assert {row["year"] for row in held} == set(range(2007, 2020))


def test_nulls_are_where_they_are_known_to_be(held: list[dict[str, Any]]) -> None:
    nulls = {name: sorted(row["product_id"] for row in held if row[name] is None) for name in held[0]}
    assert nulls["base_colour"] == [11288, 45687]
    assert nulls["display_name"] == [45687]
    assert (len(nulls["season"]), len(nulls["usage"]), len(nulls["year"])) == (9, 159, 0)
    assert not any(nulls[name] for name in ("gender", "master_category", "sub_category", "article_type"))


def test_names_keep_their_commas_and_quotes(held: list[dict[str, Any]]) -> None:
    names = {row["product_id"]: row["display_name"] or "" for row in held}
    assert all("," in names[i] for i in MALFORMED)
    assert names[23124].count(",") == names[23127].count(",") == 2
    assert max(map(len, names.values())) <= 88


def test_men_shoes_from_2012_on(held: list[dict[str, Any]]) -> None:
    chosen = [r for r in held if (r["gender"], r["sub_category"]) == ("Men", "Shoes") and r["year"] >= 2012]
    assert len(chosen) == 949


def test_the_same_night_again_commits_nothing(taken: tuple[Lake, Journal], archive: Path) -> None:
    lake, version = taken[0], taken[0].versions()
    counts = account(lake.take_in(archive))
    assert counts == {"images": (16_000, 0, 15_893, 0, 107), "rows": (44_446, 0, 16_000, 28_446, 0)}
    assert lake.versions() == version


def test_without_repair_22_rows_are_rejects_as_well(tmp_path: Path, archive: Path) -> None:
    """With three pictures only, as the rows are what counts."""
    small = tmp_path / "small.zip"
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(small, "w") as part:
        for name in ("styles.csv", "images/3413.jpg", "images/7491.jpg", "images/7497.jpg"):
            part.writestr(name, whole.read(name))
    lake = Lake(Store(str(tmp_path / "lake")))
    assert account(lake.take_in(small, repair_malformed=False))["rows"] == (44_446, 2, 0, 44_444, 0)
    reasons = Counter(row["reason"] for row in lake.rows(rejects.TABLE))
    assert reasons == {"image_absent": 44_422, "too_many_fields": 22}
    assert {'"' in row["display_name"] for row in lake.rows(products.TABLE)} == {True}


@pytest.fixture(scope="module")
def larger(taken: tuple[Lake, Journal], archive: Path, real_data: Path) -> dict[str, tuple[int, ...]]:
    """The night on which the photos and records come to the same lake."""
    photos, details = real_data / "fashion-highres", real_data / "fashion-styles"
    return account(taken[0].take_in(archive, photos=photos, details=details))


def test_photos_come_to_the_products_they_show(taken: tuple[Lake, Journal], larger: dict[str, tuple[int, ...]]) -> None:
    assert larger["photos"] == (52, 52, 0, 0, 0)
    shown = [row for row in taken[0].rows(products.PRODUCT_IMAGES) if row["kind"] == "photo"]
    sizes = taken[0].store.snapshot(images.TABLE).read(["image_id", "width_px", "height_px"]).to_pylist()
    size_of = {row["image_id"]: (row["width_px"], row["height_px"]) for row in sizes}
    found = Counter(size_of[row["image_id"]] for row in shown)
    expected = {(1800, 2400): 26, (1080, 1440): 10, (150, 200): 3, (360, 480): 3, (540, 720): 3, (1350, 1800): 1}
    assert found == expected | {(1799, 2400): 2, (1800, 2401): 2, (2700, 2700): 2}


def test_records_say_what_they_are_known_to(taken: tuple[Lake, Journal], larger: dict[str, tuple[int, ...]]) -> None:
    assert larger["details"] == (100, 100, 0, 0, 0)
    held = taken[0].rows(product_details.TABLE)
    assert all(row["is_name_equal"] for row in held)
    assert {row["fashion_type"] for row in held} == {"Fashion"}
    assert Counter(row["style_type"] for row in held) == {"P": 95, "DEL": 5}
    assert Counter(row["brand_name"] for row in held).most_common(3) == [("Nike", 33), ("Puma", 30), ("Reebok", 23)]
    assert sum(row["colour1"] is None for row in held) == 40
    assert sum(row["colour2"] is None for row in held) == 77
    assert min(row["added_on"] for row in held).year == 2014
    assert all(row["description"] and "<" not in row["description"] for row in held)
    assert Counter(row["size_fit"] is None for row in held) == {True: 94, False: 6}


def test_attributes_say_what_they_are_known_to(taken: tuple[Lake, Journal], larger: dict[str, tuple[int, ...]]) -> None:
    held = taken[0].rows(product_details.ATTRIBUTES)
    assert Counter(row["value"] for row in held if row["attribute"] == "Pattern") == {
        "Printed": 41,
        "Solid": 19,
        "Striped": 2,
    }
    assert len(held) == 384
    assert "NA" not in {row["value"] for row in held}


def test_the_same_larger_night_again_commits_nothing(
    taken: tuple[Lake, Journal], archive: Path, real_data: Path, larger: dict[str, tuple[int, ...]]
) -> None:
    lake, version = taken[0], taken[0].versions()
    photos, details = real_data / "fashion-highres", real_data / "fashion-styles"
    counts = account(lake.take_in(archive, photos=photos, details=details))
    assert (counts["photos"], counts["details"]) == ((52, 0, 52, 0, 0), (100, 0, 100, 0, 0))
    assert lake.versions() == version


def test_ingest_stays_small(tmp_path: Path, archive: Path) -> None:
    child = (
        "import sys; from pathlib import Path; from pipelines.ingest import fashion\n"
        "from pipelines.lake.runs import Journal, peak_memory_bytes; from pipelines.lake.recipe import Run\n"
        "from pipelines.lake.store import Store\n"
        "fashion.ingest(Journal(Store(sys.argv[1]), Run()), Path(sys.argv[2]), fashion.FashionParams())\n"
        "print(peak_memory_bytes() >> 20)"
    )
    command = [sys.executable, "-c", child, str(tmp_path / "lake"), str(archive)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout
    assert int(output) < 1000
