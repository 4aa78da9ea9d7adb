"""Tags: the ten classes of a general model that fit each image best."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from pipelines.inference.columns import MODEL_NAME, MODEL_VERSION
from pipelines.inference.scoring import ModelPlace, Scored, ScoreParams, scored
from pipelines.ingest import image_sources, images
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.table import Column, Table
from pipelines.producers import Batch, Coverage, Encoded, PerBatch

NAME = "generic-tags"  # the registered model
_MOST = 10  # tags of an image


def tag(images: Iterable[Encoded], params: ScoreParams, place: ModelPlace) -> Iterator[Batch]:
    """Yield the most probable classes of each image, best first; equal ones in the model's order.

    The classes are those of the model's output `tags`, or of its first where none is called so.
    """
    group, labels = next((found for found in place.spec.outputs if found[0] == "tags"), place.spec.outputs[0])
    names = pa.array(labels, pa.string())
    for some in scored(images, place):
        rows = _rows(some, some.scores[group], names, params) if some.image_ids else TABLE.schema.empty_table()
        yield Batch({TABLE.name: rows}, some.rejects)


def _rows(some: Scored, probabilities: np.ndarray, names: pa.Array, params: ScoreParams) -> pa.Table:
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :_MOST]
    count, most = best.shape
    columns = (
        pa.array(some.image_ids, pa.string()).take(pa.array(np.repeat(np.arange(count), most))),
        pa.array(np.tile(np.arange(1, most + 1, dtype=np.int16), count)),
        names.take(pa.array(best.ravel())),
        pa.array(np.take_along_axis(probabilities, best, axis=1).ravel()),
        pa.repeat(params.model_name, count * most),
        pa.repeat(pa.scalar(params.model_version, pa.int32()), count * most),
    )
    return pa.Table.from_arrays(list(columns), schema=TABLE.schema)


TABLE = Table(
    name="tags",
    description="What a general model sees in each image: its ten most probable classes, the best first.",
    grain=("image_id", "rank"),
    inputs=(images.TABLE, image_sources.TABLE),
    columns=(
        IMAGE_ID,
        Column("rank", pa.int16(), "Position among the image's tags; 1 is the best.", bounds=(1, 10)),
        Column("tag", pa.string(), "The class, as the model names it."),
        Column("probability", pa.float32(), "How probable the model finds it.", bounds=(0, 1)),
        MODEL_NAME,
        MODEL_VERSION,
    ),
    produce=PerBatch(tag, ScoreParams(NAME), version=1, coverage=Coverage(without=("cifar10", "sample_cifar10"))),
)
