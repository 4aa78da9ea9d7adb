"""What is read of one record: its words, its day, its text; and what of markup is text."""

from __future__ import annotations

import json
import time
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shop import as_file, record

from pipelines.ingest.markup import plain_text
from pipelines.ingest.product_details import ATTRIBUTES, TABLE, Details, read
from pipelines.lake.contract import conform
from pipelines.lake.errors import Rejected

STEADY = settings(deadline=None)


def details(**changed: object) -> Details:
    return read(as_file(record(7, **changed)), "7", "Plain Shirt")


def test_a_record_is_read() -> None:
    made = details(colour1="White", ageGroup="Adults-Men", articleNumber="A 1", variantName="TEE", styleType="P")
    expected = {"brand_name": "Acme", "colour1": "White", "age_group": "Adults-Men", "article_number": "A 1"}
    expected |= {"variant_name": "TEE", "style_type": "P", "product_id": 7, "is_name_equal": True}
    assert expected.items() <= made.row.items()
    assert made.row["added_on"] == date(2016, 4, 26)
    assert made.attributes == {"Fabric": "Cotton"}


@pytest.mark.parametrize("null", ["NA", "", " ", None, ...])
def test_every_form_of_nothing_is_null(null: object) -> None:
    made = details(brandName=null, season=null, usage=null, articleAttributes={"Neck": None if null is ... else null})
    assert made.row["brand_name"] is None
    assert made.attributes == {}


@pytest.mark.parametrize("never", [0, None, ...])
def test_a_day_that_was_never_set_is_null(never: object) -> None:
    assert details(catalogAddDate=never).row["added_on"] is None


@pytest.mark.parametrize("name", ["Another Shirt", "NA", None, "plain shirt", "Plain Shirt "])
def test_another_name_is_a_flag(name: object) -> None:
    assert details(productDisplayName=name).row["is_name_equal"] is False


def test_no_name_equals_no_name() -> None:
    assert read(as_file(record(7, productDisplayName="NA")), "7", None).row["is_name_equal"] is True


def test_a_mark_of_byte_order_is_no_harm() -> None:
    assert read(b"\xef\xbb\xbf" + as_file(record(7)), "7", None).row["product_id"] == 7


def test_descriptors_become_text() -> None:
    markup = {"description": {"value": "<p><b>Care</b><br/> wash &amp; dry</p>"}, "style_note": {"value": "NA"}}
    row = details(productDescriptors=markup | {"size_fit_desc": {"value": "<br />"}}).row
    assert row["description"] == "Care\nwash & dry"
    assert (row["style_note"], row["size_fit"], row["materials_care"]) == (None, None, None)


TEXTS = {
    "": "",
    "a  b\t c": "a b c",
    "<p>one</p><p>two</p>": "one\ntwo",
    "one<br>two<br/>three": "one\ntwo\nthree",
    "<em>soft</em>ly": "softly",
    "&lt;b&gt; &eacute;&nbsp;&#8217;": "<b> é ’",
    "&amp;lt;": "&lt;",
    "3 < 4 and 5 > 4": "3 4",  # as a browser would, near enough
    "less < than": "less < than",
    'a<a href="http://x.example/?q=1">link</a>b': "alinkb",
    "a<script>alert(1)</script>b": "ab",
    "a<SCRIPT >if (1<2) { x() }</ScRiPt>b": "ab",
    "a<style>p { color: red }</style>b": "ab",
    "a<!-- <b>hidden</b> -->b": "ab",
    "a<!-- hidden": "a",
    "a<script>hidden": "a",
    '<img src=x onerror="alert(1)">a': "a",
    "<<b>>a": "<>a",
    "a\x00b\x1bc": "abc",
    "&#0;&#7;": "\ufffd",
    "&bogus; &": "&bogus; &",
}


@pytest.mark.parametrize("markup", TEXTS)
def test_markup_becomes_its_words(markup: str) -> None:
    assert plain_text(markup) == TEXTS[markup]


@pytest.mark.parametrize(
    "unit", ["<", "<!--", "-->", "<script>", "</", "<a ", "&", "&#", "&amp", "<p>", "> ", "<!", "\n "]
)
def test_a_megabyte_of_anything_takes_no_time(unit: str) -> None:
    started = time.process_time()
    plain_text(unit * ((1 << 20) // len(unit)))
    assert time.process_time() - started < 5


@STEADY
@given(st.text(alphabet="<>/!-&#;ab \n\x00", max_size=60))
def test_any_markup_becomes_clean_lines(markup: str) -> None:
    text = plain_text(markup)
    assert text == text.strip()
    assert not any(one != one.strip() or not one for one in text.split("\n") if text)
    assert all(character == "\n" or character >= " " for character in text)


LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["NA", "Men"])
)
VALUE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
KEYS = st.sampled_from([*record(7), "productDescriptors", "colour1", "ageGroup"])


@STEADY
@given(st.dictionaries(KEYS, VALUE, max_size=4))
@example({"catalogAddDate": True})
@example({"articleAttributes": {"a": "b", " ": "c"}})
def test_any_record_is_rows_that_keep_the_contract_or_a_reject(changed: dict[str, Any]) -> None:
    try:
        made = read(json.dumps({"data": record(7) | changed}).encode(), "7", "Plain Shirt")
    except Rejected as error:
        rejected = error
    else:
        rejected = None
    if rejected:
        assert rejected.detail.endswith(".")
        return
    conform(TABLE, pa.Table.from_pylist([made.row | {"source": "fashion", "stamp": "1"}], TABLE.schema))
    attributes = [{"product_id": 7, "attribute": name, "value": value} for name, value in made.attributes.items()]
    conform(ATTRIBUTES, pa.Table.from_pylist(attributes, ATTRIBUTES.schema))


@STEADY
@given(st.binary(max_size=200))
def test_any_bytes_are_a_reject(data: bytes) -> None:
    with pytest.raises(Rejected):
        read(data, "7", None)
