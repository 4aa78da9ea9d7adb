"""Labelled samples: pictures whose label a person has given or confirmed, for models to learn from."""

from __future__ import annotations

import pyarrow as pa

from pipelines.ingest import images, products
from pipelines.ingest.columns import IMAGE_ID
from pipelines.ingest.inbox.uploads import BATCH, USER_ID
from pipelines.lake.table import Column, Table

CLASS_LIST_21 = (
    *("Tee", "Tank", "Dress", "Shorts", "Skirt", "Hoodie", "Jumpsuit", "Sweater", "Blazer", "Striped", "Cardigan"),
    *("Blouse", "Jacket", "Jeans", "Maxi", "Floral", "Denim", "Sweatshorts", "Polka", "Shawl", "Bodycon"),
)

# Task → the labels it knows; None where the catalogue's own words are the labels.
VOCABULARIES: dict[str, tuple[str, ...] | None] = {
    "quality": ("OK", "NEG"),
    "piece": CLASS_LIST_21,
    "gender": products.GENDERS,
    "season": products.SEASONS,
    "usage": products.USAGES,
    "article_type": None,
    "base_colour": None,
}

TABLE = Table(
    name="labelled_samples",
    description="Pictures with a label that a person gave or confirmed. Where people disagree, the latest word counts.",
    grain=("task", "image_id", "user_id", "label"),
    columns=(
        Column("task", pa.string(), "What is to be learned.", values=tuple(VOCABULARIES)),
        IMAGE_ID,
        USER_ID,
        Column("label", pa.string(), "The label; a task with several per picture has a row for each."),
        Column("origin", pa.string(), "How it came in: given as a label, or confirmed.", values=("label", "confirm")),
        Column("labelled_at", pa.timestamp("us", "UTC"), "When the user said so."),
        BATCH,
    ),
    inputs=(images.TABLE,),
)
