"""The larger set: photos and records beside a catalogue, or all in one; wherever in an archive they lie."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shop import RECORDS, Lake, account, as_file, cabinet, catalogue, jpeg, line, record, styles, unpacked, zipped

from pipelines.ingest import image_sources, images, intake, product_details, products, sample
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.store import Store

PHOTOS = {f"{i}.jpg": jpeg(100 + i) for i in (1, 2, 3)}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Three products, and a fourth that is listed without an image."""
    return zipped(tmp_path / "small.zip", catalogue(1, 2, 3) | {"styles.csv": styles(*map(line, (1, 2, 3, 4)))})


def shown(lake: Lake, kind: str) -> dict[int, str]:
    return {row["product_id"]: row["image_id"] for row in lake.rows(products.PRODUCT_IMAGES) if row["kind"] == kind}


PLACES = ["", "images/", "fashion-dataset/images/", "photos/"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("pack", [zipped, unpacked])
def test_photos_are_found_where_they_lie_and_shown(
    lake: Lake, small: Path, tmp_path: Path, place: str, pack: object
) -> None:
    album = pack(tmp_path / "album", {f"{place}{name}": data for name, data in PHOTOS.items()})
    counts = account(lake.take_in(small, photos=album))
    assert counts == {"images": (3, 3, 0, 0, 0), "rows": (4, 3, 0, 1, 0), "photos": (3, 3, 0, 0, 0)}
    assert shown(lake, "photo").keys() == shown(lake, "thumbnail").keys() == {1, 2, 3}
    assert not set(shown(lake, "photo").values()) & set(shown(lake, "thumbnail").values())
    keys = {row["key"] for row in lake.rows(image_sources.TABLE)}
    assert keys == {f"{folder}/{i}.jpg" for folder in ("images", "photos") for i in (1, 2, 3)}
    before = lake.versions()
    assert account(lake.take_in(small, photos=album))["photos"] == (3, 0, 3, 0, 0)
    assert lake.versions() == before


def test_the_nearest_copy_counts(lake: Lake, small: Path, tmp_path: Path) -> None:
    album = {f"images/{name}": data for name, data in PHOTOS.items()}
    other = {f"copy/images/{i}.jpg": jpeg(200 + i) for i in (1, 2, 3)} | {"1.jpg": jpeg(300)}
    assert account(lake.take_in(small, photos=zipped(tmp_path / "a.zip", other | album)))["photos"][0] == 3
    taken = shown(lake, "photo")
    alone = Lake(Store(str(tmp_path / "other")))
    alone.take_in(small, photos=zipped(tmp_path / "b.zip", album))
    assert shown(alone, "photo") == taken


def test_photos_without_a_product_and_bad_ones_are_rejects(lake: Lake, small: Path, tmp_path: Path) -> None:
    odd = {"4.jpg": jpeg(104), "5.jpg": jpeg(105), "01.jpg": jpeg(106), "readme.txt": b"", "2.jpg": b"no picture"}
    journal = lake.take_in(small, photos=zipped(tmp_path / "a.zip", PHOTOS | odd))
    assert account(journal)["photos"] == (6, 2, 0, 4, 0)
    assert journal.steps[2].absent == 1  # 4, which the catalogue lists
    expected = {(f"photos/{name}.jpg", "no_product") for name in ("4", "5", "01")} | {("photos/2.jpg", "not_an_image")}
    assert lake.open_rejects().keys() == expected | {("4", "image_absent")}
    assert "holds no image of it" in lake.open_rejects()["photos/4.jpg", "no_product"]
    assert "lists none" in lake.open_rejects()["photos/5.jpg", "no_product"]


def test_photos_are_committed_shard_by_shard(
    lake: Lake, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_SHARD_BYTES", 1)
    lake.take_in(small, photos=zipped(tmp_path / "a.zip", PHOTOS))
    assert len(lake.store.snapshot(images.TABLE).files) == 6


def test_the_thumbnails_may_be_named_as_photos_too(lake: Lake, small: Path) -> None:
    assert account(lake.take_in(small, photos=small))["photos"] == (3, 0, 3, 0, 0)
    assert shown(lake, "photo") == shown(lake, "thumbnail")
    assert len(lake.rows(images.TABLE)) == 3


@pytest.mark.parametrize("place", ["", "styles/", "fashion-dataset/styles/"])
def test_records_are_found_where_they_lie(lake: Lake, small: Path, tmp_path: Path, place: str) -> None:
    files = zipped(tmp_path / "r.zip", {f"{place}{name}": data for name, data in cabinet(1, 2, 3, 4, 5).items()})
    journal = lake.take_in(small, details=files)
    assert account(journal)["details"] == (5, 3, 0, 2, 0)
    assert journal.steps[2].absent == 1
    rejected = {("styles/4.json", "no_product"), ("styles/5.json", "no_product"), ("4", "image_absent")}
    assert lake.open_rejects().keys() == rejected
    assert [row["brand_name"] for row in lake.rows(product_details.TABLE)] == ["Acme"] * 3
    assert {(r["product_id"], r["attribute"], r["value"]) for r in lake.rows(product_details.ATTRIBUTES)} == {
        (i, "Fabric", "Cotton") for i in (1, 2, 3)
    }
    before = lake.versions()
    assert account(lake.take_in(small, details=files))["details"] == (5, 0, 3, 2, 0)
    assert lake.versions() == before


def test_a_changed_record_replaces_its_rows_and_no_others(lake: Lake, small: Path, tmp_path: Path) -> None:
    lake.take_in(small, details=zipped(tmp_path / "a.zip", cabinet(1, 2, 3)))
    changed = {
        "1.json": as_file(record(1, articleAttributes={"Neck": "Polo"})),
        "2.json": as_file(record(2, articleAttributes={}, brandName="Zenith")),
    }
    counts = account(lake.take_in(small, details=zipped(tmp_path / "b.zip", cabinet(1, 2, 3) | changed)))
    assert counts["details"] == (3, 2, 1, 0, 0)
    held = {(r["product_id"], r["attribute"]): r["value"] for r in lake.rows(product_details.ATTRIBUTES)}
    assert held == {(1, "Neck"): "Polo", (3, "Fabric"): "Cotton"}
    brands = {row["product_id"]: row["brand_name"] for row in lake.rows(product_details.TABLE)}
    assert brands == {1: "Acme", 2: "Zenith", 3: "Acme"}


def test_a_record_whose_product_is_renamed_is_compared_again(lake: Lake, tmp_path: Path) -> None:
    records = zipped(tmp_path / "r.zip", cabinet(1))
    lake.take_in(zipped(tmp_path / "a.zip", catalogue(1)), details=records)
    renamed = catalogue(1) | {"styles.csv": styles(line(1, "Fancy Shirt"))}
    assert [row["is_name_equal"] for row in lake.rows(product_details.TABLE)] == [True]
    lake.take_in(zipped(tmp_path / "b.zip", renamed), details=records)
    assert [row["is_name_equal"] for row in lake.rows(product_details.TABLE)] == [False]


def test_a_name_with_commas_equals_the_repaired_one(lake: Lake, tmp_path: Path) -> None:
    files = catalogue(1) | {"styles.csv": styles(line(1, "Shirt, Blue"))}
    records = zipped(tmp_path / "r.zip", {"1.json": as_file(record(1, productDisplayName="Shirt, Blue"))})
    lake.take_in(zipped(tmp_path / "a.zip", files), details=records)
    assert [row["is_name_equal"] for row in lake.rows(product_details.TABLE)] == [True]


def test_without_photos_and_records_nothing_changes(lake: Lake, small: Path, tmp_path: Path) -> None:
    lake.take_in(small, photos=zipped(tmp_path / "a.zip", PHOTOS), details=zipped(tmp_path / "r.zip", cabinet(1, 2)))
    before = lake.versions()
    assert account(lake.take_in(small)).keys() == {"images", "rows"}
    assert lake.versions() == before


@pytest.mark.parametrize("argument", ["photos", "details"])
def test_a_place_without_any_is_refused_before_anything_is_taken_in(
    lake: Lake, small: Path, tmp_path: Path, argument: str
) -> None:
    other = zipped(tmp_path / "other.zip", {"readme.txt": b""})
    with pytest.raises(ContractBroken, match=r"other.zip holds no <id>.*Nothing was taken in"):
        lake.take_in(small, **{argument: other})
    with pytest.raises(CannotRun, match="there is no folder or file"):
        lake.take_in(small, **{argument: tmp_path / "nowhere"})
    two = {f"{top}/{sub}/1.{end}": b"" for top in ("a", "b") for sub, end in (("images", "jpg"), ("styles", "json"))}
    with pytest.raises(ContractBroken, match=r"both a/.* and b/.* hold a copy"):
        lake.take_in(small, **{argument: zipped(tmp_path / "two.zip", two)})
    assert set(lake.versions().values()) == {-1}


def test_two_catalogues_side_by_side_are_refused(lake: Lake, tmp_path: Path) -> None:
    files = {f"{top}/{name}": data for top in ("a", "b") for name, data in catalogue(1).items()}
    with pytest.raises(ContractBroken, match="both a/ and b/ hold a copy"):
        lake.take_in(zipped(tmp_path / "two.zip", files))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.write_fashion_large(tmp_path_factory.mktemp("large"), 15)


def test_the_whole_larger_set_needs_no_words(lake: Lake, large: Path) -> None:
    counts = account(lake.take_in(large))
    assert counts == {"images": (14, 14, 0, 0, 0), "rows": (15, 14, 0, 1, 0), "details": (15, 14, 0, 1, 0)}
    assert len(shown(lake, "thumbnail")) == 14
    assert {(row["width_px"], row["height_px"]) for row in lake.rows(images.TABLE)} == {(360, 480)}
    assert all(row["is_name_equal"] for row in lake.rows(product_details.TABLE))
    before = lake.versions()
    assert account(lake.take_in(large))["details"] == (15, 0, 14, 1, 0)
    assert lake.versions() == before


def test_the_larger_set_goes_with_the_smaller_one(lake: Lake, large: Path, tmp_path: Path) -> None:
    small = sample.write_fashion(tmp_path / "small", 15)
    counts = account(lake.take_in(small, photos=large, details=large))
    assert (counts["photos"], counts["details"]) == ((14, 14, 0, 0, 0), (15, 14, 0, 1, 0))
    sizes = {row["image_id"]: row["width_px"] for row in lake.rows(images.TABLE)}
    assert {sizes[image_id] for image_id in shown(lake, "photo").values()} == {360}
    assert {sizes[image_id] for image_id in shown(lake, "thumbnail").values()} == {60}


def test_the_sample_records_look_like_the_real_ones(large: Path, real_data: Path) -> None:
    real = json.loads((real_data / "fashion-styles/10000.json").read_bytes())
    ours = [json.loads(path.read_bytes()) for path in (large / "fashion-dataset/styles").iterdir()]
    assert all(made["data"].keys() <= real["data"].keys() for made in ours)
    assert all(
        {k: type(v) for k, v in made["data"].items()}.items() <= {k: type(v) for k, v in real["data"].items()}.items()
        for made in ours
    )


def test_no_price_and_no_link_gets_in(lake: Lake, large: Path) -> None:
    lake.take_in(large)
    words = {name for table in RECORDS for name in table.schema.names}
    assert not any(part in name for name in words for part in ("price", "url", "link", "discount", "vat"))
    values = [str(value) for table in RECORDS for row in lake.rows(table) for value in row.values()]
    assert not any("/buy" in value or value == "999" or "<" in value for value in values)
