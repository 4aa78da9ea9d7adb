"""Product details: what the shop's own record of a piece says beyond the catalogue; no prices, no links."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NoReturn

import pyarrow as pa

from pipelines.ingest import products
from pipelines.ingest.columns import PRODUCT_ID, SOURCE
from pipelines.ingest.markup import plain_text
from pipelines.ingest.styles import VOCABULARIES, shown
from pipelines.lake.errors import Rejected
from pipelines.lake.objects import sha256
from pipelines.lake.table import Column, Table

RECORD_BYTES = 1 << 20  # of one record; the published ones have 25 kB
_VERSION = 1  # rises when the same record gives other rows, so that all are read again
_NULLS = ("", "NA")
_NAME_CHARACTERS = 1000  # of a field that is a name, not a description
_EPOCH_END = 4_102_444_800  # 2100-01-01
_BROKEN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NAMES = {
    "brandName": "brand_name",
    "ageGroup": "age_group",
    "fashionType": "fashion_type",
    "styleType": "style_type",
    "variantName": "variant_name",
    "articleNumber": "article_number",
    "colour1": "colour1",
    "colour2": "colour2",
}
_DESCRIPTORS = {
    "description": "description",
    "materials_care_desc": "materials_care",
    "size_fit_desc": "size_fit",
    "style_note": "style_note",
}


def _word(name: str, description: str) -> Column:
    return Column(name, pa.string(), description, nullable=True)


TABLE = Table(
    name="product_details",
    description="What the shop's own record of a piece says beyond the catalogue.",
    grain=("product_id",),
    columns=(
        PRODUCT_ID,
        SOURCE,
        _word("brand_name", "Who made the piece, as the shop calls them."),
        _word("age_group", "Whom it is made for: Adults-Men, Kids-Girls, …"),
        _word("fashion_type", "The shop's word for how long it stays on sale: Fashion, Core, …"),
        _word("style_type", "The shop's code for the state of the piece: P, DEL, …"),
        _word("variant_name", "The maker's own name of the piece."),
        _word("article_number", "The maker's own number of the piece."),
        _word("colour1", "A second colour, as the shop calls it."),
        _word("colour2", "A third colour, as the shop calls it."),
        _word("description", "The shop's description, as plain text."),
        _word("materials_care", "What it is made of and how to wash it, as plain text."),
        _word("size_fit", "How it fits, as plain text."),
        _word("style_note", "What to wear it with, as plain text."),
        Column("added_on", pa.date32(), "The day (UTC) on which the shop took it into its catalogue.", nullable=True),
        Column("is_name_equal", pa.bool_(), "True where the record and the catalogue give the same display name."),
        Column("stamp", pa.string(), "What the record was when it was read; with an equal stamp it is not read again."),
    ),
    inputs=(products.TABLE,),
)

ATTRIBUTES = Table(
    name="product_attributes",
    description="The attributes that the shop's record gives a piece: its fabric, neck, fit, and so on.",
    grain=("product_id", "attribute"),
    columns=(
        PRODUCT_ID,
        Column("attribute", pa.string(), "What is said of the piece: Pattern, Fabric, Sleeve Length, …"),
        Column("value", pa.string(), "What it is: Solid, Cotton, Long Sleeves, …"),
    ),
    inputs=(products.TABLE,),
)


@dataclass(frozen=True)
class Details:
    """One record, read: its row of `product_details` but for source and stamp, and its attributes by name."""

    row: dict[str, object]
    attributes: dict[str, str]


def stamp(file_stamp: str, display_name: str | None) -> str:
    """Return what decides a record's row: its file's version, the name it is compared with, and how it is read."""
    return sha256(f"{_VERSION} {file_stamp} {display_name or ''}".encode())[:32]


def read(data: bytes, product_id: str, display_name: str | None) -> Details:
    """Read the record of a product. Raises Rejected when it is damaged, of another product, or of unknown words.

    Another display name than the catalogue's is flagged, not rejected: whose record it is, its number says.
    """
    record = _record(data)
    _check_id(record, product_id)
    _check_words(record)
    names = {ours: _name(record, theirs) for theirs, ours in _NAMES.items()}
    row: dict[str, object] = {"product_id": int(product_id), **names, **_descriptions(record), "added_on": _day(record)}
    is_name_equal = _name(record, "productDisplayName") == display_name
    return Details(row | {"is_name_equal": is_name_equal}, _attributes(record))


def _record(data: bytes) -> dict[str, Any]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Rejected("not_utf8", f"it holds bytes that are not UTF-8 text, at {error.start}.") from error
    try:
        whole = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    except RecursionError as error:
        raise Rejected("too_deep", "it is nested deeper than any record.") from error
    except ValueError as error:
        raise Rejected("not_json", f"it is no JSON: {error}.") from error
    return _object(_object({"file": whole}, "file"), "data", is_required=True)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise Rejected("duplicate_key", f"it says {_printable(twice)} twice.")
    return found


def _no_number(name: str) -> NoReturn:
    raise Rejected("not_json", f"it holds {name}, which JSON does not know.")


def _object(parent: dict[str, Any], key: str, is_required: bool = False) -> dict[str, Any]:
    value = parent.get(key)
    if value is None and not is_required:
        return {}
    if not isinstance(value, dict):
        raise Rejected("wrong_type", f"its {key} is no object.")
    return value


def _printable(text: str) -> str:
    return shown(_BROKEN_TEXT.sub("?", text))


def _text(parent: dict[str, Any], key: str) -> str | None:
    value = parent.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Rejected("wrong_type", f"its {_printable(key)} is no text.")
    if _BROKEN_TEXT.search(value):
        raise Rejected("control_characters", f"its {_printable(key)} holds characters that no text has.")
    return None if value.strip() in _NULLS else value


def _name(parent: dict[str, Any], key: str) -> str | None:
    value = _text(parent, key)
    if value and len(value) > _NAME_CHARACTERS:
        raise Rejected("too_long", f"its {_printable(key)} is longer than {_NAME_CHARACTERS} characters.")
    return value


def _check_id(record: dict[str, Any], product_id: str) -> None:
    found = record.get("id")
    if not isinstance(found, int | str):
        raise Rejected("wrong_type", "its id is no number.")
    if str(found) != product_id:
        other = _printable(str(found))
        raise Rejected("id_differs", f"it says that it is of product {other}, its name that it is of {product_id}.")


def _check_words(record: dict[str, Any]) -> None:
    said = {name: _name(record, name) for name in ("gender", "season", "usage")}
    said["master_category"] = _name(_object(record, "masterCategory"), "typeName")
    for name, word in said.items():
        if word is None and name in ("gender", "master_category"):
            raise Rejected(f"missing_{name}", f"it has no {name}.")
        if word is not None and word not in (VOCABULARIES[name] or ()):
            raise Rejected(f"unknown_{name}", f"its {name} {shown(word)} is not known.")


def _descriptions(record: dict[str, Any]) -> dict[str, str | None]:
    descriptors = _object(record, "productDescriptors")
    markup = {ours: _text(_object(descriptors, theirs), "value") for theirs, ours in _DESCRIPTORS.items()}
    return {ours: (plain_text(value) or None) if value else None for ours, value in markup.items()}


def _day(record: dict[str, Any]) -> date | None:
    seconds = record.get("catalogAddDate")
    if seconds is None:
        return None
    if type(seconds) is not int or not 0 <= seconds < _EPOCH_END:
        raise Rejected("bad_date", "its catalogAddDate is no time from 1970 to 2100, in seconds.")
    return datetime.fromtimestamp(seconds, UTC).date() if seconds else None  # 0: never set


def _attributes(record: dict[str, Any]) -> dict[str, str]:
    attributes = _object(record, "articleAttributes")
    for name in attributes:
        if not name.strip() or len(name) > _NAME_CHARACTERS or _BROKEN_TEXT.search(name):
            raise Rejected("bad_attribute", f"it has an attribute called {_printable(name)}.")
    found = {name: _name(attributes, name) for name in attributes}
    return {name: value for name, value in found.items() if value is not None}
