"""Whatever the bytes, the answer is a picture or `Unreadable`; and `inspect` and `decode` agree."""

import random
import struct
import zlib
from collections.abc import Iterator

import imaging_samples as make
import numpy as np
import pytest

from pipelines.imaging import Unreadable, decode, inspect

pytestmark = pytest.mark.filterwarnings("error")  # a warning would be a way out, too

REASONS = {
    "empty_file",
    "not_an_image",
    "unsupported_format",
    "too_many_pixels",
    "side_too_long",
    "animated",
    "truncated",
    "corrupt",
}
SMALL = make.photo(13, 11)
WITH_ALPHA = make.photo(13, 11, 4)
EXIF = b"Exif\0\0" + make.exif(6)
FILES = {
    "jpeg": make.saved(SMALL, "JPEG", exif=EXIF),
    "jpeg_progressive": make.saved(SMALL, "JPEG", progressive=True, icc_profile=make.adobe_rgb_profile()),
    "jpeg_cmyk": make.saved(WITH_ALPHA, "JPEG", "CMYK", optimize=True),
    "png": make.saved(WITH_ALPHA, "PNG", exif=EXIF, icc_profile=make.adobe_rgb_profile()),
    "png_palette": make.png(SMALL[..., 0] & 3, 2, 3, make.chunk(b"PLTE", bytes(range(12))), make.chunk(b"tRNS", b"\1")),
    "webp": make.saved(SMALL, "WEBP", exif=EXIF),
    "webp_lossless": make.saved(WITH_ALPHA, "WEBP", lossless=True, icc_profile=make.adobe_rgb_profile()),
}


def outcome(data: bytes) -> str:
    """Return "ok" or the reason, after checking that both doors say the same."""
    refusal = None
    try:
        header = inspect(data)
    except Unreadable as error:
        refusal = error
    if refusal is not None:
        assert refusal.reason in REASONS
        assert refusal.detail.endswith(".")
        assert " at 0x" not in refusal.detail  # a repeat must find the same reject
        with pytest.raises(Unreadable):
            decode(data)
        return refusal.reason
    pixels = decode(data).pixels
    assert pixels.dtype == np.uint8
    assert sorted(pixels.shape[:2]) == sorted((header.height, header.width))
    return "ok"


@pytest.mark.parametrize("name", FILES)
def test_every_prefix_is_unreadable(name: str) -> None:
    data = FILES[name]
    assert outcome(data) == "ok"
    found = {outcome(data[:length]) for length in range(len(data))}
    assert found <= {"empty_file", "not_an_image", "truncated", "corrupt"}
    assert outcome(data[:-1]) == outcome(data[:-12]) == "truncated"


@pytest.mark.parametrize("name", FILES)
def test_trailing_bytes_do_not_matter(name: str) -> None:
    assert np.array_equal(decode(FILES[name] + b"trailing \xff\xd8 bytes").pixels, decode(FILES[name]).pixels)


def mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Yield copies with bytes changed, cut out, doubled or exchanged for extreme ones."""
    chance = random.Random(seed)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 8))):
            at = chance.randrange(len(changed))
            match chance.randrange(5):
                case 0 | 1:
                    changed[at] = chance.randrange(256)
                case 2:
                    changed[at] = chance.choice((0, 1, 127, 128, 255))
                case 3:
                    del changed[at : at + chance.randrange(1, 9)]
                case _:
                    changed[at:at] = changed[at : at + chance.randrange(1, 9)]
        yield bytes(changed)


def mended(png: bytes) -> bytes:
    """Return the PNG with checksums that fit, so that damage gets past them."""
    mended, pos = png[:8], 8
    while pos + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, pos)
        if pos + 12 + length > len(png):
            break
        part = png[pos + 4 : pos + 8 + length]
        mended += png[pos : pos + 4] + part + struct.pack(">I", zlib.crc32(part))
        pos += 12 + length
    return mended + png[pos:]


@pytest.mark.parametrize("name", FILES)
def test_mutations_end_in_a_picture_or_a_reason(name: str) -> None:
    outcomes = [outcome(data) for data in mutations(FILES[name], 2500, seed=7)]
    assert len(set(outcomes)) > 1


@pytest.mark.parametrize("name", ["png", "png_palette"])
def test_mutations_behind_good_checksums(name: str) -> None:
    outcomes = [outcome(mended(data)) for data in mutations(FILES[name], 1500, seed=8)]
    assert {"ok", "corrupt"} <= set(outcomes)


def test_noise() -> None:
    noise = random.Random(5)
    magics = (b"", b"\xff\xd8\xff", make.PNG_MAGIC, b"RIFF\x40\0\0\0WEBPVP8 ", b"RIFF\x40\0\0\0WEBPVP8X")
    for number in range(1000):
        assert outcome(magics[number % 5] + noise.randbytes(noise.randrange(1, 300))) != "ok"


@pytest.mark.parametrize(("rows", "expected"), [(0, "truncated"), (5, "truncated"), (11, "ok"), (15, "ok")])
def test_png_whose_pixels_end_early(rows: int, expected: str) -> None:
    body = zlib.compress(b"".join(b"\0" + bytes(13 * 3) for _ in range(rows)))
    data = make.PNG_MAGIC + make.ihdr(13, 11, 8, 2) + make.chunk(b"IDAT", body) + make.chunk(b"IEND", b"")
    assert outcome(data) == expected


def test_png_that_pillow_would_misread() -> None:
    data = make.png(SMALL, 8, 2)
    two_headers = data[:33] + make.ihdr(16000, 4000, 8, 2) + data[33:]
    assert outcome(two_headers) == "corrupt"
    at = data.index(b"IDAT") + 4
    flipped = data[:at] + bytes((data[at] ^ 0x08,)) + data[at + 1 :]
    assert outcome(flipped) == "corrupt"
    assert outcome(make.png(SMALL[..., 0] & 1, 8, 3)) == "corrupt"  # no palette
    assert outcome(make.PNG_MAGIC + make.ihdr(5, 5, 3, 2) + make.chunk(b"IEND", b"")) == "corrupt"


def test_jpeg_with_a_hole_in_its_pixels() -> None:
    data = make.saved(make.photo(), "JPEG")
    assert outcome(data[: len(data) * 3 // 4] + b"\xff\xd9") == "truncated"


def test_jpeg_without_a_picture() -> None:
    assert outcome(b"\xff\xd8\xff\xd9") == "truncated"
    assert outcome(b"\xff\xd8\xff\xd9" + bytes(9)) == "corrupt"
    assert outcome(b"\xff\xd8" + b"\xff" * 100_000) == "corrupt"
    assert outcome(b"\xff\xd8" + make.segment(0xFE, b"") * 5000) == "corrupt"
