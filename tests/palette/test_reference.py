"""The reference form: three colours of 200 weighted draws in plain RGB, as an earlier system made them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from painted import BLUE, GREEN, RED, Pixels, bands, drawn, flat
from sklearn.cluster import KMeans

from pipelines.imaging import resized
from pipelines.palette.palettes import PaletteParams, center_weights, swatches
from pipelines.producers import Image

Colour = tuple[int, int, int]
REFERENCE = PaletteParams(size=3, space="rgb")
# Of the picture drawn(1), for the image "0" * 64: what sklearn's k-means makes of 200 draws.
REFERENCE_COLOURS = ["337DDA", "C52152", "2420AB"]


def palette(pixels: Pixels, alpha: Pixels | None = None) -> list[dict[str, Any]]:
    return list(swatches(Image("0" * 64, pixels, alpha), REFERENCE))


def rgb(rows: list[dict[str, Any]]) -> list[Colour]:
    return [(row["red"], row["green"], row["blue"]) for row in rows]


def test_e1_the_reference_form_has_its_golden_colours() -> None:
    assert [row["hex"] for row in palette(drawn(1))] == REFERENCE_COLOURS


def test_e1_the_reference_form_is_k_means_of_200_weighted_draws() -> None:
    pixels = drawn(2)
    large = resized(pixels, 224, 224).reshape(-1, 3)
    weights = center_weights(224, 224, 0.1).astype(np.float64).reshape(-1)
    draws = large[np.random.default_rng(0).choice(50_176, 200, p=weights / weights.sum())].astype(float)
    centres = KMeans(3, n_init=10, random_state=42).fit(draws).cluster_centers_.astype(int)
    rows = palette(pixels)
    assert sorted(rgb(rows)) == sorted(tuple(map(int, centre)) for centre in centres)
    assert all(round(200 * row["share"], 3) == round(200 * row["share"]) for row in rows)


def test_e1_the_reference_form_returns_three_blocks() -> None:
    pixels = flat(GREEN, 224, 224)
    pixels[:, :75], pixels[:, 150:] = RED, BLUE
    found = rgb(palette(pixels))
    for colour in (RED, GREEN, BLUE):
        assert colour in found


def test_e2_the_reference_form_draws_by_image() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (80, 60, 3), dtype=np.uint8)
    first, again, other = (list(swatches(Image(one * 64, noise, None), REFERENCE)) for one in "aab")
    assert first == again
    assert [row["hex"] for row in first] != [row["hex"] for row in other]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("colours", [[RED], [RED, BLUE]])
def test_e4_the_reference_form_of_few_colours(colours: list[Colour]) -> None:
    pixels = flat(colours[0], 224, 224)
    pixels[:, 112:] = colours[-1]
    rows = palette(pixels)
    assert set(rgb(rows)) == set(colours)
    assert rows[-1]["share"] == 0


def test_the_reference_form_draws_nothing_transparent() -> None:
    alpha = np.zeros((90, 90), np.uint8)
    alpha[:, :40] = 255
    assert rgb(palette(bands(RED, BLUE), alpha)) == [RED] * 3
