"""Seeds: small lists that people write, as CSV files beside the code, and how they become tables.

A seed is pairs of words. What it says is part of the recipe of the tables that are made with it.
"""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from pipelines.ingest.inbox.labelled_samples import CLASS_LIST_21
from pipelines.lake.errors import ContractBroken
from pipelines.lake.runs import Journal
from pipelines.lake.table import Column, Table
from pipelines.producers import WholeTable, listed

MATCH_ONLY = (  # never predicted: they tell candidates apart
    *("Leggings", "Coat", "T-Shirt", "Shirt", "Button-Down", "V-Neck"),
    *("Pants", "Joggers", "Sweatpants", "Turtleneck", "Romper", "Chino"),
)
LABELS = CLASS_LIST_21 + MATCH_ONLY
_NO_TEXT = "\N{REPLACEMENT CHARACTER}"  # what stands for bytes that are no UTF-8

Pair = tuple[str, str]
Pairs = tuple[Pair, ...]


@dataclass(frozen=True)
class Seed:
    """A file of two columns; the words of each are among the given ones, where they are given."""

    file: Path
    columns: Pair
    left: Collection[str] | None = None
    right: Collection[str] | None = None

    @cached_property
    def lines(self) -> list[tuple[int, list[str]]]:
        """The rows as they stand, the header too, with their lines; what is no UTF-8 is marked, not refused yet."""
        with self.file.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            reader = csv.reader(file)
            return [(reader.line_num, row) for row in reader if row]

    @property
    def rows(self) -> list[tuple[int, list[str]]]:
        """Those below the header."""
        return self.lines[1:]

    @property
    def pairs(self) -> Pairs:
        """What the file says; whether it is sound is another matter."""
        return tuple((row[0], row[1]) if len(row) > 1 else (row[0], "") for _, row in self.rows)

    def require_sound(self) -> None:
        """Raise ContractBroken, naming the line, for a word that is not known or a pair that stands there twice."""
        if not self.rows or self.lines[0][1] != list(self.columns):
            self._refuse(1, f"is to be {','.join(self.columns)}, with rows below it. Bring the file back to that.")
        seen: dict[Pair, int] = {}
        for line, row in self.rows:
            if len(row) != 2 or not all(row):
                self._refuse(line, f"has {len(row)} values, or an empty one. It takes {' and '.join(self.columns)}.")
            if _NO_TEXT in "".join(row):
                self._refuse(line, "is no UTF-8. Save the file as CSV UTF-8.")
            for word, known, column in zip(row, (self.left, self.right), self.columns, strict=True):
                if known is not None and word not in known:
                    self._refuse(line, f"names {word!r} as {column}. There are: {', '.join(sorted(known))}.")
            first = seen.setdefault((row[0], row[1]), line)
            if first != line:
                self._refuse(line, f"says what line {first} says. Leave one of them.")

    def _refuse(self, line: int, why: str) -> None:
        raise ContractBroken(f"{self.file.name}, line {line}, {why}")

    def table(self, description: str, words: Pair) -> Table:
        """Return the seed as a table; `words` say what its columns mean."""
        columns = tuple(Column(name, pa.string(), said) for name, said in zip(self.columns, words, strict=True))
        produce = WholeTable(self.put_up, SeedParams(self.pairs), version=1)
        return Table(self.file.stem, description, self.columns, columns, produce=produce)

    def put_up(self, journal: Journal, table: Table, params: SeedParams) -> None:
        """Bring the table to what the file says. Raises ContractBroken for a file that is not sound."""
        self.require_sound()
        said = [dict(zip(self.columns, pair, strict=True)) for pair in params.pairs]
        listed.put_up(journal, table, pa.Table.from_pylist(said, table.schema))


@dataclass(frozen=True)
class SeedParams:
    """What a seed says: all there is to its table."""

    pairs: Pairs
