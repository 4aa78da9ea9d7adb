"""Small lakes of products, and selections from them as the command makes them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines import imaging
from pipelines.ingest import images, products
from pipelines.lake.materialize import upsert
from pipelines.lake.objects import Objects, sha256
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.selection import Selection, select

Row = dict[str, Any]


@cache
def jpeg(seed: int) -> bytes:
    return imaging.encode_jpeg(np.random.default_rng(seed).integers(0, 256, (8, 6, 3), dtype=np.uint8))


def product(product_id: int, **changed: Any) -> Row:
    kind = {"gender": "Men", "master_category": "Footwear", "sub_category": "Shoes", "article_type": "Casual Shoes"}
    rest = {
        "base_colour": "Red",
        "season": "Fall",
        "year": 2012,
        "usage": "Casual",
        "display_name": f"=Piece {product_id}",
    }
    return {"product_id": product_id, "source": "sample", "is_repaired": False} | kind | rest | changed


def lake(folder: Path | str, *pieces: tuple[Row, dict[str, bytes]]) -> Store:
    """Return a lake of these products, each with its pictures by kind."""
    store, run = Store(f"{folder}/lake"), Run()
    shown = [(row["product_id"], kind, data) for row, pictures in pieces for kind, data in pictures.items()]
    pictures = [images.row(sha256(data), data) for data in sorted({data for *_, data in shown})]
    joins = [{"product_id": i, "kind": kind, "image_id": sha256(data)} for i, kind, data in shown]
    for table, rows in (
        (images.TABLE, pictures),
        (products.TABLE, [row for row, _ in pieces]),
        (products.PRODUCT_IMAGES, joins),
    ):
        upsert(store, run, table, pa.Table.from_pylist(rows, table.schema))
    return store


def ask(store: Store, bundles: Objects, run_id: str | None = None, **values: Any) -> tuple[Row, Journal]:
    """Select as the command does, and write the account."""
    journal = Journal(store, Run(run_id) if run_id else Run())
    try:
        return select(journal, bundles, Selection(**values)), journal
    finally:
        journal.write()


def files(bundles: Objects, run_id: str) -> dict[str, bytes]:
    """Return the files of a bundle by their path in it."""
    folder = f"runs/{run_id}/"
    return {found.path.removeprefix(folder): bundles.get(found.path) for found in bundles.list(folder)}


def counts(journal: Journal) -> tuple[int, int, int, int]:
    (step,) = journal.steps
    step.balance()
    return step.rows_in, step.new, step.unchanged, step.duplicates
