"""Tables as values: what a table is called, what its rows and columns mean, and which rules they keep.

Everything else that describes a table (Arrow schema, write-time contract, audit suite, comments in the
release, data dictionary, lineage) is derived from these values and never written a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, its meaning in words, and the rules its values keep.

    `bounds` are inclusive. `pattern` is a regular expression for the whole value. `values` is a closed
    vocabulary. `provenance` columns say how a row came to be, not what it says: they stay out of row
    hashes. `blob` columns hold encoded files: no statistics, codec by sample, never in a release.
    """

    name: str
    type: pa.DataType
    description: str
    nullable: bool = False
    bounds: tuple[float, float] | None = None
    pattern: str | None = None
    values: tuple[str, ...] | None = None
    provenance: bool = False
    blob: bool = False

    def __post_init__(self) -> None:
        if pa.types.is_unsigned_integer(self.type):
            # Delta stores uint8 as a signed byte: 200 would read back as -56.
            raise TypeError(f"column {self.name}: Delta has no unsigned integers, use a wider signed type")


@dataclass(frozen=True)
class Expectation:
    """A rule over whole rows: `violations` is a SQL query whose rows are the ones that break it."""

    name: str
    description: str
    violations: str


class Producer(Protocol):
    """How a table's rows come to be; `version` rises whenever the same input gives other rows."""

    @property
    def version(self) -> int: ...

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What, beside the version, decides the output: parameters, model version."""
        ...


@dataclass(frozen=True)
class Table:
    """A table of the lake, declared once in the module that makes its rows.

    `grain` names the columns that identify a row. `inputs` are the tables its rows are made of; a table
    that carries the whole grain of an input refers to it, and the release checks that the reference holds.
    """

    name: str
    description: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    inputs: tuple[Table, ...] = ()
    produce: Producer | None = None
    expectations: tuple[Expectation, ...] = ()
    version: int = 1

    def __post_init__(self) -> None:
        missing = set(self.grain) - {column.name for column in self.columns}
        if missing:
            raise TypeError(f"table {self.name}: grain names no column: {', '.join(sorted(missing))}")

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema, with each column's words as its comment."""
        return pa.schema(
            [pa.field(c.name, c.type, c.nullable, metadata={"comment": c.description}) for c in self.columns]
        )

    @property
    def content(self) -> tuple[str, ...]:
        """The columns that say what a row is, without those that say how it came to be."""
        return tuple(column.name for column in self.columns if not column.provenance)

    @property
    def plain(self) -> tuple[Column, ...]:
        """The columns people query: all but blobs."""
        return tuple(column for column in self.columns if not column.blob)

    @property
    def references(self) -> tuple[Table, ...]:
        """The inputs whose whole grain this table carries, so that each of its rows points to one of theirs."""
        names = {column.name for column in self.columns}
        return tuple(table for table in self.inputs if set(table.grain) <= names)
