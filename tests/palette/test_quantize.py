"""Quantisation on any picture: shares, ranges, order of pixels, few colours, quality, and every processor."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from painted import Pixels, drawn, pictures
from sklearn.cluster import KMeans

from pipelines.palette.color import Floats, all_to_oklab, to_oklab, to_srgb
from pipelines.palette.palettes import center_weights
from pipelines.palette.quantize import Quantized, quantize

STEADY = settings(deadline=None, max_examples=60)


SIZES, SIGMAS = st.integers(1, 8), st.sampled_from([0.0, 0.1, 0.5])


def by_colour(found: Quantized) -> npt.NDArray[np.float64]:
    """Return colours and shares in an order that rounding errors do not change."""
    return np.array(sorted(np.column_stack([found.lab, found.share]).round(6).tolist()))


@STEADY
@given(pictures(), SIZES, SIGMAS)
def test_shares_sum_to_one_and_colours_lie_within_the_picture(pixels: Pixels, size: int, sigma: float) -> None:
    found = quantize(pixels, center_weights(*pixels.shape[:2], sigma), size)
    assert found.lab.shape == (size, 3)
    assert found.share.shape == (size,)
    assert (found.share >= 0).all()
    assert found.share.sum() == pytest.approx(1, abs=1e-9)
    assert found.error >= 0
    lab = np.array([to_oklab(*map(float, pixel)) for pixel in pixels.reshape(-1, 3)])
    assert (found.lab >= lab.min(axis=0) - 0.02).all()  # a bin's colour is the mean of its pixels in sRGB
    assert (found.lab <= lab.max(axis=0) + 0.02).all()
    assert all(0 <= channel <= 255 for one in found.lab for channel in to_srgb(*one))


@STEADY
@given(pictures(), SIZES, SIGMAS, st.integers(0, 2**32))
def test_where_pixels_lie_does_not_matter_beside_their_weight(
    pixels: Pixels, size: int, sigma: float, seed: int
) -> None:
    weights = center_weights(*pixels.shape[:2], sigma)
    order = np.random.default_rng(seed).permutation(weights.size)
    mixed = pixels.reshape(-1, 3)[order].reshape(pixels.shape)
    mixed_weights = np.ascontiguousarray(weights.reshape(-1)[order].reshape(weights.shape))
    found, again = quantize(pixels, weights, size), quantize(mixed, mixed_weights, size)
    assert (found.lab == again.lab).all()
    assert (found.share == again.share).all()
    assert found.error == again.error


@STEADY
@given(pictures(), SIGMAS)
def test_more_colours_are_never_worse(pixels: Pixels, sigma: float) -> None:
    weights = center_weights(*pixels.shape[:2], sigma)
    errors = [quantize(pixels, weights, size).error for size in (1, 4, 16)]
    assert errors[0] >= errors[1] - 1e-4  # the finest of several as good ones is the one with the least mean distance
    assert errors[1] >= errors[2] - 1e-4


@STEADY
@given(st.lists(st.tuples(*[st.integers(0, 31)] * 3), min_size=1, max_size=5, unique=True), st.integers(5, 8))
@example([(0, 0, 0)], 5)
@example([(0, 0, 0), (31, 31, 31)], 5)
def test_a_picture_of_few_colours_is_made_of_exactly_these(colours: list[tuple[int, int, int]], size: int) -> None:
    """One colour in each of some bins of the histogram."""
    flat = np.array(colours, np.uint8) * 8 + 3
    found = quantize(flat[None], np.ones((1, len(flat)), np.float32), size)
    rgb = {tuple(round(channel) for channel in to_srgb(*lab)) for lab in found.lab}
    assert rgb == {tuple(int(channel) for channel in colour) for colour in flat}
    assert sorted(found.share, reverse=True) == pytest.approx([1 / len(flat)] * len(flat) + [0] * (size - len(flat)))
    assert found.error == pytest.approx(0, abs=1e-6)


def test_weights_are_what_shares_are_of() -> None:
    pixels = np.array([[[250, 0, 0], [0, 0, 250]]], np.uint8)
    found = quantize(pixels, np.array([[3, 1]], np.float32), 2)
    red = int(np.argmax(found.lab[:, 1]))
    assert found.share[red] == pytest.approx(0.75)


def test_scaled_weights_give_the_same() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    weights = center_weights(20, 20, 0.1)
    found, scaled = quantize(pixels, weights, 5), quantize(pixels, weights * np.float32(1024), 5)
    assert by_colour(scaled) == pytest.approx(by_colour(found), abs=1e-6)


def test_pixels_without_weight_count_for_nothing() -> None:
    pixels = np.array([[[250, 0, 0], [0, 0, 250]]], np.uint8)
    found = quantize(pixels, np.array([[1, 0]], np.float32), 3)
    assert {tuple(round(channel) for channel in to_srgb(*lab)) for lab in found.lab} == {(250, 0, 0)}


def test_no_weight_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="no pixel has any weight"):
        quantize(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.float32), 5)


def test_a_picture_has_one_palette_for_ever() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    weights = center_weights(60, 80, 0.1)
    first = quantize(pixels, weights, 5)
    quantize(pixels[::-1], weights, 3)  # draws of another picture in between
    np.random.default_rng(9).random()
    again = quantize(pixels.copy(), weights.copy(), 5)
    assert (first.lab == again.lab).all()
    assert (first.share == again.share).all()


def test_a_bright_spot_among_millions_of_dark_pixels_is_found() -> None:
    pixels = np.full((2000, 2400, 3), 20, np.uint8)
    pixels[:4, :4] = (10, 250, 10)
    found = quantize(pixels, center_weights(2000, 2400, 0), 2)
    assert {tuple(round(channel) for channel in to_srgb(*lab)) for lab in found.lab} == {(20, 20, 20), (10, 250, 10)}
    assert sorted(found.share) == pytest.approx([16 / 4_800_000, 1 - 16 / 4_800_000], rel=1e-6)


def test_oklab_in_bulk_is_oklab() -> None:
    rgb = np.random.default_rng(2).uniform(0, 255, (3, 5000)).astype(np.float32)
    rgb[:, :3] = [[0, 255, 1]] * 3
    lab = rgb.copy()
    all_to_oklab(lab)
    exact = np.array([to_oklab(*map(float, colour)) for colour in rgb.T])
    assert np.abs(lab.T - exact).max() < 1e-4  # between two values of a dark channel light is taken for straight
    whole = np.random.default_rng(3).integers(0, 256, (3, 5000)).astype(np.float32)
    lab = whole.copy()
    all_to_oklab(lab)
    assert np.abs(lab.T - [to_oklab(*map(float, colour)) for colour in whole.T]).max() < 2e-6


def mean_distance(lab: Floats, weights: Floats, centres: Floats) -> float:
    distance = np.linalg.norm(lab[:, None] - centres, axis=2).min(axis=1)
    return float(np.average(distance, weights=weights.reshape(-1)))


def oklab(pixels: Pixels) -> Floats:
    channels = np.ascontiguousarray(pixels.reshape(-1, 3).T).astype(np.float32)
    all_to_oklab(channels)
    return channels.T.astype(np.float64)


@pytest.mark.parametrize("sigma", [0.0, 0.1])
def test_it_is_about_as_good_as_the_best_of_ten_on_all_pixels(sigma: float) -> None:
    ratios = []
    for seed in range(12):
        pixels = drawn(seed)
        weights, lab = center_weights(*pixels.shape[:2], sigma), oklab(pixels)
        theirs = KMeans(5, n_init=10, random_state=1).fit(lab, sample_weight=weights.reshape(-1)).cluster_centers_
        mine = quantize(pixels, weights, 5).lab
        ratios.append(mean_distance(lab, weights, mine) / mean_distance(lab, weights, theirs))
    assert np.mean(ratios) < 1.01
    assert max(ratios) < 1.1


DIGEST = """
import hashlib
from painted import drawn
from pipelines.palette.palettes import center_weights
from pipelines.palette.quantize import quantize

def found():
    digest = hashlib.sha256()
    for seed in range(8):
        palette = quantize(drawn(seed), center_weights(*drawn(seed).shape[:2], 0.1), 5)
        digest.update(palette.lab.tobytes() + palette.share.tobytes())
    return digest.hexdigest()
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="only an x86-64 processor can play the plainest of its kind")
def test_a_picture_has_one_palette_on_every_processor(tmp_path: Path) -> None:
    """The plainest of its kind adds up four numbers at a time, and has no fused multiplication."""
    here: dict[str, Any] = {}
    exec(DIGEST, here)
    folders = f"{Path(__file__).parent}{os.pathsep}{Path(quantize.__code__.co_filename).parents[2]}"
    plain = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", f"{DIGEST}\nprint(found())"]
    environment = os.environ | plain | {"PYTHONPATH": folders}
    there = subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout.strip()
    assert there == here["found"]()
