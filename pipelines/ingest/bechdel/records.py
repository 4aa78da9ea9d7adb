"""Records: a CSV or JSON file of anyone's making as a stream of its items, in bounded memory.

A bad item costs only itself: it comes as a `Damage` and the stream goes on behind it. What a record means is the
business of the modules that know the lists.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from pipelines.lake.errors import ContractBroken

RECORD_BYTES = 4 << 20  # of one item; credits of the largest films have a tenth of it
_READ_BYTES = 64 << 10
_LINES = 10_000  # of one record: texts hardly hold line ends
# The module's own limit is for the whole process, and shorter than the credits of a large film.
csv.field_size_limit(max(csv.field_size_limit(), RECORD_BYTES))


@dataclass(frozen=True)
class Damage:
    """An item that cannot be read: why, as a code and as a sentence."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Record:
    """One item: where it stands (a line or a place in the list), its fields by name, or the damage.

    `is_last` says that nothing follows, not even a line end: the file may break off in it.
    """

    place: str
    fields: dict[str, Any]
    damage: Damage | None = None
    is_last: bool = False


@dataclass(frozen=True)
class _Line:
    number: int
    data: bytes | None  # None: longer than any record

    @property
    def ends(self) -> bool:
        return self.data is None or self.data.endswith(b"\n")


def read_csv(file: BinaryIO) -> Iterator[Record]:
    """Yield the records of a CSV file with a header. Raises ContractBroken when the header names a column twice.

    A record ends with its line unless a quote is open. Where a quote is never closed, or a record has not as many
    fields as the header, only the line it began with is lost: reading goes on with the next one.
    """
    lines = _Lines(file)
    names = header(lines.take().data or b"")
    if len(set(names)) < len(names):
        raise ContractBroken(f"the header names a column twice: {','.join(names)[:200]}. Nothing was taken in.")
    while (first := lines.take()).data != b"":
        if first.data is not None and not first.data.strip():
            continue
        yield _record(lines, first, names)


def header(data: bytes) -> list[str]:
    """Return the column names in the first line of a file; none where it is no CSV header."""
    line = data.partition(b"\n")[0]
    try:
        return next(csv.reader([line.decode("utf-8-sig").rstrip("\r")], strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        return []


class _Lines:
    """The lines of a file, of which some may be given back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._back, self._number = file, deque[_Line](), 0

    def take(self) -> _Line:
        """Return the next line, one of no bytes at the end."""
        if self._back:
            return self._back.popleft()
        self._number += 1
        data = self._file.readline(RECORD_BYTES)
        if data.endswith(b"\n") or len(data) < RECORD_BYTES:
            return _Line(self._number, data)
        while (rest := self._file.readline(RECORD_BYTES)) and not rest.endswith(b"\n"):
            pass
        return _Line(self._number, None)

    def give_back(self, lines: list[_Line]) -> None:
        self._back.extendleft(reversed(lines))


def _record(lines: _Lines, first: _Line, names: list[str]) -> Record:
    place = f"line {first.number}"
    if first.data is None:
        return Record(place, {}, Damage("record_too_long", f"is longer than {RECORD_BYTES >> 20} MiB."))
    last, (values, damage) = first, _split(first.data, len(names))
    if damage and damage.reason == "broken_quotes" and (others := _rest(lines, first.data)):
        longer = _split(b"".join([first.data, *(line.data or b"" for line in others)]), len(names))
        if longer[1]:
            lines.give_back(others)
        else:
            last, (values, damage) = others[-1], longer
    return Record(place, dict(zip(names, values, strict=False)), damage, is_last=not last.ends)


def _rest(lines: _Lines, first: bytes) -> list[_Line]:
    """Take the lines up to the one that closes the quote which `first` opens, or as many as a record may have."""
    others: list[_Line] = []
    quotes, size = first.count(b'"'), len(first)
    while quotes % 2 and size <= RECORD_BYTES and len(others) < _LINES:
        line = lines.take()
        if line.data == b"":
            break
        others.append(line)
        quotes, size = quotes + (line.data or b"").count(b'"'), size + len(line.data or b"")
    return others


def _split(data: bytes, count: int) -> tuple[list[str], Damage | None]:
    """Return the fields of a record, as well as they can be told, and what is wrong with it."""
    text = data.decode("utf-8", errors="replace").rstrip("\r\n")
    try:
        values = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        return text.split(",", count), Damage("broken_quotes", f"cannot be split into fields: {error}.")
    if len(values) != count:
        return values, Damage("wrong_field_count", f"has {len(values)} fields, not {count}.")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return values, Damage("not_utf8", "holds bytes that are not UTF-8 text.")
    return values, None


def read_json(file: BinaryIO) -> Iterator[Record]:
    """Yield the objects of a JSON list, each read by itself. Raises ContractBroken when the file is no whole list."""
    text, place = _Text(file), 0
    text.expect("[", "is no JSON list")
    while text.skip() != "]" or place:
        place += 1
        yield _object(f"item {place}", text.value(place))
        if text.skip() == "]":
            break
        text.expect(",", f"breaks off or goes wrong behind item {place}")
    text.drop(1)
    if text.skip():
        raise ContractBroken("something follows the JSON list. Fetch the file again.")


def _object(place: str, value: object) -> Record:
    if isinstance(value, dict):
        return Record(place, value)
    return Record(place, {}, Damage("not_an_object", "is no JSON object, or names a key twice."))


def _pairs(pairs: list[tuple[str, Any]]) -> Any:
    """Return an object, or its pairs where a key stands twice: which of them counts nobody knows."""
    made = dict(pairs)
    return made if len(made) == len(pairs) else pairs


def _whole(digits: str) -> int | str:
    """Return a number; one of more digits than any column takes stays text, which then fits nowhere."""
    return int(digits) if len(digits.lstrip("-")) < 20 else digits


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_whole)


class _Text:
    """The text of a JSON file as far as it is needed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._text, self._is_whole = file, "", False
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode

    def _more(self) -> bool:
        """Read on; False at the end."""
        if self._is_whole:
            return False
        data = self._file.read(_READ_BYTES)
        self._is_whole = not data
        try:
            self._text += self._decode(data, self._is_whole)
        except UnicodeDecodeError as error:
            raise ContractBroken("the JSON list holds bytes that are not UTF-8 text. Fetch the file again.") from error
        return True

    def skip(self) -> str:
        """Return the next sign that is no blank, nothing at the end."""
        while not (stripped := self._text.lstrip(" \t\r\n")) and self._more():
            pass
        self._text = stripped or self._text.lstrip(" \t\r\n")
        return self._text[:1]

    def drop(self, count: int) -> None:
        self._text = self._text[count:]

    def expect(self, sign: str, otherwise: str) -> None:
        """Go past a sign. Raises ContractBroken when another stands there."""
        if self.skip() != sign:
            raise ContractBroken(f"the file {otherwise}. Nothing was taken in: fetch it again.")
        self.drop(1)

    def value(self, place: int) -> object:
        """Return the value that begins here."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text)
            except RecursionError:
                raise ContractBroken(f"item {place} of the JSON list is nested too deep to be a film.") from None
            except ValueError as error:
                if len(self._text) > RECORD_BYTES or not self._more():
                    raise ContractBroken(
                        f"the JSON list breaks off or goes wrong at item {place}: {error}. Fetch the file again."
                    ) from None
            else:
                # A number may go on in what is not read yet; an object ends where it ends.
                if end < len(self._text) or not self._more():
                    self.drop(end)
                    return value
