"""One bad record costs itself only: every kind of them, side by side in one archive."""

from __future__ import annotations

import json
import random
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from shop import Lake, account, as_file, cabinet, catalogue, lie, record, zipped

from pipelines.ingest import product_details
from pipelines.lake.rows import digest
from pipelines.lake.store import Store

GOOD = (1, 2, 3)
DEEP = 100_000


def raw(**changed: object) -> bytes:
    """Return a record of product 0, which stands for one of its own."""
    return as_file(record(0, **changed))


def said(text: str) -> bytes:
    return b'{"data": ' + text.encode() + b"}"


# What no reader of JSON should trip over → the bytes, and the reason.
BROKEN: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not_json"),
    "blanks": (b" \n ", "not_json"),
    "a page": (b"<html>Not Found</html>", "not_json"),
    "half a record": (raw()[:-30], "not_json"),
    "two records": (raw() * 2, "not_json"),
    "a comment": (b"// hi\n" + raw(), "not_json"),
    "single quotes": (raw().replace(b'"', b"'"), "not_json"),
    "NaN": (raw(catalogAddDate=float("nan")), "not_json"),
    "infinity": (raw(catalogAddDate=float("inf")), "not_json"),
    "a number of 5,000 digits": (said('{"id": ' + "7" * 5_000 + "}"), "not_json"),
    "a raw control character": (said('{"id": "\x01"}'), "not_json"),
    "lists without end": (b"[" * DEEP, "too_deep"),
    "objects without end": (b'{"data":' * DEEP, "too_deep"),
    "lists, closed again": (said("[" * DEEP + "]" * DEEP), "too_deep"),
    "depth in a corner": (said('{"id": 1, "x": ' + '{"a":' * DEEP + "1" + "}" * (DEEP + 1)), "too_deep"),
    "Latin-1": (raw(brandName="Café").replace(b"\\u00e9", b"\xe9"), "not_utf8"),
    "UTF-16": (raw().decode().encode("utf-16"), "not_utf8"),
    "half a letter": (raw(brandName="€").replace(b"\\u20ac", b"\xe2\x82"), "not_utf8"),
    "an encoded surrogate": (raw(brandName="€").replace(b"\\u20ac", b"\xed\xa0\x80"), "not_utf8"),
    "a byte order, twice": (b"\xef\xbb\xbf" * 2 + raw(), "not_json"),
    "a key twice": (said('{"id": 0, "id": 0}'), "duplicate_key"),
    "a key twice, deep within": (said('{"id": 0, "articleAttributes": {"A": "1", "A": "2"}}'), "duplicate_key"),
    "data twice": (raw()[:-1] + b', "data": {}}', "duplicate_key"),
    "more than a megabyte": (raw(filler=random.Random(6).randbytes(600_000).hex()), "too_many_bytes"),
    "a megabyte of zeros": (bytes((1 << 20) + 1), "zip_bomb"),
}

# JSON that is no record, or not of this product.
FOREIGN: dict[str, tuple[bytes, str]] = {
    "a list": (b"[]", "wrong_type"),
    "a text": (b'"data"', "wrong_type"),
    "null": (b"null", "wrong_type"),
    "a number": (b"1e999", "wrong_type"),
    "no data": (b'{"meta": {"code": 404}}', "wrong_type"),
    "data that is null": (b'{"data": null}', "wrong_type"),
    "data that is a list": (b'{"data": [{"id": 1}]}', "wrong_type"),
    "no id": (raw(id=...), "wrong_type"),
    "an id that is null": (raw(id=None), "wrong_type"),
    "an id that is a list": (raw(id=[0]), "wrong_type"),
    "an id that is a decimal": (raw(id=1.0), "wrong_type"),
    "an id beyond floats": (raw(id=7).replace(b'"id": 7', b'"id": 1e999'), "wrong_type"),
    "an id that is true": (raw(id=True), "id_differs"),
    "the id of another": (raw(id=999), "id_differs"),
    "a negative id": (raw(id=-5), "id_differs"),
    "an id of letters": (raw(id="abc"), "id_differs"),
    "an id that is a path": (raw(id="../../etc/passwd"), "id_differs"),
    "an id of control characters": (raw(id="\x1b[31m\x00"), "id_differs"),
    "an id that is half a letter": (raw(id="\ud800"), "id_differs"),
}

