"""The thirteen colours that go with a colour."""

from __future__ import annotations

import numpy as np
import pytest
from by_definition import RELATIONS as DEFINED
from by_definition import matching
from hypothesis import given
from hypothesis import strategies as st

from pipelines.recommend.harmony import RELATIONS, hsv_of, matching_colours, matching_hsv

HUES = [(200, 50, 125), (200, 125, 50), (200, 50, 163), (200, 163, 50), (50, 200, 200)]
S_CLAMP = [(200, 0, 0), (200, 10, 10), (200, 90, 90), (200, 130, 130)]
V_CLAMP = [(255, 64, 64), (251, 63, 63), (149, 37, 37), (98, 25, 25)]
RGB_13 = [
    *((64, 128, 96), (64, 96, 128), (64, 128, 80), (64, 80, 128), (128, 64, 64)),
    *((13, 128, 128), (38, 128, 128), (89, 128, 128), (115, 128, 128)),
    *((115, 230, 230), (89, 179, 179), (38, 77, 77), (13, 26, 26)),
]


def tuples(colours: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(colour) for colour in colours.tolist()]


def test_the_colours_that_go_with_a_red() -> None:
    np.testing.assert_allclose(hsv_of(np.array([[200.0, 50, 50]])), [[0, 75, 78.431]], atol=5e-4)
    assert tuples(matching_colours([200, 50, 50])[0]) == [*HUES, *S_CLAMP, *V_CLAMP]


def test_the_colours_that_go_with_a_teal_given_in_hsv() -> None:
    assert tuples(matching_hsv(np.array([[180.0, 50, 50]]))[0]) == RGB_13


@pytest.mark.parametrize("part", [1, 2])
@pytest.mark.parametrize("change", [20, 40])
def test_strength_and_light_stop_at_their_end(part: int, change: int) -> None:
    """They do not wrap around: full light stays full light."""
    full = np.array([[0.0, 50, 50]])
    full[0, part] = 100
    relation = RELATIONS.index(f"{('hue', 'saturation', 'value')[part]}+{change}")
    assert tuples(matching_hsv(full)[0])[relation] == ((128, 0, 0), (255, 128, 128))[part - 1]


def test_relations_are_called_as_agreed() -> None:
    assert RELATIONS == DEFINED


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_any_colour(colour: tuple[int, int, int]) -> None:
    assert tuples(matching_colours(colour)[0]) == matching(colour)
