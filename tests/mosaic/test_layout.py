"""Limits are kept, bounds are bounds, the best is the best, and the same comes out every time."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, linear_sum_assignment, milp

from pipelines.lake.errors import Rejected
from pipelines.mosaic import layout, quota, search
from pipelines.mosaic.features import SCALE, Features
from pipelines.mosaic.layout import Grid, Layout, Limits

LENGTH = 12
UNIT = SCALE * 2  # of a distance in cells_2x2
ROUNDING = 1e-6


def drawn(count: int, spread: int, seed: int, different: int | None = None) -> Features:
    """Return features of colours: `different` of them, or all, up to `spread` apart in lightness."""
    draw = np.random.default_rng(seed)
    values = draw.integers(0, spread + 1, (different or count, LENGTH))
    values[:, LENGTH // 3 :] -= spread // 2
    return values[draw.integers(0, len(values), count) if different else np.arange(count)].astype(np.float32)


def grid(features: Features, columns: int) -> Grid:
    return Grid(features, columns, len(features) // columns, "cells_2x2")


def apart(cells: Features, tiles: Features) -> npt.NDArray[np.float64]:
    """Return all distances (cells, tiles), in the units of features."""
    return np.sqrt(((cells[:, None].astype(np.float64) - tiles[None]) ** 2).sum(axis=2))


def check(found: Layout, drawing: Grid, tiles: Features, limits: Limits) -> None:
    """Assert that a layout keeps its limits and says what it is."""
    places = found.places
    assert ((places >= 0) & (places < len(tiles))).all()
    assert np.bincount(places).max() <= (limits.uses or len(places))
    assert not too_near(places.reshape(drawing.rows, drawing.columns), limits.reach)
    costs = apart(drawing.features, tiles)
    at = costs[np.arange(len(places)), places]
    assert np.allclose(found.distances, at / UNIT)
    nearer = (costs < at[:, None]) | ((costs == at[:, None]) & (np.arange(len(tiles)) < places[:, None]))
    assert np.array_equal(found.ranks, nearer.sum(axis=1) + 1)
    assert found.bound <= found.distance * (1 + ROUNDING)


def too_near(places: npt.NDArray[np.int32], reach: int) -> list[tuple[int, int]]:
    """Return where a tile stands within reach of itself."""
    rows, columns = places.shape
    steps = [(y, x) for y, x in product(range(reach + 1), range(-reach, reach + 1)) if (y, x) > (0, 0)]
    return [
        (y, x)
        for (y, x), (down, right) in product(np.ndindex(rows, columns), steps)
        if y + down < rows and 0 <= x + right < columns and places[y, x] == places[y + down, x + right]
    ]


def optimum(cells: Features, tiles: Features, uses: int) -> float:
    """Return the least mean distance under a quota."""
    costs = np.repeat(apart(cells, tiles), uses, axis=1)
    return float(costs[linear_sum_assignment(costs)].mean() / UNIT)


@st.composite
def problems(draw: st.DrawFn, most_cells: int = 60) -> tuple[Grid, Features, Limits]:
    """Cells, tiles and limits that leave room; colours crowd, or are all the same."""
    columns = draw(st.integers(1, 9))
    rows = draw(st.integers(1, most_cells // columns))
    reach = draw(st.sampled_from([0, 0, 1, 2, 5]))
    needed = min(2 * reach + 1, columns) * min(2 * reach + 1, rows)  # as many as stand around any cell
    count = draw(st.integers(needed, needed + 40))
    least = -(-columns * rows // count) + (4 if reach else 0)
    uses = draw(st.none() | st.integers(least, least + 3))
    spread, seed = draw(st.sampled_from([0, 2, 100, 600])), draw(st.integers(0, 2**32))
    different = draw(st.none() | st.integers(1, 5))
    cells = drawn(columns * rows, spread, seed, different)
    tiles = drawn(count, spread, seed + 1, draw(st.none() | st.integers(1, 5)))
    return grid(cells, columns), tiles, Limits(uses, reach)


def laid_out(drawing: Grid, tiles: Features, limits: Limits, *more: object) -> Layout | None:
    """Return a layout; None where tiles were too few to keep them apart, which nobody can promise beforehand."""
    try:
        return layout.lay_out(drawing, tiles, limits, *more)  # type: ignore[arg-type]
    except Rejected:
        if not (limits.reach and limits.uses):
            raise
        return None


@settings(max_examples=80)
@given(problems())
def test_limits_are_kept_and_bounds_below(problem: tuple[Grid, Features, Limits]) -> None:
    found = laid_out(*problem)
    if found:
        check(found, *problem)


@settings(max_examples=40)
@given(problems())
def test_without_reach_it_is_the_best_there_is(problem: tuple[Grid, Features, Limits]) -> None:
    drawing, tiles, limits = problem
    found = layout.lay_out(drawing, tiles, Limits(limits.uses))
    best = optimum(drawing.features, tiles, limits.uses or len(drawing.features))
    assert found.distance == pytest.approx(best, abs=1e-9)
    assert found.bound == pytest.approx(best, abs=1e-9)
    assert found.gap < ROUNDING


def exhaustive(drawing: Grid, tiles: Features, limits: Limits) -> float:
    """Return the least mean distance under any limits, by integer programming."""
    cells, count = len(drawing.features), len(tiles)
    costs = apart(drawing.features, tiles)
    once = np.kron(np.eye(cells), np.ones(count))
    quotas = np.tile(np.eye(count), cells)
    pairs = [
        (one, other)
        for one, other in product(range(cells), repeat=2)
        if one < other
        and abs(one // drawing.columns - other // drawing.columns) <= limits.reach
        and abs(one % drawing.columns - other % drawing.columns) <= limits.reach
    ]
    clashes = np.zeros((len(pairs) * count, cells * count))
    for row, ((one, other), tile) in enumerate(product(pairs, range(count))):
        clashes[row, [one * count + tile, other * count + tile]] = 1
    rules = [LinearConstraint(once, 1, 1), LinearConstraint(quotas, 0, limits.uses or cells)]
    if pairs and limits.reach:
        rules.append(LinearConstraint(clashes, 0, 1))
    done = milp(costs.ravel(), constraints=rules, integrality=1, bounds=Bounds(0, 1))
    return float(done.fun / cells / UNIT)


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(1, 2), st.none() | st.integers(2, 4), st.sampled_from([2, 300]))
def test_a_bound_is_below_the_optimum_with_reach_too(seed: int, reach: int, uses: int | None, spread: int) -> None:
    drawing = grid(drawn(12, spread, seed, 3), 4)
    tiles, limits = drawn(13, spread, seed + 1, 9), Limits(uses, reach)
    found, best = layout.lay_out(drawing, tiles, limits), exhaustive(drawing, tiles, limits)
    assert found.bound <= best * (1 + ROUNDING)
    assert found.distance >= best * (1 - ROUNDING)


def near_white(count: int, seed: int) -> Features:
    """Return features of white and next to white: their squares, added, go beyond what float32 counts one by one."""
    values = np.zeros((count, 27), np.float32)
    values[:, :9] = SCALE - (np.random.default_rng(seed).random((count, 9)) < 0.1)
    return values


def test_a_bound_is_one_where_all_is_white() -> None:
    drawing = Grid(near_white(100, 1), 10, 10, "cells_3x3")
    tiles = near_white(30, 2)
    found = layout.lay_out(drawing, tiles, Limits(reach=1))
    near, squares = search.nearest(drawing.features, search.index_of(tiles), 4)
    assert near.min() >= 0
    assert found.distance * SCALE * 3 >= np.sqrt(squares[:, 0]).mean()
    assert found.bound <= found.distance * (1 + ROUNDING)
    assert found.bound <= exact_squares(drawing.features, tiles) * (1 + ROUNDING)


def exact_squares(cells: Features, tiles: Features) -> float:
    """Return the mean distance where each square of 2 x 2 cells, by itself, has what is best for it."""
    at, costs = np.arange(100).reshape(10, 10), apart(cells, tiles)
    squares = [at[y : y + 2, x : x + 2].ravel() for y, x in product(range(0, 10, 2), repeat=2)]
    least = sum(costs[some][linear_sum_assignment(costs[some])].sum() for some in squares)
    return float(least / 100 / (SCALE * 3))


class TestTheAuction:
    """What is too large for the best that can be found."""

    @pytest.fixture(autouse=True)
    def _large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(layout, "_EXACT", 0)

    @settings(max_examples=60)
    @given(problems())
    def test_limits_are_kept_and_bounds_below(self, problem: tuple[Grid, Features, Limits]) -> None:
        found = laid_out(*problem)
        if found:
            check(found, *problem)

    @settings(max_examples=40)
    @given(problems(most_cells=120))
    def test_it_is_near_the_best(self, problem: tuple[Grid, Features, Limits]) -> None:
        drawing, tiles, limits = problem
        found = layout.lay_out(drawing, tiles, Limits(limits.uses))
        best = optimum(drawing.features, tiles, limits.uses or len(drawing.features))
        assert found.bound <= best * (1 + ROUNDING) + ROUNDING
        assert best <= found.distance * (1 + ROUNDING)
        assert found.distance <= best * 1.05 + 1 / UNIT

    @pytest.mark.parametrize("uses", [1, 3])
    @pytest.mark.parametrize(
        ("cells", "tiles"),
        [
            pytest.param(lambda: drawn(600, 300, 1, 4), lambda n: drawn(n, 300, 2), id="four kinds of cells"),
            pytest.param(lambda: drawn(600, 300, 1, 1), lambda n: drawn(n, 300, 2), id="cells all alike"),
            pytest.param(lambda: drawn(600, 300, 1), lambda n: drawn(n, 300, 2, 3), id="three kinds of tiles"),
            pytest.param(lambda: drawn(600, 300, 1, 9), lambda n: drawn(n, 300, 1, 9), id="nothing between them"),
            pytest.param(lambda: drawn(600, 0, 1), lambda n: drawn(n, 0, 1), id="all one colour"),
            pytest.param(lambda: drawn(600, 20, 1), lambda n: drawn(n, 20, 2) + 400, id="far from all tiles"),
        ],
    )
    @pytest.mark.parametrize("room", [1, 1.1, 2])
    def test_crowds(
        self, cells: Callable[[], Features], tiles: Callable[[int], Features], uses: int, room: float
    ) -> None:
        wanted, there = cells(), tiles(-(-int(600 * room) // uses))
        drawing, limits = grid(wanted, 30), Limits(uses)
        found = layout.lay_out(drawing, there, limits)
        check(found, drawing, there, limits)
        best = optimum(wanted, there, uses)
        slack = best * 0.05 + 0.01  # where all could be had for nothing, prices are what it is measured by
        assert found.distance <= best + slack
        assert found.distance <= found.bound + slack

    def test_more_alike_tiles_than_a_list_holds_do_not_hide_nearer_ones(self) -> None:
        tiles = np.concatenate([np.full((2000, LENGTH), 40), np.full((300, LENGTH), 10)]).astype(np.float32)
        cells = np.zeros((300, LENGTH), np.float32)
        found = layout.lay_out(grid(cells, 20), tiles, Limits(1))
        assert (found.places >= 2000).all()

    def test_uses_that_nobody_needs_cost_no_memory(self) -> None:
        """So many places for each tile would fit into none."""
        cells, tiles = drawn(40, 300, 1), drawn(3000, 300, 2)
        found, bound = quota.assign(cells, search.index_of(tiles), 1 << 30)
        assert bound <= apart(cells, tiles)[np.arange(40), found].sum() <= 1.3 * apart(cells, tiles).min(axis=1).sum()

    def test_it_may_be_asked_for_any_number_of_uses(self) -> None:
        cells, tiles = drawn(400, 300, 1), drawn(50, 300, 2)
        found, _ = quota.assign(cells, search.index_of(tiles), 399)
        near, _ = search.nearest(cells, search.index_of(tiles))
        assert np.array_equal(found, near[:, 0])


@pytest.mark.parametrize(
    ("tiles", "limits", "said"),
    [
        (0, Limits(), "no tile fits the filter"),
        (7, Limits(uses=3), "7 tiles used 3 times at most fill 21 of 24 cells: 3 too few. Allow 4 uses"),
        (8, Limits(reach=2), "within 2 cells of itself needs 9 different tiles, and there are 8: 1 too few"),
        (11, Limits(uses=9, reach=5), "needs 24 different tiles, and there are 11: 13 too few"),
        (10, Limits(uses=2, reach=2), "10 tiles used 2 times at most fill 20 of 24 cells: 4 too few. Allow 3 uses"),
    ],
)
def test_what_cannot_be_says_which_limit_and_by_how_much(tiles: int, limits: Limits, said: str) -> None:
    with pytest.raises(Rejected, match=said):
        layout.lay_out(grid(drawn(24, 300, 1), 6), drawn(tiles, 300, 2), limits)


def test_what_only_the_laying_out_shows_is_said_too() -> None:
    drawing, tiles, limits = grid(drawn(36, 300, 1), 6), drawn(9, 300, 2), Limits(uses=4, reach=2)
    with pytest.raises(Rejected, match="9 tiles are too few to keep each to 4 uses and each 2 cells from itself"):
        layout.lay_out(drawing, tiles, limits)


_LAID_OUT = """
import sys, numpy as np
from pipelines.mosaic import layout
from tests.mosaic.test_layout import drawn, grid, Limits
layout._EXACT = 0
for limits in (Limits(), Limits(2), Limits(2, 2)):
    found = layout.lay_out(grid(drawn(900, 300, 1), 30), drawn(1500, 300, 2), limits)
    sys.stdout.buffer.write(found.places.tobytes())
"""


def test_processes_and_threads_do_not_matter() -> None:
    found = set()
    for threads, seed in (("1", "0"), ("2", "77")):
        environment = os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        done = subprocess.run([sys.executable, "-c", _LAID_OUT], env=environment, capture_output=True, check=True)
        found.add(hashlib.sha256(done.stdout).hexdigest())
    assert len(found) == 1


@settings(max_examples=20)
@given(problems(), st.sampled_from([0, layout._EXACT]))
def test_twice_is_the_same(problem: tuple[Grid, Features, Limits], exact: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "_EXACT", exact)
        one, other = laid_out(*problem), laid_out(*problem)
    assert (one is None) == (other is None)
    if one and other:
        assert np.array_equal(one.places, other.places)
        assert one.bound == other.bound
