"""A whole mosaic, from tiles as pixels to a picture: each stage of ours, and what tools take for a tile and a cell."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from _mosaic_apart import Cost, alone, spent
from _mosaic_material import across, features, grown, photos, sketch, stored, tiles

from pipelines import imaging
from pipelines.mosaic import layout, rendering
from pipelines.mosaic.features import SIDE

CELLS, TILES, FEW = 30_000, 50_000, 1_000


def whole() -> None:
    """Print what 30,000 cells of 50,000 tiles take; of tools at least, as their search among so few tiles is cheap."""
    for stage, cost in alone(stages).items():
        print(f"  {stage:34}{cost.cpu:10.2f} CPU-s{cost.wall:10.2f} s{cost.mib:7.0f} MiB")
    for name, work in TOOLS.items():
        if find_spec(name) is None:
            print(f"  {name} is not installed")
            continue
        try:
            tile, cell = alone(_quietly, work)
        except Exception as refusal:  # a peer's own affair
            print(f"  {name:34} failed: {type(refusal).__name__}: {refusal}")
            continue
        total = tile * TILES + cell * CELLS
        print(f"  {name:34}{total:10.0f} CPU-s: {tile * 1e6:,.0f} µs a tile, {cell * 1e6:,.0f} µs a cell")
    print()


def stages() -> dict[str, Cost]:
    """Return what each stage of ours takes."""
    name = "1567" if "1567" in photos() else "astronaut"
    pixels, shown = grown(tiles(), TILES), sketch(name, across(name, CELLS))
    layout.lay_out(sketch(name, 20).grid("cells_3x3"), features(stored(pixels[:500]), "cells_3x3"), layout.Limits())
    costs: dict[str, Cost] = {}
    held, costs["what tiles are compared by"] = spent(lambda: stored(pixels))
    own = features(held, "cells_3x3")
    grid, costs["what cells are compared by"] = spent(lambda: shown.grid("cells_3x3"))
    found, costs["layout, ranks too"] = spent(lambda: layout.lay_out(grid, own, layout.Limits()))
    cells = found.places.reshape(shown.rows, shown.columns)
    size = (shown.columns * SIDE, shown.rows * SIDE)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "mosaic.jpg")
        _, costs[f"picture of {size[0]:,} x {size[1]:,}, JPEG"] = spent(
            lambda: rendering.render(cells, pixels, size, target)
        )
        _, costs["of it putting tiles together"] = spent(
            lambda: [len(strip) for strip in rendering.strips(cells, pixels, size)]
        )
    return costs


def _written(folder: str) -> np.ndarray:
    """Write some tiles as PNG; return a photo that shows as many cells at 32 x 32."""
    for place, tile in enumerate(grown(tiles(), FEW)[:FEW]):
        Path(folder, f"{place:05d}.png").write_bytes(imaging.encode_png(tile))
    name = "1567" if "1567" in photos() else "astronaut"
    shown = sketch(name, across(name, FEW))
    return imaging.resized(shown.source, shown.columns * SIDE, shown.rows * SIDE)


def _timed(read: Callable[[], object], make: Callable[[], object], cells: int) -> tuple[float, float]:
    return spent(read)[1].cpu / FEW, spent(make)[1].cpu / cells


def _quietly(work: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    with contextlib.redirect_stderr(io.StringIO()):  # their progress bars
        return work()


def _mosaicraft() -> tuple[float, float]:
    from mosaicraft import MosaicGenerator

    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        source = _written(folder)
        path = Path(other, "source.png")
        path.write_bytes(imaging.encode_png(source))
        maker = MosaicGenerator(folder, preset="fast", augment=False)
        maker.generate(path, target_tiles=30, tile_size=SIDE)  # reads the tiles, and keeps them
        fresh = MosaicGenerator(folder, preset="fast", augment=False)
        return _timed(
            lambda: fresh.generate(path, target_tiles=1, tile_size=SIDE),
            lambda: maker.generate(path, Path(other, "made.jpg"), target_tiles=FEW, tile_size=SIDE),
            FEW,
        )


def _photomosaic() -> tuple[float, float]:
    import photomosaic

    with tempfile.TemporaryDirectory() as folder:
        source = _written(folder)
        grid = source.shape[0] // SIDE, source.shape[1] // SIDE
        pool = photomosaic.make_pool(f"{folder}/*.png")
        return _timed(
            lambda: photomosaic.make_pool(f"{folder}/*.png"),
            lambda: _matched(source / 255, pool, grid),
            grid[0] * grid[1],
        )


def _matched(image: np.ndarray, pool: dict[tuple[str], np.ndarray], grid: tuple[int, int]) -> list[tuple[str]]:
    """What photomosaic's `basic_mosaic` does up to drawing, which fails with numpy 2."""
    import photomosaic

    np.product = np.prod  # noqa: NPY003, NPY201  # a name that numpy 2 has dropped
    adapted = photomosaic.adapt_to_pool(photomosaic.perceptual(image), pool)
    parts = photomosaic.partition(adapted, grid_dims=grid, depth=0)
    match = photomosaic.simple_matcher(pool)
    return [match(adapted[part].reshape(-1, 3).mean(axis=0)) for part in parts]


def _phomo() -> tuple[float, float]:
    from phomo import Master, Mosaic, Pool

    with tempfile.TemporaryDirectory() as folder:
        source = _written(folder)[:SIDE]
        mosaic = Mosaic(Master(source), Pool.from_dir(folder))
        tile, cell = _timed(lambda: Pool.from_dir(folder), mosaic.d_matrix, source.shape[1] // SIDE)
        return tile, cell * TILES / FEW  # it has no other search; what it takes grows with the tiles


TOOLS = {"mosaicraft": _mosaicraft, "photomosaic": _photomosaic, "phomo": _phomo}
