"""Resizing: sizes and layout for any picture, means when it shrinks, no distortion when it is padded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.imaging import padded, resized

Pixels = npt.NDArray[np.uint8]
SIDES = st.one_of(st.integers(1, 40), st.sampled_from([80, 224, 500, 5000]))


def noise(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(deadline=None, max_examples=80)
@given(SIDES, SIDES, st.integers(1, 300), st.integers(1, 300))
def test_any_picture_gets_the_size_asked_for(high: int, wide: int, width: int, height: int) -> None:
    for found in (resized(noise(high, wide), width, height), padded(noise(high, wide), width, height)):
        assert found.shape == (height, width, 3)
        assert found.dtype == np.uint8
        assert found.flags.c_contiguous


@settings(deadline=None, max_examples=50)
@given(SIDES, SIDES, st.tuples(*[st.integers(0, 255)] * 3))
def test_a_flat_picture_keeps_its_colour(high: int, wide: int, colour: tuple[int, int, int]) -> None:
    assert (resized(np.full((high, wide, 3), colour, np.uint8), 60, 80) == colour).all()


def test_what_shrinks_is_the_mean_of_what_falls_together() -> None:
    pixels = noise(80, 60)
    means = pixels.reshape(20, 4, 15, 4, 3).mean(axis=(1, 3))
    assert np.abs(resized(pixels, 15, 20) - means).max() <= 0.5


def test_what_grows_is_interpolated() -> None:
    pixels = np.array([[[0, 100, 200], [40, 100, 0]]], np.uint8)
    assert resized(pixels, 4, 1)[0].tolist() == [[0, 100, 200], [10, 100, 150], [30, 100, 50], [40, 100, 0]]


def test_an_axis_that_shrinks_is_averaged_though_the_other_grows() -> None:
    stripes = np.zeros((500, 10, 3), np.uint8)
    stripes[::2] = 200  # sampled here and there it would be stripes again
    assert (np.abs(resized(stripes, 100, 50).astype(int) - 100) <= 1).all()


def test_a_picture_of_the_size_asked_for_comes_back_as_it_is() -> None:
    pixels = noise(80, 60)
    assert resized(pixels, 60, 80) is pixels
    assert padded(pixels, 60, 80) is pixels
    assert (resized(pixels.transpose(1, 0, 2), 80, 60) == pixels.transpose(1, 0, 2)).all()
    assert resized(pixels.transpose(1, 0, 2), 80, 60).flags.c_contiguous


def test_padding_keeps_the_aspect_and_stands_in_the_middle_of_white() -> None:
    found = padded(np.zeros((80, 60, 3), np.uint8), 100, 120)  # 90 x 120 of it
    assert (found[:, :5] == 255).all()
    assert (found[:, 5:95] == 0).all()
    assert (found[:, 95:] == 255).all()
    assert padded(np.zeros((10, 10, 3), np.uint8), 20, 11)[:, :, 0].tolist() == [[255] * 4 + [0] * 11 + [255] * 5] * 11


@settings(deadline=None, max_examples=80)
@given(SIDES, SIDES, st.integers(1, 300), st.integers(1, 300))
def test_padding_distorts_by_less_than_a_pixel(high: int, wide: int, width: int, height: int) -> None:
    dark = (padded(np.zeros((high, wide, 3), np.uint8), width, height) < 255).all(axis=2)
    rows, columns = dark.any(axis=1).sum(), dark.any(axis=0).sum()
    assert dark.sum() == rows * columns
    scale = min(width / wide, height / high)
    assert abs(columns - max(1, wide * scale)) <= 0.5
    assert abs(rows - max(1, high * scale)) <= 0.5
    assert rows == height or columns == width


@pytest.mark.parametrize(("width", "height"), [(1, 5000), (5000, 1)])
def test_the_longest_and_thinnest_pictures_stay_visible(width: int, height: int) -> None:
    found = padded(np.zeros((height, width, 3), np.uint8), 224, 224)
    assert (found == 0).all(axis=2).sum() == 224


@pytest.mark.parametrize("resize", [resized, padded])
@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-1, 5)])
def test_a_size_without_pixels_is_refused(resize: object, size: tuple[int, int]) -> None:
    assert callable(resize)
    with pytest.raises(ValueError, match="at least one pixel"):
        resize(noise(3, 3), *size)
