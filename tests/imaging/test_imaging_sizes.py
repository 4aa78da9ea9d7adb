"""Reduction by `min_side`, and what the encoders write."""

import io

import imaging_samples as make
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.imaging import decode, encode_jpeg, encode_png, inspect

SIDES = st.integers(1, 200)


@settings(max_examples=150, deadline=None)
@given(width=SIDES, height=SIDES, min_side=st.integers(1, 210), kind=st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_reduced_as_far_as_the_smaller_side_allows(width: int, height: int, min_side: int, kind: str) -> None:
    data = make.saved(np.full((height, width, 3), 77, np.uint8), kind)
    got_height, got_width, _ = decode(data, min_side).pixels.shape
    allowed = [f for f in (1, 2, 4, 8) if f == 1 or -(-min(width, height) // f) >= min_side]
    assert (got_width, got_height) == (-(-width // max(allowed)), -(-height // max(allowed)))
    assert min(got_width, got_height) >= min(min_side, width, height)


@settings(max_examples=60, deadline=None)
@given(width=SIDES, height=SIDES, seed=st.integers(0, 9))
def test_round_trips(width: int, height: int, seed: int) -> None:
    pixels = make.photo(width, height, seed=seed)
    assert np.array_equal(decode(encode_png(pixels)).pixels, pixels)
    again = decode(encode_jpeg(pixels, 95)).pixels
    assert again.shape == pixels.shape
    assert np.abs(again.astype(int) - pixels).mean() < 12  # single pixels of noise are JPEG's worst case
    assert (inspect(encode_jpeg(pixels)).width, inspect(encode_png(pixels)).height) == (width, height)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_reduction_is_a_mean(kind: str) -> None:
    pixels = make.photo(320, 240)
    data = make.saved(pixels, kind, quality=98, subsampling=0)
    for factor in (2, 4, 8):
        mean = np.asarray(Image.fromarray(pixels).reduce(factor)).astype(int)
        assert np.abs(decode(data, 240 // factor).pixels - mean).mean() < 1.5


def test_reduced_alpha_keeps_pace_with_the_pixels() -> None:
    alpha = np.repeat(np.repeat(np.array([[0, 255], [255, 0]], np.uint8), 8, 0), 8, 1)
    picture = decode(make.saved(np.dstack([make.photo(16, 16), alpha]), "PNG"), min_side=2)
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0, 255], [255, 0]]
    assert picture.pixels[0, 0].tolist() == [255, 255, 255]


def test_small_pictures_are_left_alone() -> None:
    data = make.saved(make.photo(), "JPEG")
    assert np.array_equal(decode(data, 1000).pixels, decode(data).pixels)


@pytest.mark.parametrize("encode", [encode_jpeg, encode_png])
def test_nothing_but_pixels_is_written(encode: object) -> None:
    assert callable(encode)
    source = make.saved(
        make.photo(),
        "JPEG",
        exif=b"Exif\0\0" + make.exif(6),
        icc_profile=make.adobe_rgb_profile(),
        comment=b"photographer",
        xmp=b"<x:xmpmeta/>",
    )
    written = encode(decode(source).pixels)
    image = Image.open(io.BytesIO(written))
    image.load()
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert not image.getexif()
    for word in (b"Exif", b"ICC", b"iCCP", b"xmp", b"photographer", b"tEXt", b"tIME", b"eXIf", b"Adobe"):
        assert word not in written
    assert written == encode(decode(source).pixels)


@pytest.mark.parametrize("encode", [encode_jpeg, encode_png])
def test_only_pictures_are_encoded(encode: object) -> None:
    assert callable(encode)
    for wrong in (np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(ValueError, match="a picture is"):
            encode(wrong)


def test_views_are_encoded() -> None:
    pixels = make.photo()
    assert np.array_equal(decode(encode_png(pixels[::-1, :, ::-1])).pixels, pixels[::-1, :, ::-1])
    assert encode_jpeg(pixels[:, ::-1]) == encode_jpeg(np.ascontiguousarray(pixels[:, ::-1]))


def test_grey_pictures_are_encoded_in_one_channel() -> None:
    grey = np.full((4, 6), 77, np.uint8)
    assert inspect(encode_jpeg(grey)).mode == "L"
    assert decode(encode_jpeg(grey)).pixels.shape == (4, 6, 3)
