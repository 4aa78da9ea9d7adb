"""Rows of a table, and where the images they are about stand in the order of ids."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.lake.store import Snapshot
from pipelines.recommend.kernels import Ints

_TOGETHER = 500_000  # rows looked up at a time


def positions(ids: pa.ChunkedArray, among: pa.StringArray) -> Ints:
    """Return where each id stands in sorted ids, -1 where it does not."""
    found = pc.fill_null(pc.index_in(ids, value_set=among), -1)
    return np.asarray(found.to_numpy(), np.int64)


def placed(rows: pa.Table, ids: pa.StringArray) -> pa.Table:
    """Return the rows about these images, with a column `at`: where the image stands."""
    at = positions(rows["image_id"], ids)
    return rows.append_column("at", pa.array(at)).filter(pa.array(at >= 0))


def together(snapshot: Snapshot, columns: list[str]) -> Iterator[pa.Table]:
    """Yield the rows of a table, many at a time, for looking up costs the same for few."""
    schema = pa.schema([snapshot.table.schema.field(name) for name in columns])
    held, count = list[pa.RecordBatch](), 0
    for batch in snapshot.batches(columns):
        held.append(batch)
        count += batch.num_rows
        if count >= _TOGETHER:
            yield pa.Table.from_batches(held).cast(schema)
            held, count = [], 0
    if held:
        yield pa.Table.from_batches(held).cast(schema)
