"""Columns that several tables of recommendations carry, declared once, and the arrays that fill them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.table import Column, Expectation
from pipelines.recommend.harmony import RELATIONS
from pipelines.recommend.kernels import KEPT

SOURCE_ID = replace(IMAGE_ID, name="source_id", description="The image that is looked at.")
REC_ID = replace(IMAGE_ID, name="rec_id", description="The image that is recommended beside it.")
RANK = Column("rank", pa.int16(), "Its place among the recommendations; 1 is the best.", bounds=(1, KEPT))
RELATION = Column("relation", pa.string(), "How the colour comes of the source's dominant one.", values=RELATIONS)
BLOCK = Column(
    "block",
    pa.string(),
    "What the two share: labels, or the article type where the source has no label.",
    values=("labels", "article_type"),
)
SHARED_LABELS = Column("shared_labels", pa.list_(pa.string()), "The labels they share, or the article types.")


def dictionary(values: npt.NDArray[Any], name: Callable[[Any], Any], kind: pa.DataType) -> pa.Array:
    """Return `name` of each value, asked once for each there is."""
    distinct, places = np.unique(values, return_inverse=True)
    return pa.array([name(value) for value in distinct.tolist()], kind).take(pa.array(places.reshape(-1)))


def hex_colours(rgb: npt.NDArray[Any]) -> pa.Array:
    """Return six upper-case digits for each of (n, 3) colours of 8 bits."""
    red, green, blue = rgb.astype(np.int64).T
    return dictionary(red << 16 | green << 8 | blue, lambda code: f"{code:06X}", pa.string())


# ruff: noqa: S608  # the names of our own tables
def expectations(name: str, score: str, reasons: str) -> tuple[Expectation, ...]:
    """Return the rules that all recommendations keep, of the table of that name."""
    table = f'"{name}"'  # SIMILAR is a word of SQL
    return *_of_order(table, score), *_of_candidates(table, reasons)


def _of_order(table: str, score: str) -> tuple[Expectation, ...]:
    return (
        Expectation(
            "never_itself",
            "No piece is recommended beside itself.",
            f"SELECT source_id, rank FROM {table} WHERE source_id = rec_id",
        ),
        Expectation(
            "each_candidate_once",
            "A piece has each of its recommendations once.",
            f"SELECT source_id, rec_id FROM {table} GROUP BY ALL HAVING count(*) > 1",
        ),
        Expectation(
            "ranks_follow_each_other",
            "The ranks of a piece run from 1 up, without a gap.",
            f"SELECT source_id FROM {table} GROUP BY source_id HAVING max(rank) <> count(*)",
        ),
        Expectation(
            "the_nearest_come_first",
            "The higher the rank, the larger the distance; of equals the lower id comes first.",
            f"SELECT a.source_id, a.rank FROM {table} AS a JOIN {table} AS b "
            "ON a.source_id = b.source_id AND b.rank = a.rank + 1 "
            f"WHERE (a.{score}, a.rec_id) >= (b.{score}, b.rec_id)",
        ),
    )


def _of_candidates(table: str, reasons: str) -> tuple[Expectation, ...]:
    return (
        Expectation(
            "there_is_a_reason",
            "What the two have to do with each other is said.",
            f"SELECT source_id, rank FROM {table} WHERE len({reasons}) = 0",
        ),
        Expectation(
            "both_have_a_palette",
            "Both pieces have a palette.",
            f"SELECT source_id, rank FROM {table} ANTI JOIN palettes ON source_id = image_id "
            f"UNION ALL SELECT source_id, rank FROM {table} ANTI JOIN palettes ON rec_id = image_id",
        ),
        Expectation(
            "nothing_private",
            "Nobody's private upload is recommended: what is, shows a product or was shared.",
            f"SELECT source_id, rec_id FROM {table} "
            "WHERE rec_id NOT IN (SELECT image_id FROM product_images) "
            "AND rec_id NOT IN (SELECT image_id FROM uploads WHERE visibility = 'shared')",
        ),
        Expectation(
            "no_near_duplicates",
            "No near duplicate of a piece, and no other encoding of it, is recommended beside it.",
            "SELECT source_id, rec_id FROM near_duplicates JOIN (SELECT source_id, rec_id, "
            f"least(source_id, rec_id) AS image_id, greatest(source_id, rec_id) AS other_image_id FROM {table}) "
            "USING (image_id, other_image_id) WHERE is_near_duplicate OR is_same_picture",
        ),
    )
