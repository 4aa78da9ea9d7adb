"""The tiles' pictures: squares of one size, gathered from the lake into a file that memory need not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import imaging
from pipelines.ingest import images
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.store import Store
from pipelines.lake.table import Table
from pipelines.mosaic.features import SIDE

Pixels = npt.NDArray[np.uint8]
Draw = Callable[[dict[str, Any]], Pixels]  # a row of the lake → (side, side, 3)

_FILE = "tiles.raw"
_AT_ONCE = 64  # rows made into Python objects together


def centre_crop(pixels: Pixels) -> Pixels:
    """Return the largest square in the middle of a picture (h, w, 3), a view; the odd pixel stays right or below."""
    high, wide = pixels.shape[:2]
    side = min(high, wide)
    top, left = (high - side) // 2, (wide - side) // 2
    return pixels[top : top + side, left : left + side]


def gathered(store: Store, table: Table, ids: Sequence[str], side: int, folder: Path) -> Pixels:
    """Return the squares of some images as (n, side, side, 3) uint8 sRGB, in the order of their ids, read-only.

    They lie in a file in `folder`, which must stay while they are used. Memory holds one file of the lake.

    Args:
        store: the lake.
        table: `tile_pictures`, whose squares have `SIDE` pixels; larger ones are cut out of the originals.
        ids: of the images, each once.
        side: of a square, in pixels.
        folder: for scratch files, with room for 3 bytes to a pixel.

    Raises:
        CannotRun: where an image is not in the lake any more, or the folder cannot be written.
        ContractBroken: where an original cannot be read, though it once could.
    """
    from_originals = side > SIDE
    source = images.TABLE if from_originals else table
    columns = ["image_id", "format", "data"] if from_originals else ["image_id", "pixels"]

    def draw(row: dict[str, Any]) -> Pixels:
        return _of_original(row, side) if from_originals else _of_square(row, side)

    path = folder / _FILE
    _fill(path, _found(store, source, ids, columns), ids, side, draw)
    return np.memmap(path, np.uint8, "r", shape=(len(ids), side, side, 3))


def _found(store: Store, table: Table, ids: Sequence[str], columns: list[str]) -> Iterator[dict[str, Any]]:
    """Yield rows of some images with their `place` among the ids, of no file that has none of them."""
    wanted = pa.array(ids, pa.string())
    for path, held in store.snapshot(table).fragments(["image_id"]):
        if not pc.any(pc.is_in(held["image_id"], wanted)).as_py():
            continue
        for batch in store.open(table, path).iter_batches(batch_size=_AT_ONCE, columns=columns):
            places = pc.index_in(batch.column(0), wanted)
            rows = pa.Table.from_batches([batch]).append_column("place", places).filter(pc.is_valid(places))
            yield from rows.to_pylist()


def _fill(path: Path, rows: Iterator[dict[str, Any]], ids: Sequence[str], side: int, draw: Draw) -> None:
    """Write each picture to its place in a file. Raises CannotRun where one is missing, or the file cannot be written.

    A full disk is an error of a write, and the end of the process where it is a mapping that is written to.
    """
    missing = np.ones(len(ids), bool)
    try:
        with path.open("wb") as file:
            for row in rows:
                file.seek(row["place"] * side * side * 3)
                file.write(np.ascontiguousarray(draw(row)).data)
                missing[row["place"]] = False
    except OSError as error:
        raise CannotRun(f"the tiles' pictures cannot be kept at {path}: {error.strerror}. Free space there.") from error
    if missing.any():
        gone = f"the picture of tile {ids[int(missing.argmax())]} is not in the lake any more"
        others = f", nor are those of {int(missing.sum()) - 1} others" if missing.sum() > 1 else ""
        raise CannotRun(f"{gone}{others}: it was deleted after the mosaic was laid out. Lay the mosaic out again.")


def _of_square(row: dict[str, Any], side: int) -> Pixels:
    return imaging.resized(np.frombuffer(row["pixels"], np.uint8).reshape(SIDE, SIDE, 3), side, side)


def _of_original(row: dict[str, Any], side: int) -> Pixels:
    try:
        # The decoder's reduction alone would blur.
        picture = imaging.decode(row["data"], min_side=side * 3 // 2, format=row["format"])
    except imaging.Unreadable as error:
        raise ContractBroken(f"image {row['image_id']} was damaged in the lake: {error.detail}") from error
    return imaging.resized(centre_crop(picture.pixels), side, side)
