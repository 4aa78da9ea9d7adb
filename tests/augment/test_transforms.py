"""Flip, affine, colour and blur: what each does alone, that nothing else decides them than seed, image and copy."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.augment.chance import seed_of, uniforms
from pipelines.augment.crop import Box
from pipelines.augment.transforms import DRAWS, Draws, TransformParams, augmented, drawn, draws_from

Pixels = npt.NDArray[np.uint8]
STILL = TransformParams(*(0.0,) * len(fields(TransformParams)))
IDS = [f"{i:064x}" for i in range(400)]


def noise(count: int, height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def smooth(count: int, height: int, width: int) -> Pixels:
    """Waves of some twenty pixels, so that a resample loses little."""
    y, x, channel = np.ogrid[:height, :width, :3]
    waves = [np.sin(x / 3 + i) * 60 + np.cos(y / 4 + i * channel) * 60 + 128 for i in range(count)]
    return np.array(waves).round().astype(np.uint8)


def exactly(count: int = 1, **values: float) -> Draws:
    """Return draws that change nothing but what is named."""
    still = draws_from(np.full((count, DRAWS), 0.5), STILL)
    return replace(still, **{name: np.full(count, value) for name, value in values.items()})


def test_nothing_drawn_changes_nothing() -> None:
    pixels = noise(3, 80, 60)
    assert (augmented(pixels, exactly(3)) == pixels).all()


@pytest.mark.parametrize("width", [60, 61])
def test_a_flip_is_exact(width: int) -> None:
    pixels = noise(2, 80, width)
    assert (augmented(pixels, exactly(2, is_flipped=True)) == pixels[:, :, ::-1]).all()


def test_a_shift_moves_right_and_down_and_repeats_the_edge() -> None:
    pixels = noise(1, 80, 60)
    found = augmented(pixels, exactly(shift_x=6 / 60, shift_y=-4 / 80))
    assert (found[:, :-4, 6:] == pixels[:, 4:, :-6]).all()
    assert (found[:, :-4, :6] == pixels[:, 4:, :1]).all()


def test_a_quarter_turn_is_clockwise_about_the_middle() -> None:
    pixels = noise(1, 60, 60)
    assert (augmented(pixels, exactly(rotation_deg=90)) == np.rot90(pixels, -1, axes=(1, 2))).all()


def test_scale_enlarges_about_the_middle() -> None:
    pixels = np.full((1, 80, 60, 3), 255, np.uint8)
    pixels[:, 30:50, 24:36] = 0
    dark = (augmented(pixels, exactly(scale=1.5)) < 128).all(axis=3)[0]
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (25, 54, 21, 38)


def test_shear_leans_the_top_to_the_left_and_keeps_the_rows() -> None:
    pixels = smooth(1, 81, 60)
    found = augmented(pixels, exactly(shear=0.1))
    assert (found[:, 40] == pixels[:, 40]).all()
    assert np.abs(found[:, 10, 5:50].astype(int) - pixels[:, 10, 8:53]).max() <= 1  # 30 rows up, 3 pixels
    assert np.abs(found[:, 70, 5:50].astype(int) - pixels[:, 70, 2:47]).max() <= 1


def test_brightness_and_contrast() -> None:
    grey = np.full((1, 4, 4, 3), 100, np.uint8)
    assert np.unique(augmented(grey, exactly(brightness=0.1))).tolist() == [126]  # 100 + 25.5, half to even
    assert np.unique(augmented(grey, exactly(brightness=1))).tolist() == [255]
    assert np.unique(augmented(grey, exactly(contrast=2))).tolist() == [72]  # 127.5 - 2 * 27.5
    assert np.unique(augmented(grey, exactly(contrast=0))).tolist() == [128]


def test_without_saturation_only_luma_stays() -> None:
    pixels = noise(1, 20, 20)
    found = augmented(pixels, exactly(saturation=0)).astype(float)
    assert np.ptp(found, axis=3).max() == 0
    assert np.abs(found[..., 0] - pixels @ [0.213, 0.715, 0.072]).max() <= 0.55  # OpenCV counts in 1/1024


@settings(deadline=None, max_examples=30)
@given(st.floats(-180, 180), st.floats(0, 1))
def test_hue_and_saturation_leave_grey_and_luma_alone(hue: float, saturation: float) -> None:
    grey = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 16, 16, 3)
    assert (np.abs(augmented(grey, exactly(hue_deg=hue, saturation=saturation)).astype(int) - grey) <= 1).all()
    matrix = exactly(hue_deg=hue, saturation=saturation).colours()[0]
    assert np.array([0.213, 0.715, 0.072]) @ matrix[:, :3] == pytest.approx([0.213, 0.715, 0.072], abs=2e-3)


def test_a_hue_turned_by_a_third_makes_red_greenish() -> None:
    red = np.full((1, 2, 2, 3), (200, 40, 40), np.uint8)
    found = augmented(red, exactly(hue_deg=120))[0, 0, 0]
    assert found.argmax() == 1


@pytest.mark.parametrize("sigma", [0.5, 0.8, 1.2, 1.9, 2.9, 5.0])
def test_blur_spreads_by_its_sigma_and_keeps_the_light(sigma: float) -> None:
    pixels = np.zeros((1, 101, 101, 3), np.uint8)
    pixels[:, :, 50:] = 200
    found = augmented(pixels, exactly(blur=sigma / 101))[0, 50, :, 0].astype(float)
    spread = np.diff(found)
    assert spread.sum() == 200
    assert np.sqrt((spread * (np.arange(100) - 49) ** 2).sum() / 200) == pytest.approx(sigma, rel=0.15)


def test_a_batch_is_made_as_each_picture_alone_and_by_any_number_of_threads() -> None:
    pixels, draws = noise(24, 80, 60), drawn(7, IDS[:24], 1, TransformParams())
    together = augmented(pixels, draws)

    def alone(i: int) -> Pixels:
        return augmented(pixels[i : i + 1], drawn(7, IDS[i : i + 1], 1, TransformParams()))

    with ThreadPoolExecutor(8) as pool:
        assert (np.concatenate(list(pool.map(alone, range(24)))) == together).all()


def test_the_input_stays_as_it_is_and_may_have_any_layout() -> None:
    pixels = noise(4, 60, 80)
    before, draws = pixels.copy(), drawn(7, IDS[:4], 1, TransformParams())
    views = pixels.transpose(0, 2, 1, 3)
    found = augmented(views, draws)
    assert (found == augmented(np.ascontiguousarray(views), draws)).all()
    assert (pixels == before).all()
    frozen = pixels[:, ::-1]
    frozen.flags.writeable = False
    assert augmented(frozen, draws).flags.c_contiguous


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32))
def test_pictures_of_any_shape_and_flat_ones_stay_flat(height: int, width: int, seed: int) -> None:
    params = TransformParams(blur=0.2)
    flat = np.full((2, height, width, 3), (10, 200, 90), np.uint8)
    found = augmented(flat, drawn(seed, IDS[:2], 1, params))
    assert found.shape == flat.shape
    assert (np.abs(found.astype(int) - found[:, :1, :1]) <= 1).all()


def test_draws_stay_within_their_params_and_fill_them() -> None:
    params, draws = TransformParams(), drawn(3, IDS, 1, TransformParams())
    for name, middle, reach in (
        ("rotation_deg", 0, params.rotation_deg),
        ("scale", 1, params.scale),
        ("shear", 0, params.shear),
        ("shift_x", 0, params.shift),
        ("shift_y", 0, params.shift),
        ("brightness", 0, params.brightness),
        ("contrast", 1, params.contrast),
        ("saturation", 1, params.saturation),
        ("hue_deg", 0, params.hue_deg),
    ):
        values = (getattr(draws, name) - middle) / reach
        assert np.abs(values).max() <= 1
        assert abs(values.mean()) < 0.15
        assert values.std() == pytest.approx(3**-0.5, rel=0.15)
    assert draws.is_flipped.mean() == pytest.approx(0.5, abs=0.1)
    assert (draws.blur > 0).mean() == pytest.approx(0.5, abs=0.1)
    assert draws.blur.max() <= params.blur
    every = np.array([getattr(draws, field.name) for field in fields(draws)], float)
    assert np.abs(np.corrcoef(every) - np.eye(len(every))).max() < 0.2  # each is drawn by itself


def test_images_copies_and_run_seeds_draw_differently() -> None:
    numbers = {
        (seed, copy, image): seed_of(seed, image, copy) for seed in (1, 2, 12) for copy in (1, 2, 21) for image in IDS
    }
    assert len(set(numbers.values())) == len(numbers)
    assert all(0 <= number < 2**63 for number in numbers.values())


def test_draws_are_those_of_rows() -> None:
    draws = drawn(3, IDS[:5], 2, TransformParams())
    again = Draws.of([draws.row(i) for i in range(5)])
    for field in fields(draws):
        assert (getattr(draws, field.name) == getattr(again, field.name)).all()
        assert getattr(draws, field.name).dtype == getattr(again, field.name).dtype


def test_numbers_are_uniform() -> None:
    numbers = uniforms((seed_of(1, image, 1) for image in IDS), 25)
    assert numbers.shape == (400, 25)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts, _ = np.histogram(numbers, 20)
    assert ((counts - 500) ** 2 / 500).sum() < 44  # chi squared, 19 degrees: p > 0.001


def test_golden_draws() -> None:
    """A draw that changes is another augmentation: raise the version of `augmentations`, and enter the new digest."""
    assert seed_of(1, "0" * 64, 1) == 1142676515902799614
    numbers = uniforms((seed_of(5, image, 1) for image in IDS), DRAWS)
    assert hashlib.sha256(numbers.astype("<f8").tobytes()).hexdigest()[:16] == "8607f05a68b3d809"


def test_the_warp_maps_corners_of_a_result_to_the_box() -> None:
    warp = exactly().warps(Box(10, 20, 30, 40), 256, 256)[0]
    corners = np.array([[-0.5, -0.5, 1], [255.5, 255.5, 1]]) @ warp.T
    assert corners == pytest.approx(np.array([[9.5, 19.5], [39.5, 59.5]]))
