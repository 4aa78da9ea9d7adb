"""The 16,000 real thumbnails, where they can be had."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import imaging_samples as make
import numpy as np
import pytest
import simplejpeg

from pipelines.imaging import decode, inspect, jpeg

DATA = os.environ.get("TESSERA_REAL_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="TESSERA_REAL_DATA is not set")


def thumbnails(step: int = 1) -> Iterator[bytes]:
    with zipfile.ZipFile(Path(str(DATA)) / "fashion-product-images-small.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        for name in names[::step]:
            yield archive.read(name)


def test_all_thumbnails() -> None:
    count = grey = profiles = adobe = 0
    for data in thumbnails():
        header, pixels = inspect(data), decode(data).pixels
        assert pixels.shape == (header.height, header.width, 3)
        count += 1
        grey += header.mode == "L"
        profile = jpeg.read(data).profile
        profiles += profile is not None
        if profile is not None and b"Adobe RGB" in profile:
            adobe += 1
            assert not np.array_equal(pixels, simplejpeg.decode_jpeg(data))
    assert (count, grey, profiles, adobe) == (16_000, 151, 289, 23)


def test_a_thousand_without_profile_equal_pillow() -> None:
    compared = 0
    for data in thumbnails(step=15):
        if jpeg.read(data).profile is None:
            assert np.array_equal(decode(data).pixels, make.by_pillow(data))
            compared += 1
    assert compared >= 1000


def test_large_photos() -> None:
    photos = sorted((Path(str(DATA)) / "fashion-highres").rglob("*.jpg"))[:6]
    assert photos
    for photo in photos:
        data = photo.read_bytes()
        header, picture = inspect(data), decode(data, min_side=224)
        assert min(picture.pixels.shape[:2]) >= min(224, header.width, header.height)
        assert min(picture.pixels.shape[:2]) < 448
