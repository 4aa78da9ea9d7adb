"""Pictures for the tests of imaging: made by hand where a program would refuse to make them."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def photo(width: int = 60, height: int = 80, channels: int = 3, seed: int = 0) -> Array:
    """Return a smooth uint8 picture (h, w, channels), or (h, w) for one channel."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 5, channels), dtype=np.uint8)
    planes = [
        np.asarray(Image.fromarray(coarse[..., i]).resize((width, height), Image.Resampling.BICUBIC))
        for i in range(channels)
    ]
    return planes[0] if channels == 1 else np.stack(planes, axis=-1)


def saved(pixels: Array, file_format: str, mode: str | None = None, **options: Any) -> bytes:
    """Return `pixels` as Pillow writes them."""
    file = io.BytesIO()
    Image.fromarray(pixels, mode).save(file, file_format, **options)
    return file.getvalue()


def by_pillow(data: bytes) -> Array:
    """Return what Pillow's plain `convert("RGB")` gives."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def off_by(one: Array, other: Array) -> int:
    """Return the largest difference between two pictures, in levels."""
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def exif(turn: int, order: str = ">") -> bytes:
    """Return a TIFF block with three entries, one of them the orientation."""
    entries = ((0x0100, 4, 60), (0x0112, 3, turn), (0x0128, 3, 2))
    block = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "IH", 8, len(entries))
    for tag, kind, value in entries:
        block += struct.pack(order + "HHI", tag, kind, 1)
        block += struct.pack(order + ("I" if kind == 4 else "HH"), *((value,) if kind == 4 else (value, 0)))
    return block + bytes(4)


def segment(marker: int, content: bytes) -> bytes:
    """Return one JPEG segment."""
    return struct.pack(">HH", 0xFF00 | marker, len(content) + 2) + content


def with_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    """Return the JPEG with a segment put right behind its start."""
    return jpeg[:2] + segment(marker, content) + jpeg[2:]


def jpeg_header(width: int, height: int) -> bytes:
    """Return the start of a JPEG that claims a size; 12 bytes of pixels follow."""
    frame = struct.pack(">BHHB", 8, height, width, 3) + bytes((1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0))
    return b"\xff\xd8" + segment(0xC0, frame) + segment(0xDA, bytes((3, 1, 0, 2, 0, 3, 0, 0, 63, 0))) + bytes(12)


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return one PNG chunk with its checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def ihdr(width: int, height: int, depth: int, colour: int, interlace: int = 0) -> bytes:
    """Return a PNG header chunk."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def png(samples: Array, depth: int, colour: int, *extra: bytes) -> bytes:
    """Return a PNG of raw `samples` (h, w) or (h, w, c), with `extra` chunks before the pixels."""
    height, width = samples.shape[:2]
    rows = samples.reshape(height, -1)
    if depth < 8:
        bits = np.unpackbits(rows.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :].reshape(height, -1)
        lines = [np.packbits(row).tobytes() for row in bits]
    else:
        lines = [row.astype(">u2" if depth == 16 else np.uint8).tobytes() for row in rows]
    body = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + line for line in lines)))
    return PNG_MAGIC + ihdr(width, height, depth, colour) + b"".join(extra) + body + chunk(b"IEND", b"")


def interlaced_png(pixels: Array, lines_left_out: int = 0) -> bytes:
    """Return an RGB PNG in Adam7's seven passes, less some lines at the end."""
    lines = []
    for x, y, dx, dy in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        part = pixels[y::dy, x::dx]
        lines += [b"\0" + row.tobytes() for row in part] if part.size else []
    body = chunk(b"IDAT", zlib.compress(b"".join(lines[: len(lines) - lines_left_out])))
    return PNG_MAGIC + ihdr(*pixels.shape[1::-1], 8, 2, interlace=1) + body + chunk(b"IEND", b"")


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a WEBP file of (name, content) chunks."""
    parts = [name + struct.pack("<I", len(body)) + body + bytes(len(body) & 1) for name, body in chunks]
    content = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def webp_header(width: int, height: int) -> bytes:
    """Return a lossless WEBP that claims a size."""
    return riff((b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(20)))


def _icc(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    head = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", head + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    d50 = struct.pack(">3i", *(round(value * 65536) for value in (0.9642, 1.0, 0.8249)))
    header = struct.pack(">I4xI4s4s4s12x4s", head + len(body), 0x02400000, b"prtr", space, connection, b"acsp")
    header = header.ljust(68, b"\0") + d50
    return header.ljust(128, b"\0") + table + body


def _s15(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


_GAMMA_22 = b"curv\0\0\0\0" + struct.pack(">IH", 1, 563)  # 563 / 256 = 2.199

# Adobe RGB (1998), adapted to D50: the columns are X, Y, Z of red, green, blue.
ADOBE_RGB_TO_XYZ = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])


def adobe_rgb_profile() -> bytes:
    """Return an ICC profile with Adobe RGB's primaries and curve."""
    columns = {
        name: _s15(*column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), ADOBE_RGB_TO_XYZ.T, strict=True)
    }
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _GAMMA_22)
    return _icc(b"RGB ", b"XYZ ", {b"wtpt": _s15(0.9642, 1.0, 0.8249), **columns, **curves})


def light_grey_profile() -> bytes:
    """Return an ICC profile for grey with a gamma of 1.5 where sRGB has about 2.2."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, 384)
    return _icc(b"GRAY", b"XYZ ", {b"wtpt": _s15(0.9642, 1.0, 0.8249), b"kTRC": curve})


def negative_cmyk_profile() -> bytes:
    """Return an ICC profile for a press whose paper is black: the more black ink, the lighter."""
    ramp = bytes(range(256))
    identity = struct.pack(">9i", *(65536 * (i in (0, 4, 8)) for i in range(9)))
    corners = b"".join(bytes((255 if i & 1 else 0, 128, 128)) for i in range(16))  # K varies fastest; Lab
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity + ramp * 4 + corners + ramp * 3
    return _icc(b"CMYK", b"Lab ", {b"wtpt": _s15(0.9642, 1.0, 0.8249), b"A2B0": table})