# Records with words that are not known, or values of the wrong kind.
WRONG: dict[str, tuple[bytes, str]] = {
    "an unknown gender": (raw(gender="Man"), "unknown_gender"),
    "a gender in small letters": (raw(gender="men"), "unknown_gender"),
    "no gender": (raw(gender="NA"), "missing_gender"),
    "an unknown season": (raw(season="Autumn"), "unknown_season"),
    "an unknown usage": (raw(usage="Office"), "unknown_usage"),
    "an unknown category": (raw(masterCategory={"typeName": "Apparal"}), "unknown_master_category"),
    "no category": (raw(masterCategory={}), "missing_master_category"),
    "a category without an object": (raw(masterCategory="Apparel"), "wrong_type"),
    "a gender that is a list": (raw(gender=["Men"]), "wrong_type"),
    "a season that is a number": (raw(season=3), "wrong_type"),
    "a brand that is an object": (raw(brandName={"name": "Acme"}), "wrong_type"),
    "a brand that is false": (raw(brandName=False), "wrong_type"),
    "a brand with a NUL": (raw(brandName="Ac\x00me"), "control_characters"),
    "a brand with an escape": (raw(brandName="\x1b[31mAcme"), "control_characters"),
    "a brand that is half a letter": (raw(brandName="\udfff"), "control_characters"),
    "a brand of 2,000 letters": (raw(brandName="x" * 2_000), "too_long"),
    "attributes in a list": (raw(articleAttributes=["Cotton"]), "wrong_type"),
    "an attribute that is a number": (raw(articleAttributes={"Pockets": 2}), "wrong_type"),
    "an attribute that is a list": (raw(articleAttributes={"Fabric": ["Cotton"]}), "wrong_type"),
    "an attribute without a name": (raw(articleAttributes={" ": "Cotton"}), "bad_attribute"),
    "an attribute with a NUL for a name": (raw(articleAttributes={"\x00": "Cotton"}), "bad_attribute"),
    "an attribute with half a letter": (raw(articleAttributes={"\ud83d": "Cotton"}), "bad_attribute"),
    "an attribute of a long name": (raw(articleAttributes={"x" * 2_000: "Cotton"}), "bad_attribute"),
    "descriptors in a list": (raw(productDescriptors=[]), "wrong_type"),
    "a description that is a text": (raw(productDescriptors={"description": "soft"}), "wrong_type"),
    "a description that is a number": (raw(productDescriptors={"description": {"value": 1}}), "wrong_type"),
    "a letter of 5,000 digits": (
        raw(productDescriptors={"description": {"value": f"&#{'9' * 5_000};"}}),
        "bad_markup",
    ),
    "a day in words": (raw(catalogAddDate="yesterday"), "bad_date"),
    "a day that is true": (raw(catalogAddDate=True), "bad_date"),
    "a day before all days": (raw(catalogAddDate=-1), "bad_date"),
    "a day in milliseconds": (raw(catalogAddDate=1_461_658_417_000), "bad_date"),
    "a day of 400 digits": (raw(catalogAddDate=10**400), "bad_date"),
    "a day with a fraction": (raw(catalogAddDate=1.5), "bad_date"),
}

# Records that look odd and are none the worse.
ODD: dict[str, bytes] = {
    "markup in a brand": raw(brandName="<script>alert(1)</script>"),
    "SQL": raw(brandName="'; DROP TABLE products; --"),
    "a formula": raw(brandName='=HYPERLINK("http://x.example")'),
    "other scripts": raw(brandName="\u0936\u0930\u094d\u091f \U0001f455"),
    "a byte order": b"\xef\xbb\xbf" + raw(),
    "links to fetch": raw(
        styleImages={"default": {"imageURL": "http://169.254.169.254/latest"}}, landingPageUrl="file:///etc/passwd"
    ),
    "a prototype": raw(__proto__={"x": 1}, constructor="x"),
    "keys of ours": raw(stamp="x", source="../x", is_name_equal=False),
}

