"""label_coverage: how many images of the catalogue carry each label; of the 21 pieces also those that none does."""

from __future__ import annotations

import pyarrow as pa

from pipelines.inference import labels
from pipelines.inference.columns import LABEL_GROUP
from pipelines.lake.table import Column, Table
from warehouse.marts.view import View, query_beside

VIEW = View(
    Table(
        name="label_coverage",
        description="How many images of the catalogue carry each true label; a piece without any stands here with 0.",
        grain=("label_group", "label"),
        columns=(
            LABEL_GROUP,
            Column("label", pa.string(), "The label."),
            Column("image_count", pa.int64(), "Images of the catalogue that carry it.", bounds=(0, float(2**62))),
        ),
        inputs=(labels.TABLE,),
    ),
    query_beside(__file__),
)
