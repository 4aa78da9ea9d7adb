"""Methods: which search does the work: torch's where there is a GPU, else the compiled one. Both give the same rows."""

from __future__ import annotations

from pipelines.inference.backends import chosen
from pipelines.recommend import ranking
from pipelines.recommend.pieces import Pieces
from pipelines.recommend.ranking import Method


def similar(_: Pieces) -> Method:
    """Return the search by the distances of a piece's swatches."""
    if chosen("auto") == "cpu":
        return ranking.Similar()
    from pipelines.recommend import gpu  # torch takes seconds to import

    return gpu.Similar("cuda")


def complementary(_: Pieces) -> Method:
    """Return the search by the distance of a matching colour."""
    if chosen("auto") == "cpu":
        return ranking.Complementary()
    from pipelines.recommend import gpu

    return gpu.Complementary("cuda")
