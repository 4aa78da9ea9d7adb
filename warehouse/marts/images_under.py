"""images_under(path): the images with a tag at a place of the tree or anywhere below it, of those a user may see."""

from __future__ import annotations

from pipelines.inference import tag_paths, tags
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.table import Table
from warehouse.marts.view import View, query_beside

_TAG = {column.name: column for column in (*tag_paths.TABLE.columns, *tags.TABLE.columns)}

VIEW = View(
    Table(
        name="images_under",
        description="The images with a tag at a place of the tree or below it, each with its best such tag: "
        "/animal finds /animal/fourlegs/koala, and not /animals.",
        grain=("image_id",),
        columns=(IMAGE_ID, *(_TAG[name] for name in ("tag", "path", "probability", "rank"))),
        inputs=(tags.TABLE, tag_paths.TABLE),
    ),
    query_beside(__file__),
    viewer=True,
    parameters=("place", "min_probability := 0.0", "max_rank := 10"),
)
