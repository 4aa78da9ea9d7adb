"""What mosaics are measured on: tiles (n, 32, 32, 3), photos, and a request laid over a photo."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import skimage.data

from pipelines import imaging
from pipelines.ingest.cifar10 import batches
from pipelines.ingest.inbox.mosaic_requests import MosaicRequest, Options
from pipelines.ingest.sample.pieces import pieces
from pipelines.ingest.sample.scenes import DRAWINGS, draw_scene
from pipelines.mosaic import tile_pictures
from pipelines.mosaic.features import SIDE, Mode
from pipelines.mosaic.making import Sketch
from pipelines.mosaic.pictures import centre_crop
from pipelines.producers import Image

# Of scikit-image's bundled pictures those its documentation calls public domain (astronaut: NASA; rocket: SpaceX)
# or CC0 (chelsea: Stefan van der Walt; coffee: Rachel Michetti).
FREE = ("astronaut", "chelsea", "coffee", "rocket")
SCENES = 3_000  # drawn, where there are no real tiles


def real_data() -> Path | None:
    """Return where the real data lies, if it does."""
    folder = os.environ.get("TESSERA_REAL_DATA")
    return Path(folder) if folder else None


@cache
def tiles() -> np.ndarray:
    """Return CIFAR-10's rows, real or drawn."""
    if folder := real_data():
        rows = np.concatenate([batch.rows for batch in batches.read(folder / "cifar-10-batches-py")])
        return np.ascontiguousarray(rows.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1))
    return scenes(SCENES)


def scenes(count: int) -> np.ndarray:
    """Return pictures of the sample's CIFAR-10, drawn by number."""
    return np.stack([draw_scene(index % len(DRAWINGS), Random(f"mosaic {index}")) for index in range(count)])


def thumbnails(count: int) -> np.ndarray:
    """Return pictures of the sample's catalogue, cut as the tile table cuts them."""
    shown = (imaging.decode(piece.image).pixels for piece in pieces(count))
    return np.stack([imaging.resized(centre_crop(pixels), SIDE, SIDE) for pixels in shown])


def grown(some: np.ndarray, count: int) -> np.ndarray:
    """Return `count` tiles: the given ones, and as many copies as it takes, each changed in colour, noise and side."""
    rng = np.random.default_rng(1)
    parts, have = [some[:count]], len(some)
    while have < count:
        more = some[rng.permutation(len(some))[: count - have]].astype(np.float32)
        more = more * rng.uniform(0.8, 1.2, (len(more), 1, 1, 3)) + rng.normal(0, 12, (len(more), 1, 1, 3))
        turned = rng.random(len(more)) < 0.5
        more[turned] = more[turned][:, :, ::-1]
        parts.append(more.clip(0, 255).astype(np.uint8))
        have += len(more)
    return np.concatenate(parts)


def stored(some: np.ndarray) -> np.ndarray:
    """Return what the lake keeps of tiles to compare them by, made one by one as the night makes it."""
    params = tile_pictures.TileParams()
    rows = (next(tile_pictures.tile(Image("", pixels, None), params)) for pixels in some)
    return np.frombuffer(b"".join(row["features"] for row in rows), tile_pictures.LAYOUT)


def features(held: np.ndarray, mode: Mode) -> np.ndarray:
    """Return what tiles are compared by, as `tile_pictures.read` does."""
    return np.ascontiguousarray(held[mode], np.float64 if mode == "mean_rgb" else np.float32)


def photos() -> list[str]:
    """Return the names of all photos: the free ones, and the large ones of the fashion set."""
    folder = real_data()
    held = sorted(folder.glob("fashion-highres/*.jpg"), key=lambda path: int(path.stem)) if folder else []
    return [*FREE, *(path.stem for path in held)]


def photo(name: str) -> np.ndarray:
    """Return the pixels of a photo."""
    if name in FREE:
        return np.asarray(getattr(skimage.data, name)())
    return imaging.decode((real_data() / "fashion-highres" / f"{name}.jpg").read_bytes()).pixels


def sketch(name: str, columns: int | None = None, mode: Mode = "cells_3x3") -> Sketch:
    """Return a mosaic of a photo as it is asked for."""
    return Sketch(MosaicRequest(None, "0" * 64, Options(mode=mode, columns=columns)), photo(name))


def across(name: str, cells: int) -> int:
    """Return how many columns make about so many cells."""
    high, wide = photo(name).shape[:2]
    return round((cells * wide / high) ** 0.5)
