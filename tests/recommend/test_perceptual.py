"""What palettes cost to be turned into each other, and the table that is made by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from wardrobe_lake import Wardrobe, held, image, step

from pipelines.lake.store import Store
from pipelines.palette import palettes
from pipelines.palette.color import to_oklab
from pipelines.recommend import recall_checks, similar, similar_palettes
from pipelines.recommend.transport import bounds, moved

KINDS = ("Socks", "Watches")


def palette(chance: np.random.Generator, size: int) -> np.ndarray:
    """Swatches on a coarse grid, some of no share, so that many are equal."""
    shares = chance.integers(0, 4, size) * chance.random(size).round(1)
    shares[int(chance.integers(size))] += 0.5
    lab = chance.integers(0, 3, (size, 3)) / 4
    return np.concatenate([lab, (shares / shares.sum())[:, None]], axis=1)


def by_a_linear_program(one: np.ndarray, other: np.ndarray) -> float:
    size = len(one)
    cost = np.linalg.norm(one[:, None, :3] - other[None, :, :3], axis=2)
    sums = np.zeros((2 * size, size, size))
    for i in range(size):
        sums[i, i, :] = sums[size + i, :, i] = 1
    asked = np.concatenate([one[:, 3], other[:, 3]])
    found = linprog(cost.ravel(), A_eq=sums.reshape(2 * size, -1)[:-1], b_eq=asked[:-1], method="highs")
    return float(found.fun)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 7))
def test_what_is_moved_is_the_least_that_will_do(seed: int, size: int) -> None:
    chance = np.random.default_rng(seed)
    one, other = palette(chance, size), palette(chance, size)
    distance = moved(one, other)
    assert distance == pytest.approx(by_a_linear_program(one, other), abs=1e-8)
    assert distance == pytest.approx(moved(other, one), abs=2e-9)
    assert moved(one, one[::-1]) == 0
    planes = np.ascontiguousarray(other[:, :, None], np.float32)
    least = np.zeros(1, np.float32)
    bounds(one.astype(np.float32), planes, 0, 1, least)
    assert least[0] <= distance + 2e-6


def test_white_to_black_is_one() -> None:
    white, black = ([[*to_oklab(level, level, level), 1.0]] for level in (255.0, 0.0))
    assert moved(np.array(white), np.array(black)) == pytest.approx(1, abs=1e-6)


@pytest.fixture
def wardrobe(tmp_path: Path) -> Wardrobe:
    wardrobe, chance = Wardrobe(Store(str(tmp_path / "lake"))), np.random.default_rng(3)
    with wardrobe.at_once():
        wardrobe.paint({image(i): [tuple(c) for c in chance.integers(0, 256, (5, 3)).tolist()] for i in range(50)})
        for i in range(50):
            wardrobe.sell(i, image(i), KINDS[i % 2], "Men")
    return wardrobe


def lab(rows: list[dict[str, Any]]) -> np.ndarray:
    return np.array([[*to_oklab(row["red"], row["green"], row["blue"]), row["share"]] for row in rows])


def test_rows_are_those_of_a_search_without_bounds(wardrobe: Wardrobe) -> None:
    assert step(wardrobe.store, similar_palettes.TABLE).new == 50
    swatches: dict[str, list[dict[str, Any]]] = {}
    for row in held(wardrobe.store, palettes.TABLE):
        swatches.setdefault(row["image_id"], []).append(row)
    kind = {image(i): i % 2 for i in range(50)}
    found: dict[str, list[tuple[float, str]]] = {}
    for row in held(wardrobe.store, similar_palettes.TABLE):
        found.setdefault(row["source_id"], []).append((row["distance"], row["rec_id"]))
    for one, mine in found.items():
        others = [other for other in kind if other != one and kind[other] == kind[one]]
        every = sorted((by_a_linear_program(lab(swatches[one]), lab(swatches[other])), other) for other in others)
        assert [other for _, other in mine] == [other for _, other in every[:10]]
        assert [distance for distance, _ in mine] == pytest.approx([distance for distance, _ in every[:10]], abs=1e-6)


def test_a_later_night_gives_the_same_rows(wardrobe: Wardrobe, tmp_path: Path) -> None:
    step(wardrobe.store, similar_palettes.TABLE)
    wardrobe.drop(image(4))
    wardrobe.paint({image(60): [(200, 20, 30)] * 5})
    wardrobe.sell(60, image(60), KINDS[0], "Men")
    assert 0 < step(wardrobe.store, similar_palettes.TABLE).new < 40
    mine = held(wardrobe.store, similar_palettes.TABLE)
    wardrobe.store.objects.delete("_bookmarks/similar_palettes.npz")
    step(wardrobe.store, similar_palettes.TABLE)
    assert held(wardrobe.store, similar_palettes.TABLE) == mine


def test_recall_is_checked_of_what_is_up_to_date(wardrobe: Wardrobe) -> None:
    assert step(wardrobe.store, recall_checks.TABLE).rows_in == 0
    for table in (similar.TABLE, similar_palettes.TABLE):
        step(wardrobe.store, table)
    assert step(wardrobe.store, recall_checks.TABLE).new == 2
    rows = {row["table_name"]: row for row in held(wardrobe.store, recall_checks.TABLE)}
    assert {(name, row["source_count"], row["recall"]) for name, row in rows.items()} == {
        ("similar", 50, 1.0),
        ("similar_palettes", 50, 1.0),
    }
    wardrobe.drop(image(1))
    assert step(wardrobe.store, recall_checks.TABLE).rows_in == 0  # nothing is made of what is there now
