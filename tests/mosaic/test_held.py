"""A layout that stands: what changes when tiles come and go, and what does not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.lake.errors import Rejected
from pipelines.mosaic import apart as standing
from pipelines.mosaic import layout, search
from pipelines.mosaic.apart import Rule
from pipelines.mosaic.features import Features
from pipelines.mosaic.layout import Grid, Layout, Limits
from pipelines.mosaic.search import NOWHERE
from tests.mosaic.test_layout import LENGTH, check, drawn, grid, laid_out, problems


def test_one_tile_in_very_many_cells_is_let_go_of() -> None:
    cells, tiles = np.zeros((50_000, LENGTH), np.float32), drawn(8, 3, 1)
    tiles[0] = 900
    held = np.zeros(len(cells), np.int32)
    found = standing.place(cells, tiles, search.index_of(tiles), Rule(len(cells), 0, 400), held)
    assert (found > 0).all()


class TestHeld:
    """A layout that stands changes no more than it has to."""

    @settings(max_examples=60)
    @given(problems(), st.sampled_from([0.0, 0.1]))
    def test_the_same_tiles_change_nothing_or_come_nearer(
        self, problem: tuple[Grid, Features, Limits], margin: float
    ) -> None:
        drawing, tiles, limits = problem
        first = laid_out(*problem)
        if first is None:
            return
        again = layout.lay_out(drawing, tiles, limits, first.places, margin)
        check(again, drawing, tiles, limits)
        if limits.uses is None and not limits.reach:
            assert np.array_equal(again.places, first.places)
        self.changed_for_better(first.places, first.distances, again, margin)

    @settings(max_examples=60)
    @given(problems(), st.integers(1, 30), st.integers(0, 2**32))
    def test_new_tiles_take_only_cells_they_are_much_nearer_to(
        self, problem: tuple[Grid, Features, Limits], count: int, seed: int
    ) -> None:
        drawing, tiles, limits = problem
        first = laid_out(*problem)
        if first is None:
            return
        more = np.concatenate([tiles, drawn(count, 300, seed)])
        again = layout.lay_out(drawing, more, limits, first.places, 0.1)
        check(again, drawing, more, limits)
        self.changed_for_better(first.places, first.distances, again, 0.1)

    @settings(max_examples=60)
    @given(problems(), st.integers(0, 2**32))
    def test_what_lost_its_tile_gets_another_and_the_rest_stays(
        self, problem: tuple[Grid, Features, Limits], seed: int
    ) -> None:
        drawing, tiles, limits = problem
        first = laid_out(*problem)
        gone = np.random.default_rng(seed).random(len(tiles)) < 0.2
        left = tiles[~gone]
        if first is None or gone.all():
            return
        now = np.where(gone, NOWHERE, np.cumsum(~gone) - 1)
        held = now[first.places].astype(np.int32)
        try:
            again = layout.lay_out(drawing, left, limits, held, 0.1)
        except Rejected:
            with pytest.raises(Rejected):
                layout.lay_out(drawing, left, limits)
            return
        check(again, drawing, left, limits)
        rule = Rule(limits.uses or len(held), limits.reach, drawing.columns)
        if (standing.place(drawing.features, left, search.index_of(left), rule, held, 0.1) == NOWHERE).any():
            return  # there was no room but for a layout made anew
        kept = held != NOWHERE
        self.changed_for_better(held[kept], first.distances[kept], again, 0.1, kept)

    def test_where_it_leaves_no_room_it_is_laid_out_anew(self) -> None:
        drawing, limits, met = grid(drawn(24, 300, 1), 6), Limits(uses=5, reach=1), 0
        for seed in range(60):
            tiles = drawn(7, 300, seed)
            first, last = laid_out(drawing, tiles, limits), laid_out(drawing, tiles[:6], limits)
            if first and last:
                met += 1
                held = np.where(first.places < 6, first.places, NOWHERE).astype(np.int32)
                check(layout.lay_out(drawing, tiles[:6], limits, held, 0.1), drawing, tiles[:6], limits)
        assert met

    def changed_for_better(
        self,
        before: npt.NDArray[np.int32],
        distances: npt.NDArray[np.float64],
        now: Layout,
        margin: float,
        cells: npt.NDArray[np.bool_] | slice = slice(None),
    ) -> None:
        changed = now.places[cells] != before
        assert (now.distances[cells][changed] < distances[changed] * (1 - margin) + 1e-12).all()
