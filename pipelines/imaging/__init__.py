"""Bytes to pixels and back: one policy for every image that enters or leaves Tessera.

The only door to Pillow, simplejpeg, OpenCV and libvips. Whatever was uploaded, `decode` gives 8-bit sRGB seen
the right way up over white, or raises `Unreadable` with a reason; nothing else leaves this package for
any bytes. What a picture means (palettes, labels, hashes) does not belong here.
"""

from pipelines.imaging.encode import encode_jpeg, encode_png
from pipelines.imaging.errors import Reason, Unreadable
from pipelines.imaging.policy import Header, Picture, decode, inspect
from pipelines.imaging.resize import bicubic, padded, resized
from pipelines.imaging.stored import Format
from pipelines.imaging.warp import transformed

__all__ = [
    "Format",
    "Header",
    "Picture",
    "Reason",
    "Unreadable",
    "bicubic",
    "decode",
    "encode_jpeg",
    "encode_png",
    "inspect",
    "padded",
    "resized",
    "transformed",
]
