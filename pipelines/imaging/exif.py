"""The one thing EXIF is asked for: how the camera was held. All else in it is left unread."""

import struct
from typing import NamedTuple

import numpy as np

from pipelines.imaging.stored import Samples

_ORIENTATION = 0x0112
_LONG = 4  # the type of a 32-bit value; orientation should be a SHORT, of 16
_UPRIGHT = 1


class _ByteOrder(NamedTuple):
    long: struct.Struct
    short: struct.Struct
    entry: struct.Struct  # tag, type, count, value


_BYTE_ORDERS = {
    magic: _ByteOrder(*(struct.Struct(order + form) for form in ("I", "H", "HHI4s")))
    for magic, order in ((b"II*\0", "<"), (b"MM\0*", ">"))
}


def orientation(data: bytes, at: int = 0) -> int:
    """Return the orientation (1..8) in the EXIF block at `at`; 1 where it tells none or is damaged."""
    order = _BYTE_ORDERS.get(data[at : at + 4])
    if order is None:
        return _UPRIGHT
    try:
        (first,) = order.long.unpack_from(data, at + 4)
        (entries,) = order.short.unpack_from(data, at + first)
        start = at + first + 2
        for tag, kind, _count, value in order.entry.iter_unpack(data[start : start + 12 * entries]):
            if tag == _ORIENTATION:
                (found,) = (order.long if kind == _LONG else order.short).unpack_from(value)
                return found if 1 <= found <= 8 else _UPRIGHT
    except struct.error:
        pass
    return _UPRIGHT


def upright(pixels: Samples, turn: int) -> Samples:
    """Return `pixels` (h, w, ...) as they are to be looked at, C-contiguous; `turn` is EXIF's 1..8."""
    if turn in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if turn in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if turn in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
