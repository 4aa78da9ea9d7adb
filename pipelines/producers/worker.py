"""What a worker does: it reads its shard of an image file itself, and stages one file of rows for each table.

What goes to a worker is an address and a list of ids; what comes back are file names, counts and rejects.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import imaging
from pipelines.lake.errors import ContractBroken, Rejected, TesseraError
from pipelines.lake.materialize import name_of, path_of, stage
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import peak_memory_bytes
from pipelines.lake.store import DataFile, Store
from pipelines.lake.table import Table
from pipelines.producers.kinds import Batch, Encoded, Image, PerBatch, PerImage, PerShard, Row

FAILED = "producer_failed"  # the code failed on the image; may be mended, so such images are tried every night
_NOT_THE_IMAGES = (TesseraError, ImportError, MemoryError, OSError)
_IMAGES_AT_ONCE = 64


def process() -> str:
    """Return a name for this process that no other has."""
    return f"{socket.gethostname()}/{os.getpid()}"


@dataclass(frozen=True)
class Shard:
    """The pending images among the rows `start` to `stop` of one image file: what one task makes rows of."""

    store: Store
    table: Table
    path: str
    start: int
    stop: int
    ids: frozenset[str]

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that get rows: companions first, as they are committed."""
        return (*producer(self.table).companions, self.table)

    def parts(self, count: int) -> list[Shard]:
        """Return the shard cut into at most `count` of about the same size."""
        ids = sorted(self.ids)
        cuts = [ids[i * len(ids) // count : (i + 1) * len(ids) // count] for i in range(count)]
        return [replace(self, ids=frozenset(cut)) for cut in cuts if cut]


@dataclass(frozen=True)
class Made:
    """What a worker sends back: a file for each table of the shard, and the images that cannot be made into rows.

    `cpu_seconds` is what the worker's process had used when the task began and when it ended.
    """

    files: tuple[DataFile, ...]
    rejects: tuple[Reject, ...]
    worker: str = ""
    cpu_seconds: tuple[float, float] = (0.0, 0.0)
    peak_memory_bytes: int = 0


def producer(table: Table) -> PerShard:
    """Return how a table is made, where that is in shards of images."""
    return cast(PerShard, table.produce)


def make(shard: Shard) -> Made:
    """Make the rows of one shard. Files left by a killed run are taken as they are."""
    cpu = time.process_time()
    made = _left_behind(shard) or staged(shard, list(_batches(shard.table, list(_encoded(shard)))))
    cost = (cpu, time.process_time())
    return replace(made, worker=process(), cpu_seconds=cost, peak_memory_bytes=peak_memory_bytes())


def _left_behind(shard: Shard) -> Made | None:
    """Return what a killed run left; not where the code had failed on an image, for that may be mended."""
    files: list[DataFile] = []
    for table in reversed(shard.tables):  # what is written last is looked for first
        file = shard.store.staged(table, path_of(table, name_of(shard.ids)))
        if file is None or any(reject["reason"] == FAILED for reject in file.notes["rejects"]):
            return None
        files.insert(0, file)
    return Made(tuple(files), _noted(files[-1]))


def staged(shard: Shard, made: Sequence[Batch]) -> Made:
    """Write one file of rows a table, each with the rejects in its notes."""
    rows = {table.name: _rows(shard, table, made) for table in shard.tables}
    rejects = _rejects(shard, made, rows[shard.table.name])
    kept = pa.array(sorted(shard.ids - rejects.keys()), pa.string())
    notes: dict[str, object] = {"rejects": [asdict(reject) for _, reject in sorted(rejects.items())]}
    files: list[DataFile] = []
    for table in shard.tables:
        good = rows[table.name].filter(pc.is_in(rows[table.name]["image_id"], kept)) if rejects else rows[table.name]
        files.append(stage(shard.store, table, good, name_of(shard.ids), notes))
    return Made(tuple(files), _noted(files[-1]))


def _noted(file: DataFile) -> tuple[Reject, ...]:
    return tuple(Reject(**reject) for reject in file.notes["rejects"])


def _rows(shard: Shard, table: Table, made: Sequence[Batch]) -> pa.Table:
    """Return all rows of a table. Raises ContractBroken on those of images that nobody asked for."""
    parts = (batch.rows[table.name] for batch in made if table.name in batch.rows)
    rows = pa.concat_tables([table.schema.empty_table(), *parts], promote_options="permissive")
    if set(rows["image_id"].to_pylist()) - shard.ids:
        raise ContractBroken(f"table {table.name} got rows of images that its producer was not given: a fault in it.")
    return rows


def _rejects(shard: Shard, made: Sequence[Batch], rows: pa.Table) -> dict[str, Reject]:
    """Return the rejects by image; an image of which nothing was said is one, or it would be pending for ever."""
    rejects = {reject.key: reject for batch in made for reject in batch.rejects}
    if rejects.keys() - shard.ids:
        raise ContractBroken(f"table {shard.table.name}: its producer rejected images that it was not given.")
    silent = shard.ids - rejects.keys() - set(rows["image_id"].to_pylist())
    nothing = f"{shard.table.name} found nothing to say of the image."
    return rejects | {image_id: Reject(image_id, "no_rows", nothing) for image_id in silent}


def _encoded(shard: Shard) -> Iterator[Encoded]:
    """Yield the images of a shard; only the row groups that hold them are read."""
    file = shard.store.open(shard.table.inputs[0], shard.path)
    columns = ["image_id", "format", "data"]
    for batch in file.iter_batches(_IMAGES_AT_ONCE, _row_groups(file, shard.start, shard.stop), columns):
        ids, formats, data = (batch.column(name) for name in columns)
        for image_id, format_, blob in zip(ids.to_pylist(), formats.to_pylist(), data, strict=True):
            if image_id in shard.ids:
                yield Encoded(image_id, format_, blob.as_py())


def _row_groups(file: pq.ParquetFile, start: int, stop: int) -> list[int]:
    """Return the row groups that hold rows of `start` to `stop`."""
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    return [
        group
        for group, (size, end) in enumerate(zip(sizes, accumulate(sizes), strict=True))
        if start < end and end - size < stop
    ]


def _batches(table: Table, images: list[Encoded]) -> Iterator[Batch]:
    """Yield what the producer makes of images; where it fails on them, of ever fewer, down to the one at fault."""
    try:
        made = list(_made(table, images))
    except _NOT_THE_IMAGES:
        raise
    except Exception as error:
        if len(images) == 1:
            yield Batch({}, [_failed(table, images[0].image_id, error)])
            return
        middle = len(images) // 2
        yield from _batches(table, images[:middle])
        yield from _batches(table, images[middle:])
    else:
        yield from made


def _made(table: Table, images: Iterable[Encoded]) -> Iterator[Batch]:
    produce = table.produce
    if isinstance(produce, PerBatch):
        return produce.function(images, produce.params, produce.place)
    return _each(table, cast(PerImage, produce), images)


def _each(table: Table, produce: PerImage, images: Iterable[Encoded]) -> Iterator[Batch]:
    """Make a batch of images one by one; a bad one costs itself only, and many of them trip the gate."""
    rows: list[Row] = []
    rejects: list[Reject] = []
    for image in images:
        try:
            rows.extend(_of_one(produce, image))
        except Rejected as error:
            rejects.append(Reject(image.image_id, error.reason, error.detail))
        except _NOT_THE_IMAGES:
            raise
        except Exception as error:
            rejects.append(_failed(table, image.image_id, error))
    yield Batch({table.name: pa.Table.from_pylist(rows, table.schema)}, rejects)


def _of_one(produce: PerImage, image: Encoded) -> list[Row]:
    picture = imaging.decode(image.data, produce.min_side, image.format)
    return list(produce.function(Image(image.image_id, picture.pixels, picture.alpha), produce.params))


def _failed(table: Table, image_id: str, error: Exception) -> Reject:
    return Reject(image_id, FAILED, f"{table.name} could not be made: {type(error).__name__}: {error}")
