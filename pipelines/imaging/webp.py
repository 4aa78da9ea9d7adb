"""WEBP: a walk over the RIFF chunks for size, animation, profile and orientation; Pillow for the pixels."""

import io
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image, WebPImagePlugin  # noqa: F401  # the plug-in registers itself

from pipelines.imaging.errors import Unreadable
from pipelines.imaging.exif import orientation
from pipelines.imaging.limits import MAX_CHUNKS, MAX_PROFILE_BYTES, check_size
from pipelines.imaging.stored import Samples, Stored

_ALPHA = 0x10  # flag in the extended header


def read(data: bytes) -> Stored:
    """Walk all chunks; raise `Unreadable` for a size, an animation or damage that is not accepted."""
    width, height, has_alpha = _first(data)
    check_size(width, height)
    stored = Stored("webp", width, height, "RGBA" if has_alpha else "RGB", data)
    frames = 0
    for kind, start, end in _chunks(data):
        if kind == b"ANMF":
            frames += 1
        elif kind == b"EXIF":
            stored.orientation = orientation(data[start:end].removeprefix(b"Exif\0\0"))
        elif kind == b"ICCP" and end - start <= MAX_PROFILE_BYTES:
            stored.profile = data[start:end]
    if frames > 1:
        raise Unreadable("animated", "The picture moves; only still ones are accepted.")
    return stored


def _first(data: bytes) -> tuple[int, int, bool]:
    """Return width, height and whether there is an alpha plane, from the first of three kinds of chunk."""
    kind = data[12:16]
    if kind == b"VP8X":
        flags, wide, high = struct.unpack_from("<B3x3s3s", data, 20)
        size = int.from_bytes(wide, "little") + 1, int.from_bytes(high, "little") + 1
        return *size, bool(flags & _ALPHA)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF, False
    raise Unreadable("corrupt", "The file's header is not one that a WEBP picture can have.")


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, start, end) of every chunk; the file must be as long as it says."""
    pos, whole = 12, 8 + struct.unpack_from("<I", data, 4)[0]
    if whole > len(data):
        raise Unreadable("truncated", f"The file should have {whole:,} bytes and has {len(data):,}.")
    for _ in range(MAX_CHUNKS):
        if pos + 8 > whole:
            return
        kind, length = struct.unpack_from("<4sI", data, pos)
        yield kind, pos + 8, pos + 8 + length
        pos += 8 + length + (length & 1)
    raise Unreadable("corrupt", "The file is cut into more parts than any program writes.")


def prove(stored: Stored) -> None:
    """Decode everything and keep nothing; raise if any of it is damaged."""
    with _opened(stored):
        pass


def load(stored: Stored, factor: int) -> tuple[Samples, Samples | None]:
    """Return full-size RGB (h, w, 3) and the alpha plane (h, w) if there is one.

    `factor` is left to the caller.
    """
    del factor
    with _opened(stored) as image:
        alpha = np.array(image.getchannel("A")) if image.mode == "RGBA" else None
        return np.array(image.convert("RGB")), alpha


def _opened(stored: Stored) -> Image.Image:
    image = Image.open(io.BytesIO(stored.body), formats=("WEBP",))
    image.load()
    return image
