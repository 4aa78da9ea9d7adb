"""Label scores: how probable a model finds each label of each group, for every image it was shown.

The same pass gives the `embeddings`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.inference import embeddings
from pipelines.inference.columns import LABEL_GROUP, MODEL_NAME, MODEL_VERSION
from pipelines.inference.scoring import ModelPlace, Scored, ScoreParams, scored
from pipelines.ingest import image_sources, images
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.table import Column, Table
from pipelines.producers import Batch, Coverage, Encoded, PerBatch
from pipelines.registry.spec import EMBEDDING, ModelSpec

NAME = "fashion-labels"  # the registered model


def score(images: Iterable[Encoded], params: ScoreParams, place: ModelPlace) -> Iterator[Batch]:
    """Yield a row for each image and group of the model, and the image's embedding where the model gives one."""
    for some in scored(images, place):
        yield batch(some, params, place.spec)


def batch(some: Scored, params: ScoreParams, spec: ModelSpec) -> Batch:
    """Return what a model said of some images as rows."""
    parts = [_rows(some, group, labels, params) for group, labels in spec.outputs if some.image_ids]
    rows = {TABLE.name: pa.concat_tables([TABLE.schema.empty_table(), *parts])}
    if EMBEDDING in some.scores:
        rows[embeddings.TABLE.name] = embeddings.rows(some, params)
    return Batch(rows, some.rejects)


def _rows(some: Scored, group: str, labels: tuple[str, ...], params: ScoreParams) -> pa.Table:
    count = len(some.image_ids)
    words = pa.array(labels, pa.string()).take(pa.array(np.tile(np.arange(len(labels)), count)))
    columns = (
        pa.array(some.image_ids, pa.string()),
        pa.repeat(group, count),
        lists(words, count),
        lists(pa.array(some.scores[group].ravel()), count),
        pa.repeat(params.model_name, count),
        pa.repeat(pa.scalar(params.model_version, pa.int32()), count),
    )
    return pa.Table.from_arrays(list(columns), schema=TABLE.schema)


def lists(values: pa.Array, count: int) -> pa.ListArray:
    """Return `count` lists of equal length out of their values, one after the other."""
    ends: npt.NDArray[np.int32] = np.arange(count + 1, dtype=np.int32) * (len(values) // max(count, 1))
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values)


TABLE = Table(
    name="label_scores",
    description="How probable a model finds each label, a row per image and group; thresholds need no second look.",
    grain=("image_id", "label_group"),
    inputs=(images.TABLE, image_sources.TABLE),
    columns=(
        IMAGE_ID,
        LABEL_GROUP,
        Column("labels", pa.list_(pa.string()), "The group's labels, in the order of the model's output."),
        Column("scores", pa.list_(pa.float32()), "The probability (0..1) of each, in the same order."),
        MODEL_NAME,
        MODEL_VERSION,
    ),
    produce=PerBatch(
        score,
        ScoreParams(NAME),
        version=1,
        coverage=Coverage(sources=("fashion", "sample", "inbox")),
        companions=(embeddings.TABLE,),
    ),
)
