"""`styles.csv`: the catalogue's rows as they are written, defects and all, turned into products or defects."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pipelines.ingest import products
from pipelines.lake.errors import ContractBroken, Rejected

COLUMNS = {
    "id": "product_id",
    "gender": "gender",
    "masterCategory": "master_category",
    "subCategory": "sub_category",
    "articleType": "article_type",
    "baseColour": "base_colour",
    "season": "season",
    "year": "year",
    "usage": "usage",
    "productDisplayName": "display_name",
}
_LINE_BYTES = 64 << 10
_NULLS = ("", "NA")
_SHOWN = 100  # characters of a value that a reject repeats
_DIGITS = re.compile(r"[0-9]{1,19}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_VOCABULARIES = {column.name: column.values for column in products.TABLE.columns if column.values}


class Defect(Rejected):
    """A row that is no product; `key` is its id, or its line where it has none."""

    def __init__(self, key: str, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.key = _CONTROL.sub("?", key[:_SHOWN])


@dataclass(frozen=True)
class Line:
    """One data line: its number in the file (the header is 1) and its text, None if too long to be a row."""

    number: int
    text: str | None

    @property
    def key(self) -> str:
        return f"line {self.number}"


@dataclass(frozen=True)
class Header:
    """The columns of a file, in its order. Raises ContractBroken when one is missing or stands there twice."""

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if missing := [name for name in COLUMNS if name not in self.names]:
            raise ContractBroken(
                f"styles.csv has no column {', '.join(missing)}. Nothing was taken in: the file must start with "
                f"the header {','.join(COLUMNS)}."
            )
        if twice := {name for name in COLUMNS if self.names.count(name) > 1}:
            raise ContractBroken(f"styles.csv has two columns {', '.join(sorted(twice))}. Nothing was taken in.")


def open_lines(file: BinaryIO) -> tuple[Header, Iterator[Line]]:
    """Return the header and the data lines; memory holds one line, and a line is at most 64 KiB."""
    lines = _lines(file)
    first = next(lines, Line(1, ""))
    return Header(tuple(_split((first.text or "").removeprefix("\ufeff")))), lines


def _lines(file: BinaryIO) -> Iterator[Line]:
    number = 0
    while raw := file.readline(_LINE_BYTES):
        number += 1
        whole = raw.endswith(b"\n") or len(raw) < _LINE_BYTES
        while not whole:  # skip the rest of a line that no row is as long as
            rest = file.readline(_LINE_BYTES)
            whole = rest.endswith(b"\n") or len(rest) < _LINE_BYTES
            raw = b""
        # A zip's readline may go beyond its limit by half a kilobyte.
        text = raw.decode("utf-8", errors="replace").rstrip("\r\n") if 0 < len(raw) <= _LINE_BYTES else None
        if text != "":
            yield Line(number, text)


def product(header: Header, line: Line, repair_malformed: bool) -> dict[str, object]:
    """Return a line's columns under our names, typed and checked, without its source. Raises Defect."""
    if line.text is None:
        raise Defect(line.key, "line_too_long", f"{line.key} is longer than {_LINE_BYTES} bytes.")
    fields, is_repaired = _fields(header, line, repair_malformed)
    values = {ours: _null(fields[theirs]) for theirs, ours in COLUMNS.items()}
    key = values["product_id"] or line.key
    if "\ufffd" in line.text:
        raise Defect(key, "not_utf8", f"{line.key} holds bytes that are not UTF-8 text.")
    if _CONTROL.search(line.text):
        raise Defect(key, "control_characters", f"{line.key} holds control characters, which no text has.")
    for name in ("gender", "master_category"):
        if values[name] is None:
            raise Defect(key, f"missing_{name}", f"{line.key} has no {name}.")
    for name, vocabulary in _VOCABULARIES.items():
        if values[name] is not None and values[name] not in vocabulary:
            raise Defect(key, f"unknown_{name}", f"{line.key}: {name} {_shown(values[name])} is not known.")
    numbers = {name: _number(values[name], key, name, line) for name in ("product_id", "year")}
    return {**values, **numbers, "is_repaired": is_repaired}


def _fields(header: Header, line: Line, repair_malformed: bool) -> tuple[dict[str, str], bool]:
    values, columns = _split(line.text or ""), len(header.names)
    key = next(iter(values[header.names.index("id") :]), "") or line.key
    if len(values) < columns:
        raise Defect(key, "too_few_fields", f"{line.key} has {len(values)} fields, not {columns}.")
    surplus = len(values) > columns
    if surplus and not (repair_malformed and header.names[-1] == "productDisplayName"):
        raise Defect(key, "too_many_fields", f"{line.key} has {len(values)} fields, not {columns}.")
    # The surplus always belongs to the name: its commas are not quoted in the published file.
    values[columns - 1 :] = [",".join(values[columns - 1 :])]
    return dict(zip(header.names, values, strict=True)), surplus


def _split(text: str) -> list[str]:
    """Split one line. Quotes count only where they enclose a field; a stray one is part of the text."""
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error:
        return text.split(",")


def _null(text: str) -> str | None:
    return None if text in _NULLS else text


def _number(text: str | None, key: str, name: str, line: Line) -> int | None:
    if text is None and name == "year":
        return None
    bounds = next(column.bounds for column in products.TABLE.columns if column.name == name) or (0, 0)
    if text is None or not _DIGITS.fullmatch(text) or not bounds[0] <= int(text) <= bounds[1]:
        reason = "id_not_a_number" if name == "product_id" else f"bad_{name}"
        raise Defect(key, reason, f"{line.key}: {name} {_shown(text)} is not a number from {bounds[0]} to {bounds[1]}.")
    return int(text)


def _shown(text: str | None) -> str:
    return repr(text[:_SHOWN]) if text else "nothing"
