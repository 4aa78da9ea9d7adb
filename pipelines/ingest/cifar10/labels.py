"""CIFAR-10's labels: what each of its pictures shows, and whether it is for training or testing."""

from __future__ import annotations

import pyarrow as pa

from pipelines.ingest import images
from pipelines.ingest.columns import IMAGE_ID, SOURCE
from pipelines.lake.table import Column, Expectation, Table

LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

TABLE = Table(
    name="cifar10_labels",
    description="What each row of CIFAR-10 shows; rows of equal pictures share an image.",
    grain=("source", "key"),
    columns=(
        SOURCE,
        Column(
            "key",
            pa.string(),
            "The batch and the row in it, from 0: data_batch_1/00042.",
            pattern=r"(?:data_batch_[1-5]|test_batch)/[0-9]{5}",
        ),
        IMAGE_ID,
        Column("split", pa.string(), "What the row is meant for; test rows teach nothing.", values=("train", "test")),
        Column("label_number", pa.int8(), "The label as the batches number it.", bounds=(0, len(LABELS) - 1)),
        Column("label", pa.string(), "What the picture shows.", values=LABELS),
    ),
    inputs=(images.TABLE,),
    expectations=(
        Expectation(
            "one_name_per_number",
            "Each label number has one name.",
            "SELECT label_number FROM cifar10_labels GROUP BY label_number HAVING count(DISTINCT label) > 1",
        ),
        Expectation(
            "split_follows_batch",
            "The rows of test_batch, and no others, are for testing.",
            "SELECT key FROM cifar10_labels WHERE (split = 'test') <> starts_with(key, 'test_batch/')",
        ),
    ),
)


def row(source: str, key: str, image_id: str, split: str, number: int) -> dict[str, object]:
    """Return one row of the table."""
    label = {"split": split, "label_number": number, "label": LABELS[number]}
    return {"source": source, "key": key, "image_id": image_id, **label}