CASES: dict[str, list[str]] = {"broken": list(BROKEN), "foreign": list(FOREIGN), "wrong": list(WRONG), "odd": list(ODD)}
BAD = BROKEN | FOREIGN | WRONG
NUMBERS = {name: 1_000 + place for place, name in enumerate([*BAD, *ODD])}


def own(name: str, data: bytes) -> bytes:
    """Give a record the number of its file where it stands for one of its own."""
    return data.replace(b'"id": 0', b'"id": %d' % NUMBERS[name])


@dataclass(frozen=True)
class Night:
    lake: Lake
    catalogue: Path
    records: Path
    before: dict[str, str]
    counts: tuple[int, ...]
    rejects: dict[tuple[str, str], str]


def digests(lake: Lake) -> dict[str, str]:
    tables = (product_details.TABLE, product_details.ATTRIBUTES)
    return {table.name: digest(table, _good(lake, table)) for table in tables}


def _good(lake: Lake, table: object) -> object:
    rows = lake.store.snapshot(table).read()
    return rows.filter([row["product_id"] in GOOD for row in rows.to_pylist()])


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """One night of good records, then one with all of these beside them."""
    folder = tmp_path_factory.mktemp("records")
    lake = Lake(Store(str(folder / "lake")))
    pieces = zipped(folder / "pieces.zip", catalogue(*GOOD, *NUMBERS.values()))
    lake.take_in(pieces, details=zipped(folder / "good.zip", cabinet(*GOOD)))
    before = digests(lake)
    files = {name: data for name, (data, _) in BAD.items()} | ODD
    records = cabinet(*GOOD) | {f"{NUMBERS[name]}.json": own(name, data) for name, data in files.items()}
    path = zipped(folder / "hostile.zip", records)
    counts = account(lake.take_in(pieces, details=path))["details"]
    return Night(lake, pieces, path, before, counts, lake.open_rejects())


def test_there_are_enough_of_them() -> None:
    assert len(BAD) + len(ODD) >= 80


def test_every_record_is_accounted_for(night: Night) -> None:
    assert night.counts == (len(GOOD) + len(BAD) + len(ODD), len(ODD), len(GOOD), len(BAD), 0)
    assert len(night.rejects) == len(BAD)


def test_what_the_lake_held_is_untouched(night: Night) -> None:
    assert digests(night.lake) == night.before
    held = {row["product_id"] for row in night.lake.rows(product_details.TABLE)}
    assert held == {*GOOD, *(NUMBERS[name] for name in ODD)}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_is_a_reject_that_says_why(night: Night, name: str) -> None:
    key = f"styles/{NUMBERS[name]}.json"
    sentence = night.rejects[key, BAD[name][1]]
    assert sentence.startswith(f"{key}: ")
    assert sentence.endswith(".")
    assert len(sentence) < 400
    assert sentence.isprintable()


def test_an_odd_record_keeps_its_words(night: Night) -> None:
    held = {row["product_id"]: row for row in night.lake.rows(product_details.TABLE)}
    for name, data in ODD.items():
        brand = json.loads(data.decode("utf-8-sig"))["data"]["brandName"]
        assert held[NUMBERS[name]]["brand_name"] == brand
        assert held[NUMBERS[name]]["source"] == "fashion"


def test_a_repeat_commits_nothing(night: Night) -> None:
    version = night.lake.versions()
    night.lake.take_in(night.catalogue, details=night.records)
    assert night.lake.versions() == version


def test_members_that_must_not_be_read_are_rejects(lake: Lake, tmp_path: Path) -> None:
    path = zipped(tmp_path / "r.zip", cabinet(1, 2, 3) | {"../../4.json": as_file(record(4)), "/5.json": b"{}"})
    lie(path, "2.json", flags=1)  # encrypted
    lie(path, "3.json", crc=0)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("1.json", as_file(record(1, brandName="Other")))
    counts = account(lake.take_in(zipped(tmp_path / "a.zip", catalogue(1, 2, 3)), details=path))["details"]
    assert counts == (6, 1, 0, 5, 0)
    reasons = sorted(reason for _, reason in lake.open_rejects())
    assert reasons == ["corrupt_member", "duplicate_name", "encrypted", "unsafe_name", "unsafe_name"]
    assert [row["brand_name"] for row in lake.rows(product_details.TABLE)] == ["Acme"]
