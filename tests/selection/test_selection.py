"""Selections: who is in them, what a bundle holds, and what is said to those who ask for what cannot be."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines import imaging
from pipelines.ingest import products
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.materialize import upsert
from pipelines.lake.objects import Objects, sha256
from pipelines.lake.recipe import Run
from pipelines.lake.store import Store
from pipelines.selection import Selection, status
from pipelines.selection.choice import FIELDS
from tests.selection.small_lake import Row, ask, counts, files, jpeg, lake, product

CLOSED = {"gender": products.GENDERS, "master_category": products.MASTER_CATEGORIES}
CLOSED |= {"season": products.SEASONS, "usage": products.USAGES}
OPEN = {
    "sub_category": ("Shoes", "Topwear"),
    "article_type": ("Tshirts", "Casual Shoes"),
    "base_colour": ("Red", "Blue"),
}


def encoded(form: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", (8, 6), (255, 0, 0, 0)).save(file, form, lossless=True)
    return file.getvalue()


def test_a_bundle_holds_exactly_what_the_layout_says(place: str) -> None:
    png, webp = encoded("PNG"), encoded("WEBP")
    store = lake(
        place,
        (product(7), {"photo": jpeg(2), "thumbnail": jpeg(1)}),
        (product(3, display_name=None, season=None, year=None), {"photo": png}),
        (product(5, display_name='@"Ärmel,\n'), {"thumbnail": webp}),
        (product(9), {"thumbnail": jpeg(1)}),
        (product(8, gender="Women"), {"thumbnail": jpeg(3)}),
    )
    bundles = Objects(place)
    summary, journal = ask(store, bundles, "r1", gender="Men")
    found = files(bundles, "r1")
    ids = [sha256(data) for data in (png, webp, jpeg(1), jpeg(1))]
    assert found.keys() == {"metadata.json", "metadata.parquet", *(f"images/{i}.jpg" for i in ids)}
    rows = json.loads(found["metadata.json"])
    assert [list(row) for row in rows] == [list(FIELDS)] * 4
    assert [row["image_id"] for row in rows] == ids
    assert [row["display_name"] for row in rows] == [None, '@"Ärmel,\n', "=Piece 7", "=Piece 9"]
    assert (rows[0]["season"], rows[0]["year"], rows[1]["year"]) == (None, None, 2012)
    assert pq.read_table(io.BytesIO(found["metadata.parquet"])).to_pylist() == rows
    assert found[f"images/{ids[2]}.jpg"] == jpeg(1)
    for image_id in ids[:2]:
        assert imaging.inspect(found[f"images/{image_id}.jpg"]).format == "jpeg"
        assert imaging.decode(found[f"images/{image_id}.jpg"]).pixels.min() > 250  # nothing shows but the white
    assert counts(journal) == (4, 3, 0, 1)
    assert summary["status"] == "done"
    assert summary["bundle"] == f"{place}/runs/r1"
    assert summary["counts"] == {"products": 4, "images": 3, "without_image": 0}


def test_the_fields_are_the_ones_agreed_on() -> None:
    words = "image_id gender master_category sub_category article_type base_colour season year usage display_name"
    assert tuple(words.split()) == FIELDS


def test_no_match_is_a_success_that_says_so(store: Store, bundles: Objects) -> None:
    summary, journal = ask(store, bundles, "r1", gender="Women", start_year=2013)
    assert (summary["status"], journal.steps[0].status) == ("empty", "empty")
    found = files(bundles, "r1")
    assert found["metadata.json"] == b"[]"
    assert found.keys() == {"metadata.json", "metadata.parquet"}
    assert pq.read_table(io.BytesIO(found["metadata.parquet"])).column_names == list(FIELDS)
    assert status(store, bundles, "r1")["status"] == "empty"


@pytest.mark.parametrize(
    ("years", "found"),
    [
        ({"start_year": 2011}, [2011, 2012]),
        ({"end_year": 2011}, [2010, 2011]),
        ({"start_year": 2011, "end_year": 2011}, [2011]),
        ({}, [None, 2010, 2011, 2012]),
    ],
)
def test_years_are_inclusive_and_an_unknown_one_is_in_none(
    tmp_path: Path, bundles: Objects, years: Row, found: list[int | None]
) -> None:
    rows = [product(i, year=year) for i, year in enumerate((None, 2010, 2011, 2012))]
    ask(lake(tmp_path, *((row, {"thumbnail": jpeg(1)}) for row in rows)), bundles, "r1", **years)
    assert [row["year"] for row in json.loads(files(bundles, "r1")["metadata.json"])] == found


@pytest.mark.parametrize(("column", "value"), [(c, v) for c, values in CLOSED.items() for v in values])
def test_every_value_of_a_vocabulary_can_be_asked_for(column: str, value: str) -> None:
    Selection(**{column: value}).check()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"season": "Autumn"}, "season 'Autumn' is not known. Give one of: Fall, Spring, Summer, Winter."),
        ({"gender": "men"}, "Did you mean Men"),
        ({"usage": "Smart"}, "Did you mean Smart Casual"),
        ({"master_category": "=Apparel"}, "Did you mean Apparel"),
        ({"article_type": "CASUAL SHOE"}, "Did you mean Casual Shoes"),
        ({"base_colour": ""}, "base_colour '' is not known. Give one of: Red."),
        ({"sub_category": "--help"}, "sub_category '--help' is not known"),
        ({"sub_category": "x" * 10_000}, "x" * 100 + "' is not known"),
        ({"start_year": 2013, "end_year": 2012}, "start_year 2013 is after end_year 2012"),
        ({"start_year": 20_012}, "start_year 20012 is no year"),
        ({"end_year": 0}, "end_year 0 is no year"),
    ],
)
def test_what_no_product_can_be_is_an_error_and_no_empty_bundle(
    store: Store, bundles: Objects, values: Row, sentence: str
) -> None:
    with pytest.raises(ContractBroken) as caught:
        ask(store, bundles, "r1", **values)
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 300
    assert files(bundles, "r1") == {}
    told = status(store, bundles, "r1")
    assert (told["status"], told["params"], told["bundle"]) == ("failed", values, None)
    assert told["error"] == f"ContractBroken: {caught.value}"


def test_a_lake_without_products_says_what_to_do(tmp_path: Path, bundles: Objects) -> None:
    with pytest.raises(CannotRun, match="tessera ingest"):
        ask(Store(str(tmp_path / "lake")), bundles)


def test_a_product_whose_picture_is_gone_is_left_out_and_counted(store: Store, bundles: Objects) -> None:
    upsert(store, Run(), products.TABLE, pa.Table.from_pylist([product(20), product(21)], products.TABLE.schema))
    join = [{"product_id": 21, "kind": "photo", "image_id": "0" * 64}]
    upsert(store, Run(), products.PRODUCT_IMAGES, pa.Table.from_pylist(join, products.PRODUCT_IMAGES.schema))
    summary, journal = ask(store, bundles, "r1")
    assert summary["counts"] == {"products": 12, "images": 11, "without_image": 2}
    assert counts(journal) == (12, 11, 0, 1)


YEARS = st.none() | st.integers(2010, 2013)
KINDS = {name: st.sampled_from(values) for name, values in CLOSED.items()}
KINDS |= {name: st.sampled_from(values) for name, values in OPEN.items()}
NULLABLE = ("sub_category", "article_type", "base_colour", "season", "usage")
ROWS = st.fixed_dictionaries(
    {name: st.none() | kind if name in NULLABLE else kind for name, kind in KINDS.items()} | {"year": YEARS}
)
ASKED = st.fixed_dictionaries({}, optional=KINDS | {"start_year": YEARS, "end_year": YEARS})


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROWS, min_size=1, max_size=12), asked=st.lists(ASKED, min_size=8, max_size=8))
def test_those_and_only_those_that_a_naive_filter_finds(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], asked: list[Row]
) -> None:
    folder = tmp_path_factory.mktemp("drawn")
    order = random.Random(1).sample(range(len(rows)), len(rows))
    store = lake(folder, *((product(i, **rows[i]), {"thumbnail": jpeg(i % 5)}) for i in order))
    for number, values in enumerate(asked):
        wanted = {name: value for name, value in values.items() if value is not None}
        try:
            ask(store, Objects(str(folder)), f"r{number}", **values)
        except ContractBroken:
            is_typo = any(not any(row[name] == wanted[name] for row in rows) for name in OPEN.keys() & wanted.keys())
            assert is_typo or wanted["start_year"] > wanted["end_year"]
        else:
            found = json.loads(files(Objects(str(folder)), f"r{number}")["metadata.json"])
            assert [row["display_name"] for row in found] == [
                f"=Piece {i}" for i, row in enumerate(rows) if naive(row, wanted)
            ]


def naive(row: Row, wanted: Row) -> bool:
    for name, value in wanted.items():
        if name in ("start_year", "end_year"):
            if row["year"] is None or (row["year"] < value if name == "start_year" else row["year"] > value):
                return False
        elif row[name] != value:
            return False
    return True
