"""A lake of a few hand-made rows, nights over it, and ways to break both."""

from __future__ import annotations

import hashlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa

from pipelines.ingest import image_sources, images, products
from pipelines.lake import rejects
from pipelines.lake.materialize import upsert
from pipelines.lake.objects import Objects
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Change, Store
from pipelines.lake.table import Table
from pipelines.palette import palettes
from pipelines.palette.color import rgb_of, to_oklab
from warehouse.manifest import Release
from warehouse.release import release

Row = dict[str, Any]
ONE, TWO, THREE = (hashlib.sha256(name).hexdigest() for name in (b"1", b"2", b"3"))


def image(image_id: str, **changed: Any) -> Row:
    row = {"image_id": image_id, "format": "jpeg", "width_px": 60, "height_px": 80, "mode": "RGB", "byte_count": 3}
    return row | {"data": b"jpg"} | changed


def product(product_id: int, **changed: Any) -> Row:
    empty = {"base_colour": None, "season": None, "year": 2012, "usage": "Casual", "is_repaired": False}
    kind = {"master_category": "Apparel", "sub_category": "Topwear", "article_type": "Tshirts", "gender": "Men"}
    return (
        {"product_id": product_id, "source": "sample", "display_name": f"Piece {product_id}"} | kind | empty | changed
    )


def swatch(image_id: str, rank: int, **changed: Any) -> Row:
    shares = {"share": (0.75, 0.25)[rank], "weight": 0.5, "is_dominant": rank == 1}
    named = {"name": "black", "family": "black"}
    return {"image_id": image_id, "rank": rank} | colour(f"0000{rank:02X}") | named | shares | changed


def colour(digits: str) -> Row:
    """Return what a palette says of a colour but its name."""
    rgb = dict(zip(("red", "green", "blue"), rgb_of(digits), strict=True))
    oklab = dict(zip(("lightness", "oklab_a", "oklab_b"), to_oklab(*map(float, rgb.values())), strict=True))
    return {"hex": digits} | rgb | oklab


def shows(product_id: int, kind: str, image_id: str) -> Row:
    return {"product_id": product_id, "kind": kind, "image_id": image_id}


def met(key: str, image_id: str) -> Row:
    return image_sources.row("sample", key, "1", image_id, image_sources.Terms(True, "by Nobody"))


def reject(key: str) -> Row:
    row = {"source": "sample", "key": key, "reason": "broken", "detail": "It's <b>broken</b>.", "recipe": ""}
    return row | {"is_open": True, "first_run_id": "r1", "last_run_id": "r1"}


def rows(table: Table, *rows: Row) -> pa.Table:
    return pa.Table.from_pylist(list(rows), table.schema)


def fill(store: Store) -> None:
    """Put a few rows into every table: two products, the second without a photo and without colours."""
    run = Run("fill")
    upsert(store, run, images.TABLE, rows(images.TABLE, image(ONE), image(TWO), image(THREE)))
    upsert(store, run, image_sources.TABLE, rows(image_sources.TABLE, met("a", ONE), met("b", TWO), met("c", THREE)))
    upsert(store, run, products.TABLE, rows(products.TABLE, product(1), product(2, sub_category=None)))
    kinds = shows(1, "thumbnail", ONE), shows(1, "photo", TWO), shows(2, "thumbnail", THREE)
    upsert(store, run, products.PRODUCT_IMAGES, rows(products.PRODUCT_IMAGES, *kinds))
    swatches = [swatch(image_id, rank) for image_id in (ONE, TWO) for rank in (1, 0)]
    upsert(store, run, palettes.TABLE, rows(palettes.TABLE, *swatches))
    upsert(store, run, rejects.TABLE, rows(rejects.TABLE, reject("x")))
    journal = Journal(store, run)
    with journal.step("fill"):
        pass
    journal.write()


def add_product(store: Store, product_id: int) -> None:
    """Give the next night something new."""
    upsert(store, Run(), products.TABLE, rows(products.TABLE, product(product_id)))


def smuggle(store: Store, table: Table, *broken: Row) -> None:
    """Add rows past the contract, which would not let them in."""
    schema = pa.schema([field.with_nullable(True) for field in table.schema])
    file = store.write(table, f"smuggled/{uuid4().hex}.parquet", pa.Table.from_pylist(list(broken), schema))
    store.change(table, Run(), lambda _: Change([file]))


@dataclass(frozen=True)
class Night:
    """A lake and where its releases go."""

    store: Store
    uri: str
    scratch: Path

    @property
    def releases(self) -> Objects:
        return Objects(self.uri)

    def release(self, run_id: str | None = None, releases: Objects | None = None) -> Release:
        journal = Journal(self.store, Run(run_id) if run_id else Run())
        return release(journal, releases or self.releases, self.scratch)

    def files(self) -> dict[str, bytes]:
        """Every file at the releases but the reports, with its bytes."""
        names = [found.path for found in self.releases.list() if not found.path.startswith("docs/")]
        return {name: self.releases.get(name) for name in names}


def night_in(folder: Path) -> Night:
    return Night(Store(str(folder / "lake")), str(folder / "releases"), folder / "scratch")


@dataclass(frozen=True)
class DyingObjects(Objects):
    """Objects whose process is killed, as by the kernel, before or after it writes the file whose name ends so."""

    ending: str = ""
    after: bool = False

    def _die(self, path: str, after: bool) -> None:
        if path.endswith(self.ending) and after == self.after:
            os.kill(os.getpid(), signal.SIGKILL)

    def put(self, path: str, data: Any) -> None:
        self._die(path, False)
        super().put(path, data)
        self._die(path, True)

    def create(self, path: str, data: bytes) -> bool:
        self._die(path, False)
        created = super().create(path, data)
        self._die(path, True)
        return created

    def swap(self, path: str, old: bytes | None, new: bytes) -> bool:
        self._die(path, False)
        swapped = super().swap(path, old, new)
        self._die(path, True)
        return swapped


def release_and_die(night: Night, ending: str, after: bool) -> None:
    """Release in this process, which is killed on the way; runs in a child."""
    night.release(releases=DyingObjects(night.uri, ending, after))
