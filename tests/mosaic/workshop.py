"""A workshop for mosaics: a lake with tiles from catalogues and users, requests, and nights over both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.imaging import encode_png
from pipelines.inference import tag_paths
from pipelines.ingest import intake
from pipelines.ingest.cifar10 import labels
from pipelines.ingest.image_sources import Terms
from pipelines.ingest.inbox.mosaic_requests import MosaicRequest, told
from pipelines.ingest.intake import Item
from pipelines.lake.materialize import upsert
from pipelines.lake.objects import sha256
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal, Progress, Step
from pipelines.lake.table import Table
from pipelines.mosaic import mosaic_cells, mosaic_tiles, mosaics, tile_pictures
from pipelines.producers import materialize
from tests.ingest.inbox.boxes import NOW, Box, Line, mosaic

Pixels = npt.NDArray[np.uint8]

MADE = (tile_pictures.TABLE, tag_paths.TABLE, mosaic_tiles.TABLE, mosaics.TABLE)
OURS = (mosaic_tiles.TABLE, mosaics.TABLE, mosaic_cells.TABLE)
Colour = tuple[int, int, int]


def flat(colour: Sequence[int], height: int = 32, width: int = 32) -> Pixels:
    return np.full((height, width, 3), colour, np.uint8)


@cache
def photo(seed: int, height: int = 64, width: int = 96) -> bytes:
    """Return a PNG of soft colours that no other seed has."""
    down, right = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    corners = np.random.default_rng(seed).integers(0, 256, (2, 2, 3))
    across = (
        corners[0][:, None, None] * (1 - right[None, ..., None]) + corners[1][:, None, None] * right[None, ..., None]
    )
    return encode_png((across[0] * (1 - down[..., None]) + across[1] * down[..., None]).astype(np.uint8))


def swatch(*colour: int) -> bytes:
    """Return a small PNG of one colour."""
    return encode_png(flat(colour, 36, 36))


def cifar_row(*colour: int) -> bytes:
    """Return the 3,072 bytes of a CIFAR-10 picture of one colour."""
    return flat(colour).transpose(2, 0, 1).tobytes()


class Workshop(Box):
    """An inbox whose lake has catalogues too, and whose nights make mosaics."""

    def catalogue(self, source: str, pictures: Iterable[bytes]) -> list[str]:
        """Take pictures in as those of a source; return their ids."""
        items = [Item(sha256(data), "1", lambda data=data: data) for data in pictures]
        intake.ingest(Journal(self.store, Run()), source, Terms(allow_training=True), items)
        return [item.key for item in items]

    def cifar(self, rows: dict[str, tuple[Colour, str]], source: str = "cifar10") -> list[str]:
        """Take tiles of one colour in, by their key in the archive, each with its label; return their ids."""
        held = {key: cifar_row(*colour) for key, (colour, _) in rows.items()}
        items = [Item(key, "1", lambda data=data: data, format="cifar10") for key, data in held.items()]
        intake.ingest(Journal(self.store, Run()), source, Terms(allow_training=True), items)
        said = [
            labels.row(
                source, key, sha256(held[key]), "test" if key[0] == "t" else "train", labels.LABELS.index(rows[key][1])
            )
            for key in rows
        ]
        upsert(self.store, Run(), labels.TABLE, pa.Table.from_pylist(said, labels.TABLE.schema))
        return [sha256(data) for data in held.values()]

    def make(self, tables: Iterable[Table] = MADE, progress: Progress | None = None) -> dict[str, Step]:
        """Bring tables up to date in one run; return their accounts, which balance."""
        journal = Journal(self.store, Run(), **({"progress": progress} if progress else {}))
        with ThreadPoolExecutor(1) as pool:
            for table in tables:
                materialize(journal, table, pool, 0.1)
        for step in journal.steps:
            step.balance()
        return {step.step: step for step in journal.steps}

    def evening(self) -> dict[str, Step]:
        """Take the inbox in, take out what was deleted, and make all that mosaics are made of, and them."""
        self.night(NOW)
        return self.make()

    def cells(self, mosaic_id: str) -> list[Line]:
        held = self.store.snapshot(mosaic_cells.TABLE).read()
        rows = held.filter(pc.equal(held["mosaic_id"], mosaic_id))
        return list(rows.sort_by([("y", "ascending"), ("x", "ascending")]).to_pylist())

    def shown(self, mosaic_id: str) -> list[str]:
        """Return the tile of each cell, row by row."""
        return [cell["tile_id"] for cell in self.cells(mosaic_id)]

    def made(self) -> dict[str, Line]:
        return {row["mosaic_id"]: row for row in self.rows(mosaics.TABLE)}

    def tiles(self) -> dict[str, Line]:
        return {row["tile_id"]: row for row in self.rows(mosaic_tiles.TABLE)}

    def commits(self) -> dict[str, int]:
        return {table.name: self.store.snapshot(table).version for table in (*MADE, mosaic_cells.TABLE)}


def wish(image: str | int, user: str | None = "ana", **options: Any) -> tuple[str, Line]:
    """Return the id of a mosaic, and the line of the inbox that asks for it."""
    line = mosaic(image, user or "", **options)
    return MosaicRequest(user, line["image_id"], told(options)).mosaic_id, line
