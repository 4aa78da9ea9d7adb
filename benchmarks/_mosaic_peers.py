"""Others that find a tile for each cell: what a person would write, mosaic tools, and libraries for nearest neighbours.

A method gets a `Field` ready (that is not timed), tries itself on a few cells, and is timed from features: with its
index, if it has one. Tools compare what they compare; the others compare our 27 numbers.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _mosaic_apart import Cost, spent

from pipelines import imaging
from pipelines.mosaic import features, search

Search = Callable[[Any, slice], np.ndarray]
_BAND, _ALL = 300, sys.maxsize
_DESCRIBED = 5_000
_FEW = 8  # cells to try a method on: it compiles, or loads what it needs


class Field(NamedTuple):
    """Cells and tiles as numbers, and as pixels: `source` shows each cell at 32 x 32."""

    cells: np.ndarray
    tiles: np.ndarray
    pixels: np.ndarray
    source: np.ndarray
    columns: int

    def shown(self, some: slice, side: int) -> np.ndarray:
        """Return cells as pictures (n, side, side, 3)."""
        rows = len(self.cells) // self.columns
        small = imaging.resized(self.source, self.columns * side, rows * side)
        held = small.reshape(rows, side, self.columns, side, 3).transpose(0, 2, 1, 3, 4)
        return np.ascontiguousarray(held.reshape(-1, side, side, 3)[some])

    def reduced(self, side: int) -> np.ndarray:
        """Return tiles as pictures (n, side, side, 3)."""
        return np.stack([imaging.resized(tile, side, side) for tile in self.pixels])


class Method(NamedTuple):
    """A way to find tiles: how many cells it is given, what it gets ready, and how it searches."""

    kind: str
    cells: int
    search: Search
    ready: Callable[[Field], Any] = lambda field: field
    needs: str = "numpy"


def _ours(field: Field, some: slice) -> np.ndarray:
    return search.nearest(field.cells[some], search.index_of(field.tiles))[0][:, 0]


def _means(field: Field) -> Field:
    cells, tiles = (
        pixels.reshape(len(pixels), -1, 3).sum(axis=1, dtype=np.float64)
        for pixels in (field.shown(slice(None), 1), field.pixels)
    )
    return field._replace(cells=cells * features.PIXELS, tiles=tiles)


def _python_loop(field: Field, some: slice) -> np.ndarray:
    tiles = field.tiles.tolist()
    return np.array([_nearest_of(cell, tiles) for cell in field.cells[some].tolist()])


def _nearest_of(cell: list[float], tiles: list[list[float]]) -> int:
    best, found = float("inf"), -1
    for place, tile in enumerate(tiles):
        square = 0.0
        for one, other in zip(cell, tile, strict=True):
            square += (one - other) * (one - other)
        if square < best:
            best, found = square, place
    return found


def _numpy_loop(field: Field, some: slice) -> np.ndarray:
    return np.array([((field.tiles - cell) ** 2).sum(axis=1).argmin() for cell in field.cells[some]])


def by_gemm(field: Field, some: slice) -> np.ndarray:
    """Return the nearest tiles by a product of matrices, 512 cells at a time: exact, as all numbers are whole."""
    norms = (field.tiles**2).sum(axis=1) / 2  # halves of whole numbers below 2^24: exact, too
    cells = field.cells[some]
    parts = np.array_split(cells, -(-len(cells) // 512))
    return np.concatenate([(norms - part @ field.tiles.T).argmin(axis=1) for part in parts])


def _kd_tree(field: Field, some: slice) -> np.ndarray:
    from scipy.spatial import cKDTree

    return cKDTree(field.tiles).query(field.cells[some], workers=2)[1]


def _flat(field: Field, some: slice) -> np.ndarray:
    import faiss

    index = faiss.IndexFlatL2(field.tiles.shape[1])
    index.add(field.tiles)
    return index.search(field.cells[some], 1)[1][:, 0]


def _inverted(field: Field, some: slice) -> np.ndarray:
    import faiss

    length = field.tiles.shape[1]
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(length), length, 256)
    index.train(field.tiles)
    index.add(field.tiles)
    index.nprobe = 8
    return index.search(field.cells[some], 1)[1][:, 0]


def _phomo_ready(side: int) -> Callable[[Field], Any]:
    def ready(field: Field) -> Any:
        return field, field.reduced(side), side

    return ready


def _phomo(held: Any, some: slice) -> np.ndarray:
    """Its matrix of distances, the nearest of each row; it would go on to use each tile once."""
    from phomo import Master, Mosaic, Pool

    field, tiles, side = held
    strip = np.concatenate(list(field.shown(some, side)), axis=1)
    mosaic = Mosaic(Master(strip), Pool(tiles))
    return mosaic.d_matrix().argmin(axis=1)


def _photomosaic_ready(field: Field) -> Any:
    """What its `make_pool` keeps, of 64 pixels a tile instead of 1,000."""
    import photomosaic

    small = field.reduced(8).reshape(-1, 3) / 255
    colours = photomosaic.perceptual(small).reshape(len(field.pixels), -1, 3).mean(axis=1)
    shown = field.shown(slice(None), 8)
    asked = photomosaic.perceptual(shown.reshape(-1, 3) / 255).reshape(len(shown), -1, 3).mean(axis=1)
    return {(str(place),): colour for place, colour in enumerate(colours)}, asked


def _photomosaic(held: Any, some: slice) -> np.ndarray:
    import photomosaic

    pool, asked = held
    match = photomosaic.simple_matcher(pool)
    return np.array([int(match(colour)[0]) for colour in asked[some]])


def _mosaicraft_ready(field: Field) -> Any:
    """Its 191 numbers of 5,000 tiles, ten times over, as they take long, and of the cells that it is asked for."""
    asked = middle(field, _BAND)
    some = described(field.pixels[:_DESCRIBED])
    tiles = some[np.arange(len(field.pixels)) % len(some)]
    return field, tiles, described(field.shown(asked, features.SIDE)), asked


def described(pictures: np.ndarray) -> np.ndarray:
    """Return mosaicraft's features of pictures (n, side, side, 3)."""
    import cv2
    from mosaicraft.features import extract_features

    labs = (cv2.cvtColor(one, cv2.COLOR_RGB2LAB).astype(np.float32) for one in pictures)
    return np.array([extract_features(lab, pictures.shape[1]) for lab in labs], np.float32)


