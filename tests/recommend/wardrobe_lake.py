"""A lake of pieces without pictures: tables as ingest, palettes and labels would leave them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from by_definition import Seeds, distinctness

from pipelines.duplicates import near_duplicates
from pipelines.inference import labels
from pipelines.ingest import products
from pipelines.ingest.inbox import uploads
from pipelines.lake.materialize import remove, upsert
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal, Step
from pipelines.lake.store import Store
from pipelines.lake.table import Table
from pipelines.palette import palettes
from pipelines.producers import materialize
from pipelines.recommend import complements, label_aliases, outfits

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
_WHOLE = (palettes.TABLE, labels.TABLE)  # all that is said of an image is said together


def image(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = {}
    for left, right in pairs:
        groups.setdefault(left, set()).add(right)
    return groups


SEEDS = Seeds(*(_grouped(seed.SEED.pairs) for seed in (label_aliases, complements, outfits)))


def palette_rows(image_id: str, colours: Iterable[tuple[int, int, int]]) -> list[dict[str, Any]]:
    colours = list(colours)
    worth = [distinctness(colour) for colour in colours]
    rows = []
    for rank, (red, green, blue) in enumerate(colours):
        row = {
            "image_id": image_id,
            "rank": rank,
            "hex": f"{red:02X}{green:02X}{blue:02X}",
            "red": red,
            "green": green,
            "blue": blue,
            "share": 1 / len(colours),
            "weight": worth[rank] / sum(worth),
            "is_dominant": rank == int(np.argmax(worth)),
        }
        for column in palettes.TABLE.columns:  # what else a palette says is no matter here
            row.setdefault(column.name, column.values[0] if column.values else "grey" if column.type == "string" else 0)
        rows.append(row)
    return rows


def label_row(image_id: str, group: str, label: str, predicted: bool, fallback: bool = False) -> dict[str, Any]:
    model = {"score": 0.5, "model_name": "m", "model_version": 1} if predicted else {}
    source = "predicted" if predicted else "true"
    row = {"image_id": image_id, "label_group": group, "label": label, "source": source, "is_fallback": fallback}
    return dict.fromkeys(labels.TABLE.schema.names) | row | model


class Wardrobe:
    """Writes pieces into a lake, and takes them out again."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.waiting: dict[Table, list[dict[str, Any]]] | None = None

    def put(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if self.waiting is not None:
            self.waiting.setdefault(table, []).extend(rows)
        elif rows:
            whole = {"within": ("image_id",)} if table in _WHOLE else {}
            upsert(self.store, Run(), table, pa.Table.from_pylist(rows, table.schema), **whole)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Write what is put in meanwhile in one commit for each table."""
        self.waiting = {}
        yield
        waiting, self.waiting = self.waiting, None
        for table, rows in waiting.items():
            self.put(table, rows)

    def paint(self, pieces: dict[str, list[tuple[int, int, int]]]) -> None:
        rows = [row for image_id, colours in pieces.items() for row in palette_rows(image_id, colours)]
        self.put(palettes.TABLE, rows)

    def sell(self, number: int, image_id: str, kind: str | None, gender: str, name: str = "", **labelled: Any) -> None:
        """Put a product in, with its thumbnail and what the catalogue says of it."""
        row = dict.fromkeys(products.TABLE.schema.names) | {
            "product_id": number,
            "source": "fashion",
            "gender": gender,
            "master_category": "Apparel",
            "article_type": kind,
            "display_name": name,
            "is_repaired": False,
        }
        self.put(products.TABLE, [row])
        self.show(number, image_id)
        said = [("gender", gender), *([("article_type", kind)] if kind else [])]
        said += [("piece", label) for label in labelled.get("labels", ())]
        rows = [label_row(image_id, group, label, predicted=False) for group, label in said]
        self.put(labels.TABLE, rows)

    def show(self, number: int, image_id: str, kind: str = "thumbnail") -> None:
        self.put(products.PRODUCT_IMAGES, [{"product_id": number, "kind": kind, "image_id": image_id}])

    def upload(self, image_id: str, said: Iterable[tuple[str, str]], shared: bool = False, **options: Any) -> None:
        row = {
            "user_id": "ana",
            "image_id": image_id,
            "title": None,
            "file_name": "x.jpg",
            "uploaded_at": WHEN,
            "visibility": "shared" if shared else "private",
            "batch": "b",
        }
        self.put(uploads.TABLE, [row])
        fallback = options.get("fallback")
        rows = [label_row(image_id, group, label, True) for group, label in said]
        rows += [label_row(image_id, "piece", fallback, True, True)] if fallback else []
        self.put(labels.TABLE, rows)

    def resemble(self, one: str, other: str, **what: bool) -> None:
        row = {
            "image_id": min(one, other),
            "other_image_id": max(one, other),
            "hash_distance": 0,
            "palette_distance": 0.0,
            "layout_distance": 0.0,
            "is_near_duplicate": what.get("near", True),
            "is_same_picture": what.get("same", False),
        }
        self.put(near_duplicates.TABLE, [row])

    def drop(self, image_id: str) -> None:
        for table in (palettes.TABLE, labels.TABLE, products.PRODUCT_IMAGES, uploads.TABLE):
            remove(self.store, Run(), table, lambda rows: pc.equal(rows["image_id"], image_id))


def step(store: Store, table: Table) -> Step:
    """Bring one table up to date; return the account, which balances."""
    journal = Journal(store, Run())
    with ThreadPoolExecutor(1) as pool:
        materialize(journal, table, pool, 0.1)
    journal.steps[0].balance()
    return journal.steps[0]


def held(store: Store, table: Table) -> list[dict[str, Any]]:
    return store.snapshot(table).read().sort_by([(name, "ascending") for name in table.grain]).to_pylist()
