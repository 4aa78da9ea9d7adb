"""How rows of a table are encoded as Parquet."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.lake.table import Column, Table

NOTES = b"tessera"  # the key of a file's notes in its footer
_ROW_GROUP_BYTES = 8 << 20


def encoded(table: Table, rows: pa.Table, notes: dict[str, Any]) -> bytes:
    """Return rows as a Parquet file: row groups by bytes, blobs without statistics; `notes` go into its footer."""
    codecs = {_leaf(column): _codec(rows[column.name]) if column.blob else "zstd" for column in table.columns}
    plain = [_leaf(column) for column in table.plain]
    sink = io.BytesIO()
    with pq.ParquetWriter(
        sink,
        rows.schema.with_metadata({NOTES: json.dumps(notes).encode()}),
        compression=codecs,
        compression_level={name: 1 for name, codec in codecs.items() if codec == "zstd"},
        use_dictionary=[_leaf(column) for column in table.plain if column.type != pa.list_(pa.float32())],
        write_statistics=plain,
    ) as writer:
        writer.write_table(rows, row_group_size=max(1, rows.num_rows * _ROW_GROUP_BYTES // max(rows.nbytes, 1)))
    return sink.getvalue()


def _leaf(column: Column) -> str:
    """Return the name by which Parquet knows a column's values: those of a list lie one level down."""
    return f"{column.name}.list.element" if pa.types.is_list(column.type) else column.name


def _codec(blobs: pa.ChunkedArray) -> str:
    """Choose zstd where it saves more than 10 % of a sample: catalogue JPEGs are often four fifths metadata."""
    if not pa.types.is_binary(blobs.type):
        return "zstd"  # lists of numbers: an embedding
    sample = b"".join(value for value in pc.drop_null(blobs.slice(0, 256)).to_pylist())
    packed = pa.Codec("zstd", compression_level=1).compress(sample) if sample else b""
    return "zstd" if len(packed) < 0.9 * len(sample) else "none"
