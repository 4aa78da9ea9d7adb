"""Background: an even ground weighs nothing, and no more than that; compared with a plain form of the same rule."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from painted import BLUE, RED, WHITE, bands, flat, piece

from pipelines.palette.background import without_background
from pipelines.palette.color import to_oklab
from pipelines.palette.palettes import center_weights

Pixels = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]


def even(pixels: Pixels) -> Field:
    return np.ones(pixels.shape[:2], np.float32)


def plainly(pixels: Pixels, weights: Field) -> Field:
    """The rule, word for word."""
    height, width = weights.shape
    ring = [(y, x) for y in range(height) for x in range(width) if y in {0, height - 1} or x in {0, width - 1}]
    seen = [pixels[place] for place in ring if weights[place] > 0]
    if not seen:
        return weights
    median = np.sort(seen, axis=0)[(len(seen) - 1) // 2]
    ground = np.array(to_oklab(*map(float, median)))
    lab = np.array([[to_oklab(*map(float, pixel)) for pixel in row] for row in pixels])
    is_alike = np.linalg.norm(lab - ground, axis=2) <= 0.03
    if sum(is_alike[place] and weights[place] > 0 for place in ring) < 0.6 * len(ring):
        return weights
    kept, waiting = weights.copy(), deque(place for place in ring if is_alike[place])
    while waiting:
        y, x = waiting.popleft()
        if 0 <= y < height and 0 <= x < width and is_alike[y, x]:
            is_alike[y, x], kept[y, x] = False, 0
            waiting.extend([(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)])
    left = (kept > 0).sum()
    return kept if left and left >= 0.1 * (weights > 0).sum() else weights


@st.composite
def grounds(draw: st.DrawFn) -> tuple[Pixels, Field]:
    """Pictures of patches whose colours are near each other or far apart, some with holes."""
    height, width = draw(st.integers(1, 30)), draw(st.integers(1, 30))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    first = random.integers(0, 256, 3)
    others = first + random.integers(-60, 61, (4, 3)) * random.integers(0, 2, (4, 3))
    chances = draw(st.sampled_from([(0.8, 0.05, 0.05, 0.05, 0.05), (0.5, 0.3, 0.1, 0.05, 0.05)]))
    which = random.choice(5, (height, width), p=chances)
    pixels = np.clip(np.vstack([first, others])[which], 0, 255).astype(np.uint8)
    holes = random.random((height, width)) < draw(st.sampled_from([0.0, 0.1, 0.9]))
    return pixels, np.where(holes, 0, 1).astype(np.float32)


@settings(max_examples=150)
@given(grounds())
def test_it_is_the_rule_word_for_word(picture: tuple[Pixels, Field]) -> None:
    assert (without_background(*picture) == plainly(*picture)).all()


def test_no_colour_alike_is_beyond_the_reach_of_the_quick_look() -> None:
    """Pairs of colours that differ a lot in one channel or two, on grounds of every kind."""
    random = np.random.default_rng(7)
    for _ in range(40):
        ground = random.integers(0, 256, 3)
        pixels = np.tile(ground, (3, 400, 1))
        change = random.integers(-110, 111, (400, 3)) * random.integers(0, 2, (400, 3))
        pixels[1] = np.clip(ground + change, 0, 255)
        pixels = pixels.astype(np.uint8)
        assert (without_background(pixels, even(pixels)) == plainly(pixels, even(pixels))).all()


@pytest.mark.parametrize("ground", [WHITE, (240, 238, 230), (30, 30, 32), (90, 140, 200)])
def test_an_even_ground_weighs_nothing(ground: tuple[int, int, int]) -> None:
    pixels = piece(1, (200, 40, 50), ground)
    kept = without_background(pixels, even(pixels))
    assert kept[0, 0] == 0
    assert kept[40, 30] == 1
    assert 0.35 < kept.mean() < 0.45


def test_what_has_its_colour_but_no_way_to_the_border_stays() -> None:
    pixels = flat(WHITE)
    pixels[20:60, 15:45] = RED
    pixels[30:40, 25:35] = WHITE
    kept = without_background(pixels, even(pixels))
    assert (kept[30:40, 25:35] == 1).all()
    pixels[34:36, :26] = WHITE  # a way
    assert (without_background(pixels, even(pixels))[30:40, 25:35] == 0).all()


def test_a_ring_of_two_colours_is_no_ground() -> None:
    pixels = bands(RED, BLUE)
    assert (without_background(pixels, even(pixels)) == 1).all()


def test_a_picture_that_would_keep_hardly_anything_keeps_everything() -> None:
    pixels = flat(WHITE, 100, 100)
    pixels[45:75, 40:73] = RED  # 990 of 10,000
    assert (without_background(pixels, even(pixels)) == 1).all()
    pixels[45:75, 40:74] = RED  # 1,020
    assert without_background(pixels, even(pixels)).sum() == 1020


def test_of_transparent_pixels_none_is_counted() -> None:
    pixels, weights = flat(WHITE, 100, 100), np.ones((100, 100), np.float32)
    pixels[45:75, 40:50] = RED  # 300: a tenth of what is visible, not of all
    weights[5:95, 5:95] = 0
    weights[45:75, 40:50] = 1
    assert without_background(pixels, weights).sum() == 300


def test_a_cut_out_has_no_background() -> None:
    pixels, weights = flat(RED), np.zeros((80, 60), np.float32)
    weights[10:70, 10:50] = 1
    assert (without_background(pixels, weights) == weights).all()


def test_weights_given_are_left_as_they_are() -> None:
    pixels, weights = piece(2, (20, 60, 30)), center_weights(80, 60, 0.1)
    before = weights.copy()
    kept = without_background(pixels, weights)
    assert (weights == before).all()
    assert (kept[kept > 0] == weights[kept > 0]).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 2), (3, 400)])
def test_pictures_of_any_shape(shape: tuple[int, int]) -> None:
    for pixels in (flat(WHITE, *shape), np.random.default_rng(3).integers(0, 256, (*shape, 3), dtype=np.uint8)):
        assert (without_background(pixels, even(pixels)) == plainly(pixels, even(pixels))).all()
