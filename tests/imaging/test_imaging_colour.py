"""Colour: profiles, CMYK, grey."""

import io

import imaging_samples as make
import numpy as np
import pytest
from PIL import Image, ImageCms

from pipelines.imaging import decode

PHOTO = make.photo()
ADOBE = make.adobe_rgb_profile()


def srgb_of_adobe(pixels: make.Array) -> make.Array:
    """Return sRGB by the book: curve, primaries, primaries back, curve back."""
    light = (pixels / 255) ** (563 / 256)
    to_srgb = np.linalg.inv(
        np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
    )
    linear = np.clip(light @ (to_srgb @ make.ADOBE_RGB_TO_XYZ).T, 0, 1)
    curved = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(curved * 255)


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "JPEG"])
def test_adobe_rgb_becomes_srgb(file_format: str) -> None:
    data = make.saved(PHOTO, file_format, icc_profile=ADOBE, lossless=True)
    stored = make.by_pillow(data)
    assert make.off_by(decode(data).pixels, srgb_of_adobe(stored)) <= 2
    assert make.off_by(decode(data).pixels, stored) > 20


def test_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = make.saved(PHOTO, "JPEG", icc_profile=profile)
    assert np.array_equal(decode(data).pixels, make.by_pillow(data))


def test_profile_and_orientation_and_reduction_together() -> None:
    data = make.saved(make.photo(120, 160), "JPEG", icc_profile=ADOBE, exif=b"Exif\0\0" + make.exif(6), subsampling=0)
    picture = decode(data, min_side=60)
    assert picture.pixels.shape == (60, 80, 3)
    whole = Image.fromarray(decode(data).pixels).reduce(2)
    assert np.abs(picture.pixels.astype(int) - np.asarray(whole)).mean() < 1


@pytest.mark.parametrize("profile", [b"junk", ADOBE[:200], b"\xff" * 3000, make.negative_cmyk_profile()])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_unusable_profile_is_ignored(file_format: str, profile: bytes) -> None:
    data = make.saved(PHOTO, file_format, icc_profile=profile, lossless=True)
    assert np.array_equal(decode(data).pixels, make.by_pillow(data))


def test_profile_in_several_segments() -> None:
    data = make.saved(PHOTO, "JPEG")
    half = len(ADOBE) // 2
    for number, part in ((1, ADOBE[:half]), (2, ADOBE[half:])):  # each is put before the one already there
        data = make.with_segment(data, 0xE2, b"ICC_PROFILE\0" + bytes((number, 2)) + part)
    assert make.off_by(decode(data).pixels, srgb_of_adobe(make.by_pillow(make.saved(PHOTO, "JPEG")))) <= 2


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_grey_profile(file_format: str) -> None:
    grey = make.photo(channels=1)
    data = make.saved(grey, file_format, icc_profile=make.light_grey_profile())
    light = (np.asarray(Image.open(io.BytesIO(data))) / 255) ** 1.5
    expected = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert make.off_by(decode(data).pixels[..., 1], np.rint(expected)) <= 2


def test_grey_picture_with_rgb_profile() -> None:
    data = make.saved(make.photo(channels=1), "JPEG", icc_profile=ADOBE)
    assert make.off_by(decode(data).pixels, srgb_of_adobe(make.by_pillow(data))) <= 2


def cmyk(pixels: make.Array) -> make.Array:
    return np.dstack([255 - pixels, np.zeros(pixels.shape[:2], np.uint8)])


def test_cmyk_jpeg_has_the_right_colours() -> None:
    flat = np.zeros((16, 16, 3), np.uint8) + np.array([200, 40, 90], np.uint8)
    for options in ({}, {"progressive": True}):
        data = make.saved(cmyk(flat), "JPEG", "CMYK", quality=100, **options)  # Pillow writes it inverted
        assert make.off_by(decode(data).pixels, flat) <= 3


def test_cmyk_equals_pillow_with_and_without_the_adobe_marker() -> None:
    data = make.saved(make.photo(channels=4), "JPEG", "CMYK")
    assert np.array_equal(decode(data).pixels, make.by_pillow(data))
    marker = data.index(b"\xff\xee")
    bare = data[:marker] + data[marker + 2 + int.from_bytes(data[marker + 2 : marker + 4], "big") :]
    assert b"Adobe" not in bare
    assert np.array_equal(decode(bare).pixels, make.by_pillow(bare))


def test_ycck_jpeg_equals_pillow() -> None:
    data = make.saved(make.photo(channels=4), "JPEG", "CMYK")
    transform = data.index(b"Adobe") + 11
    ycck = data[:transform] + b"\2" + data[transform + 1 :]
    assert np.array_equal(decode(ycck).pixels, make.by_pillow(ycck))
    assert not np.array_equal(decode(ycck).pixels, decode(data).pixels)


def test_cmyk_profile_decides() -> None:
    ink = np.zeros((8, 8, 4), np.uint8)
    ink[:, 4:, 3] = 255  # black ink on the right, which this profile's press prints as white
    data = make.saved(ink, "JPEG", "CMYK", quality=100, icc_profile=make.negative_cmyk_profile())
    assert decode(data).pixels[0, [0, 7], 0].tolist() == pytest.approx([0, 255], abs=3)


def test_cmyk_is_reduced_in_the_decoder() -> None:
    data = make.saved(cmyk(make.photo(80, 80)), "JPEG", "CMYK")
    assert decode(data, min_side=10).pixels.shape == (10, 10, 3)
