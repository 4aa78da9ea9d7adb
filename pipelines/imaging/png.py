"""PNG: every chunk is walked and its checksum tested; Pillow sees only those that make the picture.

Pillow checks no checksum of pixel data, unpacks text however long, and scales grey samples below 8 bits
but not the transparent one among them; so the walk is ours.
"""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, PngImagePlugin  # noqa: F401  # the plug-in registers itself

from pipelines.imaging.errors import Unreadable
from pipelines.imaging.exif import orientation
from pipelines.imaging.limits import MAX_CHUNKS, MAX_PROFILE_BYTES, check_size
from pipelines.imaging.stored import Samples, Stored

MAGIC = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGB_ALPHA = 0, 2, 3, 4, 6
_MODES = {_GREY: "L", _RGB: "RGB", _PALETTE: "P", _GREY_ALPHA: "LA", _RGB_ALPHA: "RGBA"}
_DEPTHS = {_GREY: (1, 2, 4, 8, 16), _PALETTE: (1, 2, 4, 8)}
_SAMPLES = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGB_ALPHA: 4}
_ONE_PASS = ((0, 0, 1, 1),)  # first column and line, steps to the next ones
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_STEP, _UNPACKED_STEP = 2**16, 2**20  # bytes held at a time while lengths are checked
_OUR_CHUNKS = frozenset({b"PLTE", b"tRNS", b"IDAT", b"iCCP", b"eXIf", b"acTL"})


def read(data: bytes) -> Stored:
    """Walk all chunks; raise `Unreadable` for a size, an animation or damage that is not accepted."""
    width, height, depth, colour, interlace = _first(data)
    check_size(width, height)
    chunks: dict[bytes, list[bytes]] = {}
    for kind, content in _chunks(data):
        if kind in _OUR_CHUNKS:
            chunks.setdefault(kind, []).append(content)
        if kind == b"acTL" and content[:4] != b"\0\0\0\1":  # one frame only: a picture, if an odd one
            raise Unreadable("animated", "The picture moves; only still ones are accepted.")
    if colour == _PALETTE and b"PLTE" not in chunks:
        raise Unreadable("corrupt", "The picture's palette is missing.")
    _check_length(chunks.get(b"IDAT", []), _length(width, height, depth * _SAMPLES[colour], interlace))
    stored = Stored("png", width, height, _mode(depth, colour), _lean(data, chunks, colour))
    stored.orientation = orientation(chunks.get(b"eXIf", [b""])[0].removeprefix(b"Exif\0\0"))
    stored.profile = _profile(chunks.get(b"iCCP", [b""])[0])
    stored.alpha_key = _alpha_key(chunks.get(b"tRNS", [b""])[0], depth, colour)
    return stored


