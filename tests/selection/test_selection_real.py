"""Selections from the real catalogue, against its own files."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest

from pipelines import imaging
from pipelines.ingest import fashion
from pipelines.lake.objects import Objects, sha256
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.selection import augment
from tests.selection.small_lake import ask, counts, files

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archive(real_data: Path) -> Path:
    return real_data / "fashion-product-images-small.zip"


@pytest.fixture(scope="module")
def real(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The whole catalogue, taken in."""
    store = Store(str(tmp_path_factory.mktemp("real") / "lake"))
    fashion.ingest(Journal(store, Run()), archive, fashion.FashionParams())
    return store


def test_men_shoes_from_2012_on(real: Store, bundles: Objects, archive: Path) -> None:
    summary, journal = ask(real, bundles, "r1", gender="Men", sub_category="Shoes", start_year=2012)
    assert summary["counts"] == {"products": 949, "images": 949, "without_image": 0}
    assert counts(journal) == (949, 949, 0, 0)
    with zipfile.ZipFile(archive) as zipped:
        names = set(zipped.namelist())
        rows = csv.DictReader(io.TextIOWrapper(zipped.open("styles.csv"), "utf-8"))
        wanted = [
            (row["productDisplayName"], zipped.read(f"images/{row['id']}.jpg"))
            for row in sorted(rows, key=lambda row: int(row["id"]))
            if (row["gender"], row["subCategory"]) == ("Men", "Shoes")
            and row["year"] >= "2012"
            and f"images/{row['id']}.jpg" in names
        ]
    found = files(bundles, "r1")
    entries = json.loads(found["metadata.json"])
    assert [(row["display_name"], found[f"images/{row['image_id']}.jpg"]) for row in entries] == wanted
    assert {path for path in found if path.startswith("images/")} == {f"images/{sha256(d)}.jpg" for _, d in wanted}


def test_products_that_share_a_picture_share_its_file(real: Store, bundles: Objects) -> None:
    summary, journal = ask(real, bundles, "r1")
    assert summary["counts"] == {"products": 16_000, "images": 15_893, "without_image": 0}
    assert counts(journal) == (16_000, 15_893, 0, 107)
    assert sum(1 for found in bundles.list("runs/r1/images")) == 15_893


def test_copies_of_men_shoes_from_2012_on(real: Store, bundles: Objects) -> None:
    ask(real, bundles, "r1", gender="Men", sub_category="Shoes", start_year=2012)
    assert augment(Journal(real, Run("r1")), bundles)["counts"] == {"images": 949, "left_out": 0}
    copies = {path: data for path, data in files(bundles, "r1").items() if path.startswith("augmentation/")}
    assert len(copies) == len(set(copies.values())) == 949
    assert {(header.width, header.height) for header in map(imaging.inspect, copies.values())} == {(256, 256)}
