"""Every line of the normalise policy, on pictures that hold only that difficulty."""

import io
import pickle

import imaging_samples as make
import numpy as np
import pytest
from PIL import Image, ImageOps

from pipelines.imaging import Header, Unreadable, decode, inspect

PHOTO = make.photo()
ALPHA = make.photo(channels=1, seed=9)


def reason(data: bytes) -> str:
    with pytest.raises(Unreadable) as refused:
        decode(data)
    with pytest.raises(Unreadable) as inspected:
        inspect(data)
    assert refused.value.reason == inspected.value.reason
    assert refused.value.detail.endswith(".")
    return refused.value.reason


@pytest.mark.parametrize("options", [{}, {"subsampling": 2}, {"progressive": True}, {"keep_rgb": True}])
@pytest.mark.parametrize("channels", [1, 3])
def test_plain_jpeg_equals_pillow(channels: int, options: dict[str, int]) -> None:
    data = make.saved(make.photo(61, 83, channels), "JPEG", **options)
    picture = decode(data)
    assert np.array_equal(picture.pixels, make.by_pillow(data))
    assert picture.alpha is None
    assert picture.pixels.flags.c_contiguous


def test_headers() -> None:
    for data, expected in (
        (make.saved(PHOTO, "JPEG"), ("jpeg", "RGB")),
        (make.saved(ALPHA, "JPEG"), ("jpeg", "L")),
        (make.saved(make.photo(channels=4), "JPEG", "CMYK"), ("jpeg", "CMYK")),
        (make.saved(PHOTO, "PNG"), ("png", "RGB")),
        (make.saved(np.dstack([PHOTO, ALPHA]), "PNG"), ("png", "RGBA")),
        (make.saved(np.dstack([ALPHA, ALPHA]), "PNG", "LA"), ("png", "LA")),
        (make.png(ALPHA.astype(np.uint16), 16, 0), ("png", "I;16")),
        (make.png(ALPHA & 1, 1, 0), ("png", "1")),
        (make.saved(PHOTO, "WEBP"), ("webp", "RGB")),
        (make.saved(np.dstack([PHOTO, ALPHA]), "WEBP", lossless=True), ("webp", "RGBA")),
    ):
        assert inspect(data) == Header(expected[0], 60, 80, expected[1])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_applied(file_format: str, turn: int, order: str) -> None:
    data = make.saved(PHOTO, file_format, exif=b"Exif\0\0" + make.exif(turn, order), lossless=True)
    image = Image.open(io.BytesIO(data))
    expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    picture = decode(data)
    assert np.array_equal(picture.pixels, expected)
    assert picture.pixels.flags.c_contiguous
    assert (inspect(data).width, inspect(data).height) == (60, 80)  # as stored


@pytest.mark.parametrize("block", [b"", b"II*\0", b"MM\0*\0\0\0\x09\xff\xff", make.exif(77), b"junk" * 9])
def test_damaged_exif_is_upright(block: bytes) -> None:
    data = make.with_segment(make.saved(PHOTO, "JPEG"), 0xE1, b"Exif\0\0" + block)
    assert np.array_equal(decode(data).pixels, make.by_pillow(make.saved(PHOTO, "JPEG")))


def test_alpha_lies_over_white() -> None:
    data = make.saved(np.dstack([PHOTO, ALPHA]), "PNG")
    picture = decode(data)
    share = ALPHA[..., None] / 255
    assert make.off_by(picture.pixels, np.rint(PHOTO * share + 255 * (1 - share))) == 0
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, ALPHA)


def test_clear_pixels_are_white_and_opaque_ones_need_no_alpha() -> None:
    clear = decode(make.saved(np.dstack([PHOTO, np.zeros_like(ALPHA)]), "PNG"))
    assert clear.pixels.min() == 255
    opaque = decode(make.saved(np.dstack([PHOTO, np.full_like(ALPHA, 255)]), "PNG"))
    assert opaque.alpha is None
    assert np.array_equal(opaque.pixels, PHOTO)


def test_webp_with_alpha() -> None:
    alpha = np.where(ALPHA > 128, 255, 0).astype(np.uint8)
    picture = decode(make.saved(np.dstack([PHOTO, alpha]), "WEBP", lossless=True))
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, alpha)
    assert np.array_equal(picture.pixels, np.where(alpha[..., None] == 0, 255, PHOTO))


def test_grey_with_alpha() -> None:
    picture = decode(make.saved(np.dstack([ALPHA, np.full_like(ALPHA, 51)]), "PNG", "LA"))
    assert make.off_by(picture.pixels[..., 1], np.rint(ALPHA * 0.2 + 204)) == 0


RAMP = np.arange(0, 65536, 64, dtype=np.uint16).reshape(16, 64)


def test_sixteen_bit_grey_is_scaled_and_rounded() -> None:
    picture = decode(make.png(RAMP, 16, 0))
    assert make.off_by(picture.pixels, np.repeat(np.rint(RAMP / 257)[..., None], 3, axis=2)) == 0


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_sixteen_bit_colours_are_right_to_one_level(colour: int, channels: int) -> None:
    samples = np.repeat(RAMP[..., None], channels, axis=2)
    if colour != 2:
        samples[..., -1] = 65535
    assert make.off_by(decode(make.png(samples, 16, colour)).pixels[..., 0], np.rint(RAMP / 257)) <= 1


