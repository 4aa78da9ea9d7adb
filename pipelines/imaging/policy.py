"""The policy itself: what is accepted, and how every accepted picture becomes 8-bit sRGB.

In this order: size limits, format, header limits, decode, sRGB, over white, reduced, upright.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from pipelines.imaging import cifar10, jpeg, png, webp
from pipelines.imaging.colour import over_white, reduced, to_srgb
from pipelines.imaging.errors import Unreadable, guarded
from pipelines.imaging.exif import upright
from pipelines.imaging.limits import LARGE_PIXELS, check_bytes, large_turn
from pipelines.imaging.stored import Format, Samples, Stored, reduction


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself.

    Attributes:
        format: "jpeg", "png", "webp" or "cifar10".
        width: pixels as stored, before EXIF orientation.
        height: pixels as stored.
        mode: how colours are stored, in Pillow's words: 1, L, I;16, P, LA, RGB, RGBA or CMYK.
    """

    format: Format
    width: int
    height: int
    mode: str


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as a person sees it.

    Attributes:
        pixels: (h, w, 3) uint8 sRGB, C-contiguous, upright, over white.
        alpha: (h, w) uint8, 255 = opaque; None = opaque everywhere.
    """

    pixels: Samples
    alpha: Samples | None


class _Codec(NamedTuple):
    read: Callable[[bytes], Stored]
    prove: Callable[[Stored], None]
    load: Callable[[Stored, int], tuple[Samples, Samples | None]]


_CODECS: dict[Format, _Codec] = {
    "jpeg": _Codec(jpeg.read, jpeg.prove, jpeg.load),
    "png": _Codec(png.read, png.prove, png.load),
    "webp": _Codec(webp.read, webp.prove, webp.load),
    "cifar10": _Codec(cifar10.read, cifar10.prove, cifar10.load),
}

# First bytes of formats that people do send; only for a kinder answer than "not an image".
_REFUSED = {
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"8BPS": "PSD",
    b"\0\0\1\0": "ICO",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"<svg": "SVG",
    b"%PDF": "PDF",
}


def inspect(data: bytes, format: str | None = None) -> Header:  # noqa: A002  # the word of the column it comes from
    """Return what the file says of itself, once all of it has been decoded without a complaint.

    `format` is what `images` says of the bytes; only "cifar10" decides, as all others tell by themselves.

    Raises:
        Unreadable: for every file that `decode` would refuse.
        ValueError: for a `format` that is none of ours.
    """
    _check_format(format)
    return guarded(_inspect, data, format)


def _check_format(format: str | None) -> None:  # noqa: A002
    if format is not None and format not in _CODECS:
        raise ValueError(f"a picture's format is one of {', '.join(_CODECS)}, not {format!r}")


def _inspect(data: bytes, given: str | None) -> Header:
    codec = _codec(data, given)
    stored = codec.read(data)
    if stored.pixels <= LARGE_PIXELS:
        codec.prove(stored)
    else:
        with large_turn:
            codec.prove(stored)
    return Header(stored.format, stored.width, stored.height, stored.mode)


def decode(data: bytes, min_side: int | None = None, format: str | None = None) -> Picture:  # noqa: A002
    """Return the picture in `data`, normalised.

    A picture so large that 1/2, 1/4 or 1/8 of it still has both sides at least `min_side` pixels long
    comes back as the smallest of these (sides rounded up); smaller ones come back as they are.
    `format` is as in `inspect`.

    Raises:
        Unreadable: for bytes that are not an acceptable picture, with the reason.
        ValueError: for a `min_side` below 1, or a `format` that is none of ours.
    """
    _check_format(format)
    if min_side is not None and min_side < 1:
        raise ValueError(f"min_side is a number of pixels, at least 1, not {min_side}")
    return guarded(_decode, data, min_side, format)


def _decode(data: bytes, min_side: int | None, given: str | None) -> Picture:
    codec = _codec(data, given)
    stored = codec.read(data)
    factor = 1 if min_side is None else reduction(stored, min_side)
    if stored.pixels <= LARGE_PIXELS:
        return _picture(stored, codec, factor)
    with large_turn:
        return _picture(stored, codec, factor)


def _picture(stored: Stored, codec: _Codec, factor: int) -> Picture:
    if stored.format == "jpeg" and jpeg.is_plain(stored):
        return Picture(jpeg.pixels_as(stored, "rgb", factor), None)
    samples, alpha = codec.load(stored, factor)
    pixels = to_srgb(samples, stored.profile)
    if alpha is not None and alpha.min() == 255:
        alpha = None
    if alpha is not None:
        pixels = over_white(pixels, alpha)
    if factor > 1 and stored.format != "jpeg":  # a JPEG came reduced from its decoder
        pixels, alpha = reduced(pixels, factor), None if alpha is None else reduced(alpha, factor)
    turn = stored.orientation
    return Picture(upright(pixels, turn), None if alpha is None else upright(alpha, turn))


def _codec(data: bytes, given: str | None) -> _Codec:
    check_bytes(data)
    if given == "cifar10":  # never sniffed: a row of pixels may begin like any file
        return _CODECS["cifar10"]
    if data.startswith(b"\xff\xd8\xff"):
        return _CODECS["jpeg"]
    if data.startswith(png.MAGIC):
        return _CODECS["png"]
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _CODECS["webp"]
    raise _refusal(data)


def _refusal(data: bytes) -> Unreadable:
    name = next((name for magic, name in _REFUSED.items() if data.startswith(magic)), None)
    if data[4:8] == b"ftyp":  # the container of AVIF, HEIC, and of films
        name = "AVIF or HEIC"
    if name is None:
        return Unreadable("not_an_image", "The file is not a picture that we know.")
    return Unreadable("unsupported_format", f"{name} files are not accepted; JPEG, PNG and WEBP are.")
