"""Modes: how much nearer to its photo a mosaic by sub-cells is than one by mean colours, on every photo."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from _mosaic_material import features, photos, sketch, stored, tiles
from _mosaic_peers import Field, by_gemm

from pipelines.mosaic import making
from pipelines.mosaic.features import PARTS, SCALE, Mode, distances

MODES: tuple[Mode, ...] = ("mean_rgb", "cells_2x2", "cells_3x3")
WIDER = 100  # columns
PAPER = 0.975  # lightness of all of a cell, from which it is taken for white paper
TARGET = 0.7


def modes() -> None:
    """Print each mode's error and its ratio to mean_rgb's over all photos; compare the default with all distances."""
    held = stored(tiles())
    ids = pa.array([f"{number:064x}" for number in range(len(held))])
    own = {mode: features(held, mode) for mode in MODES}
    for columns in (None, WIDER):
        _print([_compared(name, columns, own, ids) for name in photos()], columns, len(held))
    print()


class Compared(NamedTuple):
    """A photo's mean error in each mode, without its paper too (nan where it is all paper), and its cells."""

    name: str
    errors: list[float]
    unpapered: list[float]
    cells: int
    equal: int


def _compared(name: str, columns: int | None, own: dict[Mode, np.ndarray], ids: pa.Array) -> Compared:
    made = [making.lay_out(sketch(name, columns, mode), ids, own.__getitem__, None, 0.0) for mode in MODES]
    shown, best = own["cells_3x3"], made[-1]
    cells = best.sketch.grid("cells_3x3").features
    is_paper = cells[:, : PARTS["cells_3x3"] ** 2].min(axis=1) > PAPER * SCALE
    errors = [distances(((cells - shown[each.layout.places]) ** 2).sum(axis=1), "cells_3x3") for each in made]
    plain = by_gemm(Field(cells, shown, cells, cells, 1), slice(None))
    equal = int((plain == best.layout.places).sum())
    unpapered = [float(each[~is_paper].mean()) for each in errors]
    return Compared(name, [mosaic.error for mosaic in made], unpapered, len(cells), equal)


def _print(found: list[Compared], columns: int | None, count: int) -> None:
    equal, cells = sum(each.equal for each in found), sum(each.cells for each in found)
    asked = f"{columns} columns" if columns else "a cell per 32 pixels"
    print(f"{len(found)} photos, {asked}, {count:,} tiles; {equal:,} of {cells:,} cells as with all distances")
    print(f"{'':26}{'mean error':>11}{'ratio: least':>14}{'mean':>8}{'most':>8}{'<= 0.7':>8}")
    for words in ("errors", "unpapered"):
        errors = np.array([getattr(each, words) for each in found])
        ratios = errors / errors[:, :1]
        for at, mode in enumerate(MODES):
            own = ratios[:, at]
            spread = f"{own.min():14.3f}{own.mean():8.3f}{own.max():8.3f}{(own <= TARGET).sum():8}"
            title = mode if words == "errors" else f"{mode}, without paper"
            print(f"{title:26}{errors[:, at].mean():11.4f}{spread}   {found[int(own.argmax())].name}")