def _first(data: bytes) -> tuple[int, int, int, int, int]:
    length, kind, width, height, depth, colour, interlace = struct.unpack_from(">I4sIIBB2xB", data, len(MAGIC))
    is_known = colour in _MODES and depth in _DEPTHS.get(colour, (8, 16)) and interlace in (0, 1)
    if (length, kind) != (13, b"IHDR") or not is_known:
        raise Unreadable("corrupt", "The file's header is not one that a PNG picture can have.")
    return width, height, depth, colour, interlace


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (name, content) of the chunks after the first one, up to the end chunk, which must be there."""
    view, pos = memoryview(data), len(MAGIC)
    for position in range(MAX_CHUNKS):
        length, kind = struct.unpack_from(">I4s", data, pos)
        (checksum,) = struct.unpack_from(">I", data, pos + 8 + length)
        if zlib.crc32(view[pos + 4 : pos + 8 + length]) != checksum:
            raise Unreadable("corrupt", f"A part of the file ({kind!r}) does not match its checksum.")
        if kind == b"IEND":
            return
        if position and kind == b"IHDR":  # Pillow would believe the second one
            raise Unreadable("corrupt", "The file has two headers.")
        if position:
            yield kind, data[pos + 8 : pos + 8 + length]
        pos += 12 + length
    raise Unreadable("corrupt", "The file is cut into more parts than any program writes.")


def _length(width: int, height: int, bits: int, interlace: int) -> int:
    """Return how many bytes the lines of a picture have, each behind one byte for its filter."""
    total = 0
    for left, top, right, down in _ADAM7 if interlace else _ONE_PASS:
        across, lines = -(-(width - left) // right), -(-(height - top) // down)
        if across > 0 and lines > 0:
            total += lines * (1 + (across * bits + 7) // 8)
    return total


def _check_length(parts: list[bytes], needed: int) -> None:
    """Raise if the compressed pixels end before `needed` bytes; Pillow leaves whole missing lines black."""
    unpack = zlib.decompressobj()
    for part in parts:
        for start in range(0, len(part), _STEP):
            packed = part[start : start + _STEP]
            while packed and needed > 0:
                needed -= len(unpack.decompress(packed, _UNPACKED_STEP))
                packed = unpack.unconsumed_tail
    if needed > 0:
        raise Unreadable("truncated", "The file's pixels end before the picture does.")


def _mode(depth: int, colour: int) -> str:
    return {(1, _GREY): "1", (16, _GREY): "I;16"}.get((depth, colour), _MODES[colour])


def _lean(data: bytes, chunks: dict[bytes, list[bytes]], colour: int) -> bytes:
    """Return the same picture without text, time, profile or private chunks."""
    parts = [data[: len(MAGIC) + 25]]
    if colour == _PALETTE:
        parts += [_chunk(kind, chunks[kind][0]) for kind in (b"PLTE", b"tRNS") if kind in chunks]
    parts += [_chunk(b"IDAT", b"".join(chunks.get(b"IDAT", []))), _chunk(b"IEND", b"")]
    return b"".join(parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(content)), kind, content, struct.pack(">I", checksum)))


def _profile(iccp: bytes) -> bytes | None:
    _name, _, packed = iccp.partition(b"\0")
    unpack = zlib.decompressobj()
    try:
        profile = unpack.decompress(packed[1:], MAX_PROFILE_BYTES)  # byte 0: the method, always deflate
    except zlib.error:
        return None
    return profile if unpack.eof else None


def _alpha_key(trns: bytes, depth: int, colour: int) -> tuple[int, ...] | None:
    """Return the transparent sample or colour in the scale that Pillow gives the pixels in."""
    samples = {_GREY: 1, _RGB: 3}.get(colour, 0)
    if not trns or not samples:
        return None
    key = struct.unpack_from(f">{samples}H", trns)
    if depth == 16:  # Pillow keeps 16 bits of grey, and the upper 8 of colours
        return key if colour == _GREY else tuple(sample >> 8 for sample in key)
    return tuple(sample * 255 // (2**depth - 1) for sample in key)


def prove(stored: Stored) -> None:
    """Decode everything and keep nothing; raise if any of it is damaged."""
    with _opened(stored):
        pass


def load(stored: Stored, factor: int) -> tuple[Samples, Samples | None]:
    """Return full-size samples, (h, w) grey or (h, w, 3) RGB, and the alpha plane (h, w) if there is one.

    16-bit grey is divided by 257 and rounded. Of 16-bit colours Pillow keeps the upper byte, which is at
    most one level lower. `factor` is left to the caller.
    """
    del factor
    with _opened(stored) as image:
        if stored.alpha_key is not None:
            return _keyed(image, stored.alpha_key)
        if "transparency" in image.info:  # of a palette: the other kinds never reach Pillow
            return _split(image.convert("RGBA"))
        if image.mode in ("LA", "RGBA"):
            return _split(image)
        return _eight_bits(image), None


def _split(image: Image.Image) -> tuple[Samples, Samples]:
    *colours, alpha = (np.array(image.getchannel(band)) for band in image.getbands())
    return (colours[0] if len(colours) == 1 else np.dstack(colours)), alpha


def _opened(stored: Stored) -> Image.Image:
    image = Image.open(io.BytesIO(stored.body), formats=("PNG",))
    image.load()
    return image


def _keyed(image: Image.Image, key: tuple[int, ...]) -> tuple[Samples, Samples]:
    samples = np.asarray(image.convert("L") if image.mode == "1" else image)
    is_clear = samples == key[0] if samples.ndim == 2 else (samples == np.array(key, np.uint8)).all(axis=2)
    return _eight_bits(image), np.where(is_clear, np.uint8(0), np.uint8(255))


def _eight_bits(image: Image.Image) -> Samples:
    if image.mode == "I;16":
        return ((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8)
    shown = {"1": "L", "P": "RGB"}.get(image.mode)
    return np.array(image.convert(shown) if shown else image)
