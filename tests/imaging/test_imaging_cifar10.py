"""A raw row of CIFAR-10 is a picture where the caller says so, and nowhere else."""

import imaging_samples as make
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.imaging import Header, Unreadable, decode, encode_png, inspect
from pipelines.ingest import images
from pipelines.lake.contract import conform
from pipelines.lake.objects import sha256

ROW = np.random.default_rng(3).integers(0, 256, 3072, dtype=np.uint8)


def reason(data: bytes) -> str:
    with pytest.raises(Unreadable) as inspected:
        inspect(data, "cifar10")
    with pytest.raises(Unreadable) as decoded:
        decode(data, format="cifar10")
    assert inspected.value.reason == decoded.value.reason
    return decoded.value.reason


def test_a_pixel_is_a_byte_of_each_plane() -> None:
    picture = decode(ROW.tobytes(), format="cifar10")
    assert (picture.pixels.shape, picture.pixels.dtype, picture.alpha) == ((32, 32, 3), np.uint8, None)
    assert picture.pixels.flags.c_contiguous
    for y, x in ((0, 0), (0, 31), (1, 0), (17, 5), (31, 31)):
        at = 32 * y + x
        assert list(picture.pixels[y, x]) == [ROW[at], ROW[1024 + at], ROW[2048 + at]]


def test_its_header_and_its_row_in_images() -> None:
    data = ROW.tobytes()
    assert inspect(data, "cifar10") == Header("cifar10", 32, 32, "RGB")
    row = images.row(sha256(data), data, "cifar10")
    assert (row["format"], row["width_px"], row["height_px"], row["mode"]) == ("cifar10", 32, 32, "RGB")
    assert (row["byte_count"], row["data"]) == (3072, data)
    table = images.pa.Table.from_pylist([row], images.TABLE.schema)
    assert conform(images.TABLE, table).num_rows == 1


def test_any_number_of_bytes_but_one_is_refused() -> None:
    sizes = (1, 1024, 3071, 3073, 6144, 40_000)
    assert [reason(bytes(size)) for size in sizes] == ["truncated"] * 3 + ["corrupt"] * 3
    assert reason(b"") == "empty_file"
    assert reason(bytes(33 << 20)) == "too_many_bytes"
    assert reason(encode_png(make.photo(8, 8))) in ("truncated", "corrupt")


@given(st.binary(max_size=16))
def test_a_row_is_a_picture_however_it_begins(start: bytes) -> None:
    data = (start + ROW.tobytes())[:3072]
    pixels = decode(data, format="cifar10").pixels
    assert pixels.transpose(2, 0, 1).tobytes() == data


@pytest.mark.parametrize("start", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x00\x00\x00\x00WEBP", b"GIF8", b""])
def test_without_the_word_bytes_are_what_they_begin_like(start: bytes) -> None:
    data = (start + ROW.tobytes())[:3072]
    assert decode(data, format="cifar10").pixels.shape == (32, 32, 3)
    for given_format in (None, "jpeg", "png", "webp"):
        with pytest.raises(Unreadable):
            inspect(data, given_format)
        with pytest.raises(Unreadable):
            decode(data, format=given_format)


def test_other_formats_tell_by_themselves() -> None:
    data = encode_png(make.photo(8, 8))
    assert inspect(data, "png") == inspect(data) == inspect(data, "jpeg")
    assert np.array_equal(decode(data, format="png").pixels, decode(data).pixels)


def test_a_format_that_is_none_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="'gif'"):
        inspect(ROW.tobytes(), "gif")
    with pytest.raises(ValueError, match="cifar10"):
        decode(ROW.tobytes(), format="CIFAR10")


def test_it_is_reduced_like_any_other() -> None:
    whole, small = (decode(ROW.tobytes(), side, "cifar10").pixels for side in (32, 16))
    assert (whole.shape, small.shape) == ((32, 32, 3), (16, 16, 3))
    assert np.abs(small - whole.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))).max() <= 0.5
