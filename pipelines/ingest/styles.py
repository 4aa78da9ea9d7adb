"""`styles.csv`: the catalogue's rows as they are written, defects and all, turned into products or defects."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import BinaryIO, NamedTuple, cast

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
VOCABULARIES = {column.name: column.values for column in products.TABLE.columns if column.values}
SHOWN = 100  # characters of a value that a reject repeats
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_LINE_BYTES, _BUFFER_BYTES = 64 << 10, 16 << 10
_NULLS: dict[str, None] = {"": None, "NA": None}
_OURS = tuple(COLUMNS.values())
_SAFE_DIGITS = 18  # of a number that is within all bounds
_PLAIN_CHARACTERS = 500  # of a line whose words are worth remembering
_DIGITS = re.compile(r"[0-9]{1,19}")
_BOUNDS = {column.name: column.bounds for column in products.TABLE.columns if column.bounds}
_REQUIRED = tuple(column.name for column in products.TABLE.columns if column.values and not column.nullable)
_ALLOWED = [(name, {*words, *(() if name in _REQUIRED else (None,))}) for name, words in VOCABULARIES.items()]


class Defect(Rejected):
    """A row that is no product; `key` is its id, or its line where it has none."""

    def __init__(self, key: str, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.key = CONTROL.sub("?", key[:SHOWN])


class Line(NamedTuple):
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

    @cached_property
    def pick(self) -> Callable[[list[str]], tuple[str, ...]]:
        """Takes our columns, in our order, from the fields of a line."""
        return cast("Callable[[list[str]], tuple[str, ...]]", itemgetter(*(self.names.index(name) for name in COLUMNS)))

    @cached_property
    def id_place(self) -> int:
        return self.names.index("id")


def open_lines(file: BinaryIO) -> tuple[Header, Iterator[Line]]:
    """Return the header and the data lines; memory holds one line, and a line is at most 64 KiB."""
    lines = _lines(file)
    first = next(lines, Line(1, ""))
    return Header(tuple(_split((first.text or "").removeprefix("\ufeff")))), lines


def _lines(file: BinaryIO) -> Iterator[Line]:
    # A zip's own readline is slow, and may go beyond its limit.
    buffered = io.BufferedReader(cast(io.RawIOBase, file), _BUFFER_BYTES)
    number = 0
    while raw := buffered.readline(_LINE_BYTES):
        number += 1
        whole = raw.endswith(b"\n") or len(raw) < _LINE_BYTES
        while not whole:  # skip the rest of a line that no row is as long as
            rest = buffered.readline(_LINE_BYTES)
            whole = rest.endswith(b"\n") or len(rest) < _LINE_BYTES
            raw = b""
        text = raw.decode("utf-8", errors="replace").rstrip("\r\n") if raw else None
        if text != "":
            yield Line(number, text)


def product(header: Header, line: Line, repair_malformed: bool) -> dict[str, object]:
    """Return a line's columns under our names, typed and checked, without its source. Raises Defect."""
    if line.text is None:
        raise Defect(line.key, "line_too_long", f"{line.key} is longer than {_LINE_BYTES} bytes.")
    fields, is_repaired = _fields(header, line, line.text, repair_malformed)
    number, gender, master, sub, article, colour, season, year, usage, name = header.pick(fields)
    is_plain = line.text.isascii() and line.text.isprintable() and len(line.text) <= _PLAIN_CHARACTERS
    is_number = number.isdecimal() and len(number) <= _SAFE_DIGITS
    known = _known(gender, master, season, year, usage) if is_plain and is_number else None
    if known is None:
        return _checked(header.pick(fields), line) | {"is_repaired": is_repaired}
    null = _NULLS.get
    return {
        "product_id": int(number),
        "sub_category": null(sub, sub),
        "article_type": null(article, article),
        "base_colour": null(colour, colour),
        "display_name": null(name, name),
        "is_repaired": is_repaired,
        **known,
    }


@lru_cache(4096)  # a catalogue has some hundreds of combinations
def _known(gender: str, master: str, season: str, year: str, usage: str) -> dict[str, object] | None:
    """Return what these words of a row mean, None where one of them is not known."""
    row = ("0", gender, master, "", "", "", season, year, usage, "")
    try:
        values = _checked(row, Line(0, ""))
    except Defect:
        return None
    return {name: values[name] for name in ("gender", "master_category", "season", "year", "usage")}


def _checked(fields: tuple[str, ...], line: Line) -> dict[str, object]:
    """Return the typed columns of our fields, in our order. Raises Defect."""
    values: dict[str, object] = dict(zip(_OURS, [_NULLS.get(text, text) for text in fields], strict=True))
    _check_text(values, line, line.text or "")
    for name, words in _ALLOWED:
        if values[name] not in words:
            raise _misfit(values, line)
    product_id = _number(values, "product_id", line)
    year = None if values["year"] is None else _number(values, "year", line)
    return values | {"product_id": product_id, "year": year}


def _check_text(values: dict[str, object], line: Line, text: str) -> None:
    if "\ufffd" in text:
        raise Defect(_key(values, line), "not_utf8", f"{line.key} holds bytes that are not UTF-8 text.")
    if CONTROL.search(text):
        raise Defect(
            _key(values, line), "control_characters", f"{line.key} holds control characters, which no text has."
        )


def _misfit(values: dict[str, object], line: Line) -> Defect:
    """Return what is wrong with a row whose words are not all known: what is missing comes first."""
    for name in _REQUIRED:
        if values[name] is None:
            return Defect(_key(values, line), f"missing_{name}", f"{line.key} has no {name}.")
    name = next(name for name, words in _ALLOWED if values[name] not in words)
    return Defect(
        _key(values, line), f"unknown_{name}", f"{line.key}: {name} {shown(cast(str, values[name]))} is not known."
    )


def _key(values: dict[str, object], line: Line) -> str:
    return str(values["product_id"] or line.key)


def _fields(header: Header, line: Line, text: str, repair_malformed: bool) -> tuple[list[str], bool]:
    values, columns = _split(text), len(header.names)
    if len(values) == columns:
        return values, False
    key = next(iter(values[header.id_place :]), "") or line.key
    if len(values) < columns:
        raise Defect(key, "too_few_fields", f"{line.key} has {len(values)} fields, not {columns}.")
    if not (repair_malformed and header.names[-1] == "productDisplayName"):
        raise Defect(key, "too_many_fields", f"{line.key} has {len(values)} fields, not {columns}.")
    # The surplus always belongs to the name: its commas are not quoted in the published file.
    return [*values[: columns - 1], ",".join(values[columns - 1 :])], True


def _split(text: str) -> list[str]:
    """Split one line. Quotes count only where they enclose a field; a stray one is part of the text."""
    if '"' not in text and "\r" not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error:
        return text.split(",")


def _number(values: dict[str, object], name: str, line: Line) -> int:
    text, (low, high) = cast("str | None", values[name]), _BOUNDS[name]
    if text is None or not _DIGITS.fullmatch(text) or not low <= int(text) <= high:
        reason = "id_not_a_number" if name == "product_id" else f"bad_{name}"
        detail = f"{line.key}: {name} {shown(text)} is not a number from {low} to {high}."
        raise Defect(_key(values, line), reason, detail)
    return int(text)


def shown(text: str | None) -> str:
    """Return a value as a sentence may repeat it."""
    return repr(text[:SHOWN]) if text else "nothing"
