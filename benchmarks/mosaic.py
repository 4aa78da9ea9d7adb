"""Mosaics beside their peers: speed, memory and likeness in one run; limits, modes and what a whole mosaic takes.

    PYTHONPATH=PEERS python benchmarks/mosaic.py [SECTION ...]       (peers, whole, limits, exact, modes; default: all)
    python benchmarks/mosaic.py pictures docs/pictures               draws the pictures of docs/mosaics.md

PEERS is a folder with mosaicraft, phomo, photomosaic, colorspacious and faiss; which are missing is said. Tiles are
CIFAR-10's and changed copies of them, photos those of the fashion set, where TESSERA_REAL_DATA names them; else tiles
are drawn and photos scikit-image's. Likeness is the mean OKLab distance over 3 x 3 parts, black to white 1. Peers that
cannot do all cells get some, and their cost is scaled; index and tiles count once.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")

import statistics
import sys
import tempfile
from pathlib import Path

import _mosaic_peers as peers
import numpy as np
from _mosaic_apart import Cost, alone, spent
from _mosaic_limits import exact, limits
from _mosaic_material import across, features, grown, photos, sketch, stored, tiles
from _mosaic_modes import modes
from _mosaic_pictures import pictures
from _mosaic_whole import whole

from pipelines.mosaic import search
from pipelines.mosaic.features import SIDE, distances

CELLS, TILES = 30_000, 50_000
ROUNDS = 3


def likeness(cells: np.ndarray, found: np.ndarray) -> float:
    """Return the mean distance of cells to the tiles found for them."""
    return float(distances(((cells - found) ** 2).sum(axis=1, dtype=np.float64), "cells_3x3").mean())


def compare() -> None:
    """Print what each method takes for all cells, from features, and how alike it is."""
    name = "1567" if "1567" in photos() else "astronaut"
    shown = sketch(name, across(name, CELLS))
    pixels = grown(tiles(), TILES)
    cells, own = shown.grid("cells_3x3").features, features(stored(pixels), "cells_3x3")
    print(f"{len(cells):,} cells of {name}, {len(np.unique(cells, axis=0)):,} of them different; {len(own):,} tiles")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "field.npz")
        large = peers.imaging.resized(shown.source, shown.columns * SIDE, shown.rows * SIDE)
        np.savez(file, cells=cells, tiles=own, pixels=pixels, source=large, columns=shown.columns)
        _table(file, cells, own)
    _limit(cells, own)


def _table(file: Path, cells: np.ndarray, own: np.ndarray) -> None:
    print(f"{'':26}{'cells':>8}{'CPU-s':>10}{'s':>10}{'MiB':>7}{'likeness':>10}{'of ours':>9}{'x ours':>26}")
    ours: list[float] = []
    best: np.ndarray | None = None
    for name in peers.installed():
        try:
            found, some, costs = alone(peers.run, name, str(file), 5 if name == "tessera" else ROUNDS)
        except Exception as refusal:  # a peer's own affair
            print(f"{name:26} failed: {type(refusal).__name__}: {refusal}")
            continue
        scale = len(cells) / (some.stop - some.start)
        spent_cpu = [cost.cpu * scale for cost in costs]
        best, ours = (found, spent_cpu) if best is None else (best, ours)
        near = likeness(cells[some], own[found])
        _line(name, some, costs, scale, near, near / likeness(cells[some], own[best[some]]), ours)


def _line(
    name: str, some: slice, costs: list[Cost], scale: float, near: float, share: float, ours: list[float]
) -> None:
    cpu, wall = (statistics.median(values) * scale for values in list(zip(*costs, strict=True))[:2])
    ratios = [cost.cpu * scale / statistics.median(ours) for cost in costs]
    spread = f"{statistics.median(ratios):.3g} ({min(ratios):.3g}-{max(ratios):.3g})"
    count = some.stop - some.start
    mib = max(cost.mib for cost in costs)
    print(f"{name:26}{count:8,}{cpu:10.2f}{wall:10.2f}{mib:7.0f}{near:10.4f}{share:9.2f}{spread:>26}", flush=True)


def _limit(cells: np.ndarray, own: np.ndarray) -> None:
    """Print what cannot be spared: reading tiles once, and looking into clusters that may hold what is nearest."""
    index = search.index_of(own)
    (_, squares), found = spent(lambda: search.nearest(cells, index))
    _, built = spent(lambda: search.index_of(own))
    _, read = spent(own.sum)
    tile_count = np.add.reduceat((index.places >= 0).sum(axis=1), index.starts[:-1])
    looked = sum(_within(part, far, index) @ tile_count for part, far in _parts(cells, np.sqrt(squares[:, 0])))
    square = np.random.default_rng(0).random((2048, 2048), np.float32)
    rate = 2 * 2048**3 / min(spent(lambda: square @ square)[1].cpu for _ in range(5))
    share = looked / len(cells) / len(own)
    least = looked * 3 * own.shape[1] / rate
    print(f"  index {built.cpu:.2f} CPU-s, search {found.cpu:.2f}; reading the tiles' features once {read.cpu:.4f}")
    print(f"  {share:.1%} of all distances cannot be ruled out by clusters; at sgemm's {rate / 1e9:.0f} GFLOP/s those")
    print(f"  take {least:.3f} CPU-s, {least / found.cpu:.0%} of the search; all take {least / share:.2f}\n")


def _parts(cells: np.ndarray, far: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(cells[at : at + 1024], far[at : at + 1024]) for at in range(0, len(cells), 1024)]


def _within(cells: np.ndarray, far: np.ndarray, index: search.Index) -> np.ndarray:
    """Return for each cluster how many cells are so near that it may hold a nearer tile."""
    squares = (cells.astype(np.float64) ** 2).sum(axis=1)[:, None] + (index.centres**2).sum(axis=0)
    apart = np.sqrt(np.maximum(squares - 2 * cells @ index.centres, 0))
    return (apart - index.radii <= far[:, None]).sum(axis=0)


SECTIONS = {"peers": compare, "whole": whole, "limits": limits, "exact": exact, "modes": modes}


def main(*words: str) -> None:
    """Measure and print."""
    if words[:1] == ("pictures",):
        pictures(Path(words[1]))
        return
    for name in words or SECTIONS:
        print(f"{name}:")
        SECTIONS[name]()


if __name__ == "__main__":
    main(*sys.argv[1:])
