"""scored_labels(viewer): every label a model gave a probability, a row each, of the images a user may see."""

from __future__ import annotations

import pyarrow as pa

from pipelines.inference import label_scores
from pipelines.inference.columns import LABEL_GROUP, MODEL_NAME, MODEL_VERSION
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.table import Column, Table
from warehouse.marts.view import View, query_beside

VIEW = View(
    Table(
        name="scored_labels",
        description="How probable a model finds each label of the images a user may see, a row per label.",
        grain=("image_id", "label_group", "label"),
        columns=(
            IMAGE_ID,
            LABEL_GROUP,
            Column("label", pa.string(), "The label."),
            Column("score", pa.float32(), "How probable the model finds it.", bounds=(0, 1)),
            MODEL_NAME,
            MODEL_VERSION,
        ),
        inputs=(label_scores.TABLE,),
    ),
    query_beside(__file__),
    viewer=True,
)
