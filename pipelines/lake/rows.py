"""Rows as content: their identity (grain), their hash, and what differs between two sets of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.lake.table import Table


def _text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return each value as its length and itself, so that no text can pass for a null or for two columns."""
    if pa.types.is_list(values.type):
        lists = [None if value is None else json.dumps(value) for value in values.to_pylist()]
        values = pa.chunked_array([pa.array(lists, pa.string())])
    if pa.types.is_binary(values.type):
        hashes = [hashlib.sha256(v.as_buffer()).hexdigest() if v.is_valid else None for v in values]
        values = pa.chunked_array([pa.array(hashes, pa.string())])
    text = pc.cast(values, pa.string())
    length = pc.cast(pc.binary_length(text), pa.string())
    return pc.fill_null(pc.binary_join_element_wise(length, text, ":"), "-")


def texts(rows: pa.Table, columns: Sequence[str]) -> pa.ChunkedArray:
    """Return one string per row that is equal exactly where the named columns are equal."""
    return pc.binary_join_element_wise(*(_text(rows.column(name)) for name in columns), ",")


def digest(table: Table, rows: pa.Table) -> str:
    """Return the ordered row hash: SHA-256 over the rows' content sorted by grain, provenance left out.

    Equal for equal content whatever the order of rows, the number of files, the store or the run.
    """
    content = texts(rows, table.content)
    order = pc.sort_indices(texts(rows, table.grain))
    hasher = hashlib.sha256()
    for row in content.take(order):
        hasher.update(row.as_buffer())
        hasher.update(b"\n")
    return hasher.hexdigest()


@dataclass(frozen=True)
class Difference:
    """Incoming rows against those a table holds: `new`, `changed`, held ones that are `gone`, and a count."""

    new: pa.Table
    changed: pa.Table
    gone: pa.Table
    unchanged: int


def compare(table: Table, held: pa.Table, incoming: pa.Table) -> Difference:
    """Say which incoming rows a table lacks, holds with other content, or holds as they are, and which it has alone."""
    found = pc.index_in(texts(incoming, table.grain), texts(held, table.grain).combine_chunks())
    is_new = pc.is_null(found)
    same = pc.fill_null(pc.equal(texts(held, table.content).take(found), texts(incoming, table.content)), False)
    changed = incoming.filter(pc.and_(pc.invert(is_new), pc.invert(same)))
    gone = without(table, held, incoming)
    return Difference(incoming.filter(is_new), changed, gone, pc.sum(same).as_py() or 0)


def without(table: Table, rows: pa.Table, gone: pa.Table) -> pa.Table:
    """Return `rows` less those whose grain stands in `gone`."""
    doomed = pc.is_in(texts(rows, table.grain), texts(gone, table.grain).combine_chunks())
    return rows.filter(pc.invert(doomed))
