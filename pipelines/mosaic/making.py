"""Making: one mosaic that is asked for, from the picture it shows to a layout and a picture of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import imaging
from pipelines.imaging.large import MAX_JPEG_SIDE
from pipelines.ingest import images
from pipelines.ingest.inbox.mosaic_requests import MosaicRequest
from pipelines.lake.errors import CannotRun, Rejected
from pipelines.lake.objects import sha256
from pipelines.lake.store import Store
from pipelines.mosaic import features, layout, page, rendering, tile_pictures
from pipelines.mosaic.features import SIDE, Mode, Pixels
from pipelines.mosaic.layout import Grid, Layout, Limits
from pipelines.mosaic.pictures import gathered
from pipelines.mosaic.search import Places

FOLDER = "_mosaics"  # of the lake
_CELLS = 1_000_000  # the most of one mosaic
_PIXELS = 1 << 30  # the most of one picture: 3 GiB of scratch
_SEEN: Mode = "cells_3x3"  # how far any mosaic is from what it shows
_SUFFIXES = {"jpeg": ".jpg", "png": ".png", "dzi": ".dzi"}


@dataclass(frozen=True, eq=False)
class Sketch:
    """What is asked for, over the picture it is to show: (h, w, 3) sRGB, upright."""

    request: MosaicRequest
    source: Pixels

    @property
    def columns(self) -> int:
        """Cells across: as many as are asked for, else one for each 32 pixels, the last one perhaps cut."""
        return self.request.options.columns or -(-int(self.source.shape[1]) // SIDE)

    @property
    def rows(self) -> int:
        high, wide = map(int, self.source.shape[:2])
        return -(-high * self.columns // wide) if self.request.options.columns else -(-high // SIDE)

    @property
    def side(self) -> float:
        """How many pixels of the source a cell stands for, across and down."""
        return self.source.shape[1] / self.columns if self.request.options.columns else SIDE

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the mosaic in pixels: the source's, magnified as its tiles are."""
        shown = self.request.options.tile_px
        high, wide = (round(length * shown / self.side) for length in self.source.shape[:2])
        return max(1, min(wide, self.columns * shown)), max(1, min(high, self.rows * shown))

    def require_bounds(self) -> None:
        """Raise Rejected for a mosaic that is larger than any that is made."""
        if (cells := self.columns * self.rows) > _CELLS:
            raise Rejected(
                "too_many_cells",
                f"the mosaic would have {self.columns:,} x {self.rows:,} cells, {cells - _CELLS:,} more than the "
                f"{_CELLS:,} that are made. Ask for fewer columns.",
            )
        width, height = self.size
        if width * height > _PIXELS or (self.request.options.format == "jpeg" and max(width, height) > MAX_JPEG_SIDE):
            raise Rejected(
                "too_large",
                f"the mosaic would be a picture of {width:,} x {height:,} pixels; {_PIXELS:,} are made at most, and of "
                f"a JPEG {MAX_JPEG_SIDE:,} a side. Ask for fewer columns or smaller tiles, or for format dzi.",
            )

    def grid(self, mode: Mode) -> Grid:
        """Return the cells as they are compared with tiles."""
        found = features.of_cells(self.source, self.columns, self.rows, self.side, mode)
        return Grid(found, self.columns, self.rows, mode)

    @property
    def mode(self) -> Mode:
        return cast(Mode, self.request.options.mode)

    @property
    def limits(self) -> Limits:
        return Limits(self.request.options.max_uses, self.request.options.apart)


@dataclass(frozen=True, eq=False)
class Mosaic:
    """A sketch that was laid out with tiles, by their ids, ascending."""

    sketch: Sketch
    layout: Layout
    tile_ids: pa.Array
    error: float  # mean distance in OKLab over 3 x 3 parts of each cell, whatever it was laid out by

    @cached_property
    def used(self) -> tuple[list[str], Places]:
        """The ids of the tiles that it shows, and for each cell which of them, (rows, columns)."""
        some, places = np.unique(self.layout.places, return_inverse=True)
        cells = places.reshape(self.sketch.rows, self.sketch.columns).astype(np.int32)
        return self.tile_ids.take(pa.array(some)).to_pylist(), cells

    @cached_property
    def path(self) -> str:
        """Where its picture lies in the lake; what it shows decides it."""
        request, (ids, cells) = self.sketch.request, self.used
        content = sha256("\n".join(ids).encode() + cells.tobytes())[:16]
        return f"{FOLDER}/{request.mosaic_id}/{content}/mosaic{_SUFFIXES[request.options.format]}"


def sketched(store: Store, request: MosaicRequest) -> Sketch:
    """Return what is asked for, over its picture. Raises CannotRun where it is gone, Rejected where too large."""
    for path, held in store.snapshot(images.TABLE).fragments(["image_id"]):
        if request.image_id in held["image_id"].to_pylist():
            for batch in store.open(images.TABLE, path).iter_batches(64, columns=["image_id", "format", "data"]):
                for row in batch.filter(pc.equal(batch["image_id"], request.image_id)).to_pylist():
                    sketch = Sketch(request, imaging.decode(row["data"], format=row["format"]).pixels)
                    sketch.require_bounds()
                    return sketch
    raise CannotRun(f"picture {request.image_id} is not in the lake any more. Run again.")


def draw(store: Store, mosaic: Mosaic, told: Callable[[int], None] | None = None) -> None:
    """Write a mosaic's picture into the lake. Raises CannotRun.

    One that is there is written again: it may be an old one that the cleaning is about to take.
    """
    request, (ids, cells) = mosaic.sketch.request, mosaic.used
    options = request.options
    tint = rendering.Tint(mosaic.sketch.source, options.tint) if options.tint else None
    with tempfile.TemporaryDirectory(prefix="tessera-mosaic-") as scratch:
        folder = Path(scratch, "out")
        folder.mkdir()
        target = folder / Path(mosaic.path).name
        tiles = gathered(store, tile_pictures.TABLE, ids, options.tile_px, Path(scratch))
        rendering.render(cells, tiles, mosaic.sketch.size, target, tint, progress=told)
        if options.format == "dzi":
            words = f"Mosaic of {request.image_id[:12]}"
            (folder / "mosaic.html").write_text(page.html(words, target, *mosaic.sketch.size), encoding="utf-8")
        base = mosaic.path.rpartition("/")[0]
        for file in _files(folder, last=target):
            store.objects.put(f"{base}/{file.relative_to(folder).as_posix()}", file)


def _files(folder: Path, last: Path) -> Iterator[Path]:
    """Yield the files of a folder; the one whose presence says that all are there comes last."""
    yield from sorted(file for file in folder.rglob("*") if file.is_file() and file != last)
    yield last


def lay_out(
    sketch: Sketch, tile_ids: pa.Array, tiles: Callable[[Mode], features.Features], held: Places | None, margin: float
) -> Mosaic:
    """Lay a sketch out with tiles, given what they are compared by. Raises Rejected where its limits cannot be kept."""
    found = layout.lay_out(sketch.grid(sketch.mode), tiles(sketch.mode), sketch.limits, held, margin)
    if sketch.mode == _SEEN:
        return Mosaic(sketch, found, tile_ids, found.distance)
    shown, wanted = tiles(_SEEN), sketch.grid(_SEEN).features
    squares = ((wanted - shown[found.places]) ** 2).sum(axis=1, dtype=np.float64)
    return Mosaic(sketch, found, tile_ids, float(features.distances(squares, _SEEN).mean()))
