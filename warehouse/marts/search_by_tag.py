"""search_by_tag(tag): the images a model gave a tag, the surest first, of those a user may see."""

from __future__ import annotations

from pipelines.inference import tag_paths, tags
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.table import Table
from warehouse.marts.view import View, query_beside

_TAG = {column.name: column for column in tags.TABLE.columns}

VIEW = View(
    Table(
        name="search_by_tag",
        description="The images that carry a tag at least that probable, the surest first. Neither case counts nor "
        "whether words are joined by spaces or _; a word that is no tag finds the tags that are also called so.",
        grain=("image_id",),
        columns=(IMAGE_ID, _TAG["tag"], _TAG["probability"], _TAG["rank"]),
        inputs=(tags.TABLE, tag_paths.TABLE),
    ),
    query_beside(__file__),
    viewer=True,
    parameters=("wanted", "min_probability := 0.0"),
)
