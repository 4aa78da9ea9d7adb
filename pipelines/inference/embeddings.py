"""Embeddings: where each image lies among all others, as the labels' model sees it; likeness is their cosine.

They come with the label scores, from the same pass.
"""

from __future__ import annotations

import pyarrow as pa

from pipelines.inference.columns import MODEL_NAME, MODEL_VERSION
from pipelines.inference.scoring import Scored, ScoreParams
from pipelines.ingest import image_sources, images
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.table import Column, Table
from pipelines.producers import Companion
from pipelines.registry.spec import EMBEDDING


def rows(some: Scored, params: ScoreParams) -> pa.Table:
    """Return the embeddings of some images."""
    found, count = some.scores[EMBEDDING], len(some.image_ids)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(found.ravel()), found.shape[1]).cast(pa.list_(pa.float32()))
    columns = (
        pa.array(some.image_ids, pa.string()),
        vectors,
        pa.repeat(params.model_name, count),
        pa.repeat(pa.scalar(params.model_version, pa.int32()), count),
    )
    return pa.Table.from_arrays(list(columns), schema=TABLE.schema)


TABLE = Table(
    name="embeddings",
    description="Each image as a vector of the model that labels it, made in the same pass; near vectors look alike.",
    grain=("image_id",),
    inputs=(images.TABLE, image_sources.TABLE),
    columns=(
        IMAGE_ID,
        Column("embedding", pa.list_(pa.float32()), "The vector; its length is the model's.", blob=True),
        MODEL_NAME,
        MODEL_VERSION,
    ),
    produce=Companion(ScoreParams("fashion-labels"), version=1),
)
