"""The reference crop: its sizes, its place, pictures it does not fit, and pictures much larger than thumbnails."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.augment.chance import seed_of, uniforms
from pipelines.augment.crop import DRAWS, Box, CropParams, crop_box

# The specification's widths of the heights 50 to 70.
WIDTHS = dict(enumerate([37, 38, 39, 39, 40, 41, 42, 42, 43, 44, 45, 45, 46, 47, 48, 48, 49, 50, 51, 51, 52], 50))
PARAMS = CropParams()
CHANCE = st.lists(st.floats(0, 1, exclude_max=True), min_size=DRAWS, max_size=DRAWS)


def boxes(count: int, width: int, height: int) -> list[Box]:
    seeds = [seed_of(1, f"{i:064x}", 1) for i in range(count)]
    return [crop_box(drawn, width, height, PARAMS) for drawn in uniforms(seeds, DRAWS).tolist()]


def test_d1_a_thousand_crops_of_a_thumbnail() -> None:
    found = boxes(1000, 60, 80)
    assert {box.height: box.width for box in found} == WIDTHS
    assert all(WIDTHS[box.height] == box.width for box in found)
    assert all(0 <= box.x <= 60 - box.width and 0 <= box.y <= 80 - box.height for box in found)


def test_heights_and_places_are_uniform() -> None:
    found = boxes(10_500, 60, 80)
    heights = Counter(box.height for box in found)
    assert len(heights) == 21
    assert sum((count - 500) ** 2 / 500 for count in heights.values()) < 45  # chi squared, 20 degrees: p > 0.001
    shortest = [box for box in found if box.height == 50]
    for places, most in ((Counter(box.x for box in shortest), 23), (Counter(box.y for box in shortest), 30)):
        assert set(places) == set(range(most + 1))


@pytest.mark.parametrize(
    ("size", "drawn", "box"),
    [
        ((60, 80), (0.0, 0.0, 0.0), Box(0, 0, 37, 50)),
        ((60, 80), (0.9999, 0.9999, 0.9999), Box(8, 10, 52, 70)),
        ((60, 60), (0.9999, 0.5, 0.5), Box(4, 0, 52, 60)),  # limited to the picture
        ((53, 80), (0.9999, 0.9999, 0.0), Box(1, 0, 52, 70)),
        ((1, 1), (0.5, 0.9, 0.9), Box(0, 0, 1, 1)),
        ((16_384, 1), (0.0, 0.0, 0.0), Box(0, 0, 37, 1)),
        ((1800, 2400), (0.0, 0.0, 0.0), Box(0, 0, 37 * 30, 50 * 30)),  # a photo: as much of it as of its thumbnail
        ((120, 80), (0.0, 0.9999, 0.0), Box(83, 0, 37, 50)),  # not larger both ways
    ],
)
def test_a_crop_is_limited_to_small_pictures_and_grows_with_large_ones(
    size: tuple[int, int], drawn: tuple[float, ...], box: Box
) -> None:
    assert crop_box(drawn, *size, PARAMS) == box


@settings(max_examples=300)
@given(CHANCE, st.integers(1, 16_384), st.integers(1, 16_384))
def test_every_crop_lies_in_its_picture(drawn: list[float], width: int, height: int) -> None:
    box = crop_box(drawn, width, height, PARAMS)
    assert box.width >= 1
    assert box.height >= 1
    assert 0 <= box.x <= width - box.width
    assert 0 <= box.y <= height - box.height


@settings(max_examples=100)
@given(CHANCE)
def test_a_picture_a_little_larger_is_cropped_a_little_larger(drawn: list[float]) -> None:
    small, larger = (crop_box(drawn, *size, PARAMS) for size in ((60, 80), (63, 84)))
    assert all(0 <= b - a <= 5 for a, b in zip(small, larger, strict=True))
