"""JPEG: a bounded walk over the segments before the pixels, and simplejpeg for the pixels.

The walk finds all that the policy needs (size, orientation, colour profile) in a few microseconds;
opening Pillow for it would cost more than decoding a thumbnail.
"""

import io
import struct

import numpy as np
import simplejpeg
from PIL import Image, JpegImagePlugin  # noqa: F401  # the plug-in registers itself

from pipelines.imaging.colour import reduced
from pipelines.imaging.errors import Unreadable
from pipelines.imaging.exif import orientation
from pipelines.imaging.limits import MAX_PROFILE_BYTES, check_size
from pipelines.imaging.stored import Samples, Stored

_MAX_SEGMENTS = 4_096  # before the picture; a real file has some 10, with a large profile 50
# A progressive scan of any picture fits into a few bytes and costs a pass over all its pixels.
_MAX_SCANS = 256

_SEGMENT = struct.Struct(">HH")  # marker, length
_FRAME = struct.Struct(">BHHB")  # bits a sample, height, width, components
_PADDING, _EXIF, _ICC = 0xFFFF, 0xFFE1, 0xFFE2
_STANDALONE = frozenset({0xFF01, *range(0xFFD0, 0xFFD9)})
_FRAMES = frozenset(range(0xFFC0, 0xFFD0)) - {0xFFC4, 0xFFC8, 0xFFCC}
_PROGRESSIVE = frozenset({0xFFC2, 0xFFCA})
_ACCEPTED = _PROGRESSIVE | {0xFFC0, 0xFFC1, 0xFFC9}  # the rest is lossless or hierarchical
_SKIPPED = frozenset({0xFFC4, 0xFFCC, 0xFFDB, 0xFFDC, 0xFFDD, 0xFFFE, 0xFFE0, *range(0xFFE3, 0xFFF0)})
_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
_COLORSPACES = {"L": "gray", "RGB": "rgb", "CMYK": "cmyk"}

# turbojpeg refuses some sound files that libjpeg itself decodes: chroma sampled in unusual steps, and
# scans whose parameters say "progressive" in a file that is not (some phones write them).
_PILLOW_CAN = ("subsampling", "Invalid SOS parameters")


def read(data: bytes) -> Stored:
    """Walk the segments up to the frame header; raise `Unreadable` for what cannot be a picture."""
    turn, pos = 1, 2
    profile: dict[int, bytes] = {}
    unpack = _SEGMENT.unpack_from
    for _ in range(_MAX_SEGMENTS):
        marker, length = unpack(data, pos)
        if marker not in _SKIPPED:
            if marker in _FRAMES:
                return _frame(data, pos, marker, turn, _joined(profile) if profile else None)
            if marker == _EXIF and data.startswith(b"Exif\0\0", pos + 4):
                turn = orientation(data, pos + 10)
            elif marker == _ICC and data.startswith(b"ICC_PROFILE\0", pos + 4):
                profile[data[pos + 16]] = data[pos + 18 : pos + 2 + length]
            elif marker not in (_EXIF, _ICC):
                pos += _step(marker)
                continue
        pos += 2 + length
    raise Unreadable("corrupt", "The file is cut into more parts than any program writes.")


def _step(marker: int) -> int:
    """Return the length in bytes of a marker that carries no data."""
    if marker == _PADDING:
        return 1
    if marker in _STANDALONE:
        return 2
    raise Unreadable("corrupt", f"Something else ({marker:04x}) stands where the picture should begin.")


def _frame(data: bytes, pos: int, marker: int, turn: int, profile: bytes | None) -> Stored:
    precision, height, width, components = _FRAME.unpack_from(data, pos + 4)
    check_size(width, height)
    mode = _MODES.get(components)
    if precision != 8 or mode is None or marker not in _ACCEPTED:
        raise Unreadable("unsupported_format", "This kind of JPEG (not 8-bit, or lossless) is not accepted.")
    if marker in _PROGRESSIVE and data.count(b"\xff\xda") > _MAX_SCANS:
        raise Unreadable("corrupt", "The picture is cut into more layers than any camera writes.")
    return Stored("jpeg", width, height, mode, data, turn, profile)


def _joined(parts: dict[int, bytes]) -> bytes | None:
    profile = b"".join(part for _, part in sorted(parts.items()))
    return profile if len(profile) <= MAX_PROFILE_BYTES else None


def prove(stored: Stored) -> None:
    """Decode all of the data but keep only an eighth of the pixels; raise if any of it is damaged."""
    colorspace = "cmyk" if stored.mode == "CMYK" else "gray"  # grey: no chroma to resample
    pixels_as(stored, colorspace, 8)


def is_plain(stored: Stored) -> bool:
    """Return whether `pixels_as` "rgb" is the answer already."""
    return stored.profile is None and stored.orientation == 1 and stored.mode != "CMYK"


def load(stored: Stored, factor: int) -> tuple[Samples, None]:
    """Return the samples, 1/`factor` of the stored size: (h, w), (h, w, 3), or (h, w, 4) CMYK ink.

    Every decoder and browser takes CMYK in JPEG for inverted, with Adobe's marker or without it.
    """
    pixels = pixels_as(stored, _COLORSPACES[stored.mode], factor)
    if stored.mode == "CMYK":
        np.subtract(255, pixels, out=pixels)
    return (pixels[..., 0] if stored.mode == "L" else pixels), None


def pixels_as(stored: Stored, colorspace: str, factor: int) -> Samples:
    """Return (h, w, channels) in turbojpeg's "gray", "rgb" or "cmyk", 1/`factor` of the stored size."""
    # turbojpeg rounds up, and takes the smallest of its scales that reaches both figures; 0 = full size
    height, width = (-(-stored.height // factor), -(-stored.width // factor)) if factor > 1 else (0, 0)
    try:
        # By position: fast DCT off, fast upsampling off (they move colours by up to 60 levels).
        pixels: Samples = simplejpeg.decode_jpeg(stored.body, colorspace, False, False, height, width)
    except ValueError as error:
        if not any(words in str(error) for words in _PILLOW_CAN):
            raise
        return _by_pillow(stored, colorspace, factor)
    return pixels


def _by_pillow(stored: Stored, colorspace: str, factor: int) -> Samples:
    with Image.open(io.BytesIO(stored.body), formats=("JPEG",)) as image:
        image.load()
        if colorspace == "cmyk":
            samples = np.subtract(255, np.array(image), dtype=np.uint8)  # Pillow has inverted it already
        else:
            samples = np.array(image.convert("L" if colorspace == "gray" else "RGB"))
    return np.atleast_3d(samples if factor == 1 else reduced(samples, factor))