def _mosaicraft(strength: float) -> Search:
    def found(held: Any, some: slice) -> np.ndarray:
        from mosaicraft.placement import place_faiss_diffusion

        field, tiles, asked, where = held
        cells = asked[some.start - where.start : some.stop - where.start]
        columns = min(len(cells), field.columns)
        rows = len(cells) // columns
        return place_faiss_diffusion(cells, tiles, columns, rows, 0, strength).ravel() % _DESCRIBED

    return found


def middle(field: Field, count: int) -> slice:
    """Return cells from the beginning of the middle row; whole rows where there are so many."""
    whole = max(count // field.columns * field.columns, min(count, field.columns))
    start = min(len(field.cells) // field.columns // 2 * field.columns, len(field.cells) - whole)
    return slice(start, start + whole) if count < len(field.cells) else slice(0, len(field.cells))


METHODS: Mapping[str, Method] = {
    "tessera": Method("ours", _ALL, _ours),
    "tessera, mean_rgb": Method("ours", _ALL, _ours, _means),
    "Python loop": Method("loop", 1, _python_loop),
    "numpy loop": Method("loop", 100, _numpy_loop),
    "photomosaic": Method("tool", _ALL, _photomosaic, _photomosaic_ready, "photomosaic"),
    "mosaicraft, fast": Method("tool", _BAND, _mosaicraft(0.85), _mosaicraft_ready, "mosaicraft"),
    "mosaicraft, undiffused": Method("tool", _BAND, _mosaicraft(0.0), _mosaicraft_ready, "mosaicraft"),
    "phomo, 3 x 3 px": Method("tool", 30, _phomo, _phomo_ready(3), "phomo"),
    "phomo, 8 x 8 px": Method("tool", 4, _phomo, _phomo_ready(8), "phomo"),
    "BLAS": Method("library", _ALL, by_gemm),
    "scipy cKDTree": Method("library", _ALL, _kd_tree, needs="scipy"),
    "faiss Flat": Method("library", _ALL, _flat, needs="faiss"),
    "faiss IVF256, 8 probes": Method("library", _ALL, _inverted, needs="faiss"),
}


def installed() -> list[str]:
    """Return the methods that can run; say which cannot."""
    missing = [name for name, method in METHODS.items() if find_spec(method.needs) is None]
    if missing:
        print(f"not installed, so left out: {', '.join(missing)}")
    return [name for name in METHODS if name not in missing]


def run(name: str, file: str, rounds: int) -> tuple[np.ndarray, slice, list[Cost]]:
    """Return what a method finds, for which cells, and what each round took; to be called in a process of its own."""
    with np.load(Path(file)) as held:
        field = Field(**{key: held[key] for key in Field._fields[:-1]}, columns=int(held["columns"]))
    method = METHODS[name]
    with contextlib.redirect_stderr(io.StringIO()):  # their progress bars
        ready = method.ready(field)
        some = middle(field, min(method.cells, len(field.cells)))
        method.search(ready, slice(some.start, some.start + min(_FEW, some.stop - some.start)))
        made = [spent(lambda: method.search(ready, some)) for _ in range(rounds)]
    return made[-1][0], some, [cost for _, cost in made]