def test_palette_with_partial_transparency() -> None:
    colours = make.chunk(b"PLTE", bytes((255, 0, 0, 0, 255, 0, 0, 0, 255)))
    indices = np.array([[0, 1, 2]] * 2, np.uint8)
    for depth in (2, 4, 8):
        picture = decode(make.png(indices, depth, 3, colours, make.chunk(b"tRNS", bytes((0, 51)))))
        assert picture.pixels[0].tolist() == [[255, 255, 255], [204, 255, 204], [0, 0, 255]]
        assert picture.alpha is not None
        assert picture.alpha[0].tolist() == [0, 51, 255]
    opaque = decode(make.png(indices, 8, 3, colours))
    assert opaque.pixels[0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_grey_with_one_transparent_level(depth: int) -> None:
    top = 2**depth - 1
    levels = np.array([[0, top, top // 2]], np.uint16)
    picture = decode(make.png(levels, depth, 0, make.chunk(b"tRNS", top.to_bytes(2, "big"))))
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[255, 0, 255]]
    assert picture.pixels[0, :2, 0].tolist() == [0, 255]


def test_rgb_with_one_transparent_colour() -> None:
    pixels = np.array([[[1, 2, 3], [1, 2, 4]]], np.uint8)
    for depth, scale in ((8, 1), (16, 257)):
        key = make.chunk(b"tRNS", b"".join((value * scale).to_bytes(2, "big") for value in (1, 2, 3)))
        picture = decode(make.png(pixels.astype(np.uint16) * scale, depth, 2, key))
        assert picture.alpha is not None
        assert picture.alpha.tolist() == [[0, 255]]
        assert picture.pixels.tolist() == [[[255, 255, 255], [1, 2, 4]]]


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 2), (4, 9), (13, 11), (60, 80)])
def test_interlaced_png(width: int, height: int) -> None:
    pixels = make.photo(width, height)
    data = make.interlaced_png(pixels)
    assert np.array_equal(decode(data).pixels, pixels)
    assert reason(make.interlaced_png(pixels, lines_left_out=1)) == "truncated"


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "GIF"])
def test_animations_are_refused(file_format: str) -> None:
    file = io.BytesIO()
    frames = [Image.fromarray(make.photo(seed=seed)) for seed in range(3)]
    frames[0].save(file, file_format, save_all=True, append_images=frames[1:])
    assert reason(file.getvalue()) == ("unsupported_format" if file_format == "GIF" else "animated")


def test_animation_of_one_frame_is_a_picture() -> None:
    animation = make.chunk(b"acTL", b"\0\0\0\1\0\0\0\0")
    assert np.array_equal(decode(make.png(PHOTO, 8, 2, animation)).pixels, PHOTO)


@pytest.mark.parametrize("file_format", ["GIF", "BMP", "TIFF", "ICO", "PPM", "AVIF"])
def test_other_formats_are_named(file_format: str) -> None:
    expected = "not_an_image" if file_format == "PPM" else "unsupported_format"
    assert reason(make.saved(PHOTO, file_format)) == expected


@pytest.mark.parametrize("data", [b"hello", b"\x89PNG", b"RIFF\0\0\0\0WAVE", b"<html>", bytes(100)])
def test_what_is_no_image(data: bytes) -> None:
    assert reason(data) == "not_an_image"


def test_nothing() -> None:
    assert reason(b"") == "empty_file"


def test_jpeg_kinds_that_are_refused() -> None:
    data = make.saved(PHOTO, "JPEG")
    frame = data.index(b"\xff\xc0")
    twelve_bits = data[: frame + 4] + b"\x0c" + data[frame + 5 :]
    lossless = data[: frame + 1] + b"\xc3" + data[frame + 2 :]
    assert reason(twelve_bits) == reason(lossless) == "unsupported_format"


def test_jpeg_with_unusual_chroma_sampling() -> None:
    """One MCU of 1 + 4 + 1 flat blocks, by hand: turbojpeg refuses the sampling, Pillow does not."""
    source = make.saved(np.full((8, 8, 3), 128, np.uint8), "JPEG")
    tables = source[source.index(b"\xff\xdb") : source.index(b"\xff\xc0")]
    codes = source[source.index(b"\xff\xc4") : source.index(b"\xff\xda")]
    frame = make.segment(0xC0, b"\x08\0\x10\0\x10\x03" + bytes((1, 0x11, 0, 2, 0x22, 0, 3, 0x11, 0)))
    scan = make.segment(0xDA, bytes((3, 1, 0, 2, 0, 3, 0, 0, 63, 0)))
    bits = ("001010" * 6).ljust(40, "1")
    body = int(bits, 2).to_bytes(5, "big")
    data = b"\xff\xd8" + tables + frame + codes + scan + body + b"\xff\xd9"
    assert inspect(data).width == 16
    assert decode(data).pixels.tolist() == np.full((16, 16, 3), 128).tolist()
    assert decode(data, min_side=4).pixels.shape == (4, 4, 3)


def test_jpeg_with_scan_parameters_that_lie() -> None:
    data = make.saved(PHOTO, "JPEG")
    scan = data.index(b"\xff\xda")
    lying = data[: scan + 12] + b"\0" + data[scan + 13 :]
    assert np.array_equal(decode(lying).pixels, decode(data).pixels)


def test_reasons_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(Unreadable("animated", "It moves.")))
    assert (error.reason, error.detail, str(error)) == ("animated", "It moves.", "animated: It moves.")


def test_min_side_must_be_a_size() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        decode(make.saved(PHOTO, "JPEG"), min_side=0)
