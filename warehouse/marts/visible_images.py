"""visible_images(viewer): the images a user may see: all of the catalogues, what was shared, and their own."""

from __future__ import annotations

from pipelines.ingest import image_sources, images
from pipelines.ingest.columns import IMAGE_ID
from pipelines.ingest.inbox import uploads
from pipelines.lake.table import Table
from warehouse.marts.view import View, query_beside

VIEW = View(
    Table(
        name="visible_images",
        description="The images a user may see: all of the catalogues, what others shared, and their own.",
        grain=("image_id",),
        columns=(IMAGE_ID,),
        inputs=(images.TABLE, image_sources.TABLE, uploads.TABLE),
    ),
    query_beside(__file__),
    viewer=True,
)
