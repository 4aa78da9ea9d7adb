"""label_conflicts: pictures that people label differently."""

from __future__ import annotations

import pyarrow as pa

from pipelines.ingest.columns import IMAGE_ID
from pipelines.ingest.inbox import labelled_samples
from pipelines.lake.table import Column, Table
from warehouse.marts.view import View, query_beside

VIEW = View(
    Table(
        name="label_conflicts",
        description="Pictures everybody may see that people label differently; the latest word counts.",
        grain=("task", "image_id"),
        columns=(
            labelled_samples.TABLE.columns[0],
            IMAGE_ID,
            Column("user_count", pa.int64(), "Users who labelled it.", bounds=(0, float(2**62))),
            Column("counting_labels", pa.list_(pa.string()), "The labels that count."),
            Column("all_labels", pa.list_(pa.string()), "All that was said, a text per set of labels."),
        ),
        inputs=(labelled_samples.TABLE,),
    ),
    query_beside(__file__),
)
