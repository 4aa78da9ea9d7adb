"""Colour spaces: sRGB, OKLab and hex go round; what each counts for; golden values of the specification."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pipelines.palette.color import hex_of, rgb_of, to_oklab, to_srgb
from pipelines.palette.tones import BANNED, distinctness

# From capabilities.md §4.1.
DISTANCES = {
    (108, 100, 95): 9.433981,
    (239, 237, 236): 30.099834,
    (182, 174, 170): 11.832160,
    (255, 0, 0): 181.903821,
    (33, 107, 235): 144.786049,
    (0, 128, 0): 104.613575,
    (0, 0, 0): 1.0,
    (255, 255, 255): 1.0,
}

# From Ottosson's page.
OKLAB = {
    (255, 255, 255): (1.0, 0.0, 0.0),
    (0, 0, 0): (0.0, 0.0, 0.0),
    (255, 0, 0): (0.627955, 0.224863, 0.125846),
    (0, 255, 0): (0.866440, -0.233888, 0.179498),
    (0, 0, 255): (0.452014, -0.032457, -0.311528),
}


def test_e3_hex_and_rgb_go_round() -> None:
    assert hex_of((255, 0, 0)) == "FF0000"
    assert rgb_of("FF0000") == (255, 0, 0)
    draw = random.Random(3)
    for _ in range(1000):
        rgb = (draw.randrange(256), draw.randrange(256), draw.randrange(256))
        assert rgb_of(hex_of(rgb)) == rgb
        assert len(hex_of(rgb)) == 6
        assert hex_of(rgb) == hex_of(rgb).upper()


@pytest.mark.parametrize("rgb", OKLAB)
def test_oklab_has_its_published_values(rgb: tuple[int, int, int]) -> None:
    assert to_oklab(*rgb) == pytest.approx(OKLAB[rgb], abs=1e-4)


def test_every_colour_comes_back_from_oklab() -> None:
    draw = random.Random(4)
    corners = [(r, g, b) for r in (0, 1, 255) for g in (0, 1, 255) for b in (0, 1, 255)]
    for rgb in corners + [tuple(draw.randrange(256) for _ in range(3)) for _ in range(3000)]:
        assert tuple(round(channel) for channel in to_srgb(*to_oklab(*rgb))) == rgb


@pytest.mark.parametrize("lab", [(2.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.5, 0.9, -0.9), (1.0, -0.5, 0.5)])
def test_colours_beyond_srgb_are_clipped(lab: tuple[float, float, float]) -> None:
    assert all(0 <= channel <= 255 for channel in to_srgb(*lab))


@pytest.mark.parametrize("rgb", DISTANCES)
def test_e5_golden_distances_to_the_banned_tones(rgb: tuple[int, int, int]) -> None:
    assert distinctness(np.array([rgb]))[0] == pytest.approx(DISTANCES[rgb], abs=5e-7)


def test_e5_there_are_28_banned_tones_and_each_counts_as_one() -> None:
    assert BANNED.shape == (28, 3)
    assert len(np.unique(BANNED, axis=0)) == 28
    assert (distinctness(BANNED.astype(np.int64)) == 1).all()
