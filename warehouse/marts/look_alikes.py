"""look_alikes(viewer): pairs of pictures that look alike, both ways round, of those a user may see."""

from __future__ import annotations

from dataclasses import replace

from pipelines.duplicates import near_duplicates
from warehouse.marts.view import View, query_beside

VIEW = View(
    replace(
        near_duplicates.TABLE,
        name="look_alikes",
        description="Pairs of pictures that look alike and a user may see, each both ways round, with the evidence.",
        inputs=(near_duplicates.TABLE,),
        produce=None,
        expectations=(),
    ),
    query_beside(__file__),
    viewer=True,
)
