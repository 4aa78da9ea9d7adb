"""catalogue_counts: how many products there are of each kind, and how much is known of them."""

from __future__ import annotations

import pyarrow as pa

from pipelines.ingest import products
from pipelines.lake.table import Column, Table
from warehouse.marts.view import View, query_beside

_KIND = tuple(column for column in products.TABLE.columns if column.name in {"master_category", "sub_category"})


def _count(name: str, description: str) -> Column:
    return Column(name, pa.int64(), description, bounds=(0, float(2**62)))


VIEW = View(
    Table(
        name="catalogue_counts",
        description="How many products there are of each kind, and for how many photo and colours are known.",
        grain=("master_category", "sub_category"),
        columns=(
            *_KIND,
            _count("product_count", "Products of that kind."),
            _count("photo_count", "Those of them that have a large photo."),
            _count("palette_count", "Those of them whose colours are known."),
            _count("repaired_count", "Those of them whose row had to be mended."),
        ),
        inputs=(products.TABLE,),
    ),
    query_beside(__file__),
)
