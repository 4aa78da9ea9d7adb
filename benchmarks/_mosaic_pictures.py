"""Pictures for docs/mosaics.md: a free photo beside mosaics of it, made of tiles that Tessera drew itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from _mosaic_material import features, grown, scenes, sketch, stored, thumbnails

from pipelines import imaging
from pipelines.ingest.inbox.mosaic_requests import MosaicRequest, Options
from pipelines.mosaic import making, rendering
from pipelines.mosaic.making import Mosaic, Sketch

COLUMNS, SHOWN, GAP = 64, 6, 8  # cells across, pixels a cell, pixels between
QUALITY, CLOSE_QUALITY = 72, 80
SCENES, PIECES = 2_500, 1_500
ASKED = (Options(mode="mean_rgb", columns=COLUMNS), Options(columns=COLUMNS), Options(columns=COLUMNS, max_uses=3))
CLOSE = ("chelsea", slice(10, 22), slice(17, 33))  # cells that are shown at 32 x 32


def pictures(folder: Path) -> None:
    """Write the pictures into a folder, and print how near each mosaic is."""
    folder.mkdir(parents=True, exist_ok=True)
    held = grown(np.concatenate([scenes(SCENES), thumbnails(PIECES)]), SCENES + PIECES)
    own = stored(held)
    ids = pa.array([f"{number:064x}" for number in range(len(held))])
    for name in ("astronaut", "chelsea"):
        source = sketch(name).source
        made = [_made(source, options, own, ids) for options in ASKED]
        panels = [imaging.resized(source, COLUMNS * SHOWN, made[0].sketch.rows * SHOWN)]
        panels += [_drawn(mosaic, held, SHOWN) for mosaic in made]
        (folder / f"mosaic-{name}.jpg").write_bytes(imaging.encode_jpeg(_beside(panels), QUALITY))
        print(f"{name}: " + ", ".join(f"{mosaic.error:.4f} ({mosaic.layout.gap:.1%})" for mosaic in made))
        if name == CLOSE[0]:
            near = _drawn(made[1], held, 32, CLOSE[1], CLOSE[2])
            (folder / "mosaic-close.jpg").write_bytes(imaging.encode_jpeg(near, CLOSE_QUALITY))


def _made(source: np.ndarray, options: Options, own: np.ndarray, ids: pa.Array) -> Mosaic:
    asked = Sketch(MosaicRequest(None, "0" * 64, options), source)
    return making.lay_out(asked, ids, lambda mode: features(own, mode), None, 0.0)


def _drawn(
    mosaic: Mosaic, tiles: np.ndarray, side: int, rows: slice = slice(None), columns: slice = slice(None)
) -> np.ndarray:
    cells = mosaic.layout.places.reshape(mosaic.sketch.rows, -1)[rows, columns]
    small = np.stack([imaging.resized(tile, side, side) for tile in tiles])
    size = (cells.shape[1] * side, cells.shape[0] * side)
    return np.concatenate([strip.copy() for strip in rendering.strips(cells, small, size)])


def _beside(panels: list[np.ndarray]) -> np.ndarray:
    """Return four pictures of one size as two rows of two."""
    high, wide = panels[0].shape[:2]
    sheet = np.full((2 * high + GAP, 2 * wide + GAP, 3), 255, np.uint8)
    for at, panel in enumerate(panels):
        top, left = at // 2 * (high + GAP), at % 2 * (wide + GAP)
        sheet[top : top + high, left : left + wide] = panel
    return sheet
