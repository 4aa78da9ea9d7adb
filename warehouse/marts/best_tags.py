"""best_tags(viewer): the one tag that fits each image best, and where it hangs, of the images a user may see."""

from __future__ import annotations

from dataclasses import replace

from pipelines.inference import tag_paths, tags
from pipelines.inference.columns import MODEL_NAME, MODEL_VERSION
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.table import Table
from warehouse.marts.view import View, query_beside

_TAG = {column.name: column for column in tags.TABLE.columns}
PATH = replace(
    {column.name: column for column in tag_paths.TABLE.columns}["path"],
    description="Where the tag hangs: /animal/fourlegs/koala; nothing where the tree does not know it.",
    nullable=True,
)

VIEW = View(
    Table(
        name="best_tags",
        description="The most probable tag of each image a user may see, and where it hangs in the tree of tags.",
        grain=("image_id",),
        columns=(IMAGE_ID, _TAG["tag"], PATH, _TAG["probability"], MODEL_NAME, MODEL_VERSION),
        inputs=(tags.TABLE, tag_paths.TABLE),
    ),
    query_beside(__file__),
    viewer=True,
)
