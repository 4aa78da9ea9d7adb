"""Limits: how near the bound layouts of 30,000 cells are, and what they take; 2,500 cells, each tile once."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from _mosaic_apart import Cost, alone, spent
from _mosaic_material import FREE, across, features, grown, photos, sketch, stored, tiles

from pipelines.mosaic import layout
from pipelines.mosaic.layout import Layout, Limits

CELLS, SOME, TILES = 30_000, 2_500, 50_000
# White ground on five sixths; on half; no white, but cloth and skin all over.
PHOTOS = ("10083", "2311", "1567")
ASKED = {"3 uses": Limits(3), "5 apart": Limits(None, 5), "3 uses, 5 apart": Limits(3, 5)}


def limits() -> None:
    """Print the gap to the bound under several limits, on photos that are easy and hard."""
    _measure(_known(PHOTOS), CELLS, ASKED)


def exact() -> None:
    """Print what it takes to lay 2,500 cells out to the optimum, each tile once."""
    _measure(_known(PHOTOS[1:]), SOME, {"one to one": Limits(1)})


def _known(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name in photos()] or list(FREE)


def _measure(names: list[str], cells: int, asked: dict[str, Limits]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "tiles.npy")
        np.save(file, features(stored(grown(tiles(), TILES)), "cells_3x3"))
        print(f"{'':12}{'limit':18}{'cells':>8}{'s':>8}{'CPU-s':>8}{'MiB':>7}{'distance':>10}{'bound':>10}{'gap':>8}")
        for name in names:
            for words, each in asked.items():
                _line(name, words, *alone(lay_out, name, cells, each, str(file)))
    print()


def lay_out(name: str, cells: int, asked: Limits, file: str) -> tuple[int, Layout, Cost]:
    """Lay a photo out, in a process of its own."""
    held = np.load(file)
    grid = sketch(name, across(name, cells)).grid("cells_3x3")
    few = sketch(name, 60).grid("cells_3x3")
    layout.lay_out(few, held[:4_000], Limits(None if asked.uses == 1 else asked.uses, asked.reach))  # compiles
    found, cost = spent(lambda: layout.lay_out(grid, held, asked))
    return len(grid.features), found, cost


def _line(name: str, words: str, cells: int, found: Layout, cost: Cost) -> None:
    took = f"{cost.wall:8.1f}{cost.cpu:8.1f}{cost.mib:7.0f}"
    near = f"{found.distance:10.4f}{found.bound:10.4f}{found.gap:8.2%}"
    print(f"{name:12}{words:18}{cells:8,}{took}{near}", flush=True)
