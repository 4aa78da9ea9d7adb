"""Methods: the search that does the work: torch's where a night has a GPU, else the compiled one. Rows are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pipelines.lake.table import Table
from pipelines.producers import WholeTable
from pipelines.recommend import ranking
from pipelines.recommend.pieces import Pieces
from pipelines.recommend.ranking import Method


def searching(table: Table, kind: Literal["Similar", "Complementary"]) -> Callable[[Pieces], Method]:
    """Return the search of a kind, on the device the table is bound to."""
    if isinstance(table.produce, WholeTable) and table.produce.device == "cuda":
        from pipelines.recommend import gpu  # torch takes seconds to import

        search: Method = getattr(gpu, kind)("cuda")
    else:
        search = ranking.Similar() if kind == "Similar" else ranking.Complementary()
    return lambda _: search
