"""The two files of predictions: one of maps that is written first, and the JSON that is made of it alone.

So both say the same, whoever wrote either, and whatever the registry says by then.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.selection.answers import FIXED, Answers, Scores

_SCORES = pa.map_(pa.string(), pa.float32())
_ROWS = 1024  # images whose labels and scores are spelled out together
_ASKED = b"tessera.asked"
_MODEL = b"tessera.model"


def as_parquet(answers: Answers, asked: str) -> bytes:
    """Return a file with a row per image of which all is known: its id, the model, and label → score by group.

    `asked` is what the model was asked for by; it is told with the file.
    """
    model = answers.model
    groups = [pa.field(group, _SCORES) for group in model.spec.groups]
    fixed = [pa.field(name, kind) for name, kind in zip(FIXED, (pa.string(), pa.string(), pa.int32()), strict=True)]
    schema = pa.schema([*fixed, *groups], {_ASKED: asked.encode(), _MODEL: model.title.encode()})
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        rows = answers.rows
        for start in range(0, len(rows), _ROWS):
            writer.write_table(_table(answers, rows[start : start + _ROWS], schema))
    return sink.getvalue()


def request_of(data: bytes) -> tuple[str, str]:
    """Return what the model of such a file was asked for by, and which version that was."""
    told = pq.read_schema(io.BytesIO(data)).metadata
    return told[_ASKED].decode(), told[_MODEL].decode()


def count_of(data: bytes) -> int:
    """Return how many images such a file tells of."""
    return int(pq.read_metadata(io.BytesIO(data)).num_rows)


def write_json(data: bytes, sink: BinaryIO) -> None:
    """Write such a file's rows as a list of objects, a line each."""
    sink.write(b"[")
    sink.writelines((b",\n" if number else b"") + line.encode() for number, line in enumerate(_lines(data)))
    sink.write(b"]")


def _table(answers: Answers, rows: npt.NDArray[np.int64], schema: pa.Schema) -> pa.Table:
    model = answers.model
    fixed = (
        pa.array([answers.image_ids[row] for row in rows], pa.string()),
        pa.repeat(model.name, len(rows)),
        pa.repeat(pa.scalar(model.version, pa.int32()), len(rows)),
    )
    groups = (_maps(labels, answers.scores[group][rows]) for group, labels in model.spec.outputs)
    return pa.Table.from_arrays([*fixed, *groups], schema=schema)


def _maps(labels: tuple[str, ...], scores: Scores) -> pa.MapArray:
    ends = np.arange(len(scores) + 1, dtype=np.int32) * len(labels)
    words = pa.array(labels, pa.string()).take(pa.array(np.tile(np.arange(len(labels)), len(scores))))
    return pa.MapArray.from_arrays(pa.array(ends), words, pa.array(scores.ravel(), pa.float32()))


def _lines(data: bytes) -> Iterator[str]:
    """Yield each row as a JSON object. Arrow joins the words and numbers: there are millions of them."""
    for batch in pq.ParquetFile(pa.BufferReader(data)).iter_batches(_ROWS):
        names = [json.dumps(name) for name in batch.schema.names[len(FIXED) :]]
        groups = [_objects(column).to_pylist() for column in batch.columns[len(FIXED) :]]
        for row, *objects in zip(batch.select(FIXED).to_pylist(), *groups, strict=True):
            told = "".join(f", {name}: {{{text}}}" for name, text in zip(names, objects, strict=True))
            yield json.dumps(row, ensure_ascii=False)[:-1] + told + "}"


def _objects(maps: pa.MapArray) -> pa.Array:
    """Return each map as the inside of a JSON object; numbers have as many digits as a float32 needs."""
    words = maps.keys.dictionary_encode()
    escaped = pa.array([json.dumps(word, ensure_ascii=False) for word in words.dictionary.to_pylist()], pa.string())
    pairs = pc.binary_join_element_wise(escaped.take(words.indices), pc.cast(maps.items, pa.string()), ": ")
    return pc.binary_join(pa.ListArray.from_arrays(maps.offsets, pairs), ", ")
