"""labels_above(threshold): what a model's labels would be at any threshold; the scores are there, no model is asked."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from pipelines.inference import label_scores
from pipelines.lake.table import Column
from warehouse.marts import scored_labels
from warehouse.marts.view import View, query_beside

VIEW = View(
    replace(
        scored_labels.VIEW.table,
        name="labels_above",
        description="The labels of scored images above a threshold; an image none of whose pieces is has its best one.",
        columns=(
            *scored_labels.VIEW.table.columns,
            Column("is_fallback", pa.bool_(), "True where no piece passed and this is the most probable."),
        ),
        inputs=(label_scores.TABLE,),
    ),
    query_beside(__file__),
    viewer=True,
    parameters=("threshold",),
)
