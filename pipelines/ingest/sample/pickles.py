"""Pickles: the few opcodes that CIFAR-10's files are made of, written by hand, never read.

Python 3's own pickler cannot write them: for bytes it calls `_codecs.encode` and for arrays it names today's
private numpy modules, which readers that allow only what the genuine files need must refuse.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

Value = int | bytes | list["Value"] | dict[bytes, "Value"] | NDArray[np.uint8]

_RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
_EMPTY_ARRAY = b"cnumpy\nndarray\nK\x00\x85U\x01b\x87R"  # _reconstruct(ndarray, (0,), b"b")
_BYTE = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"  # dtype("u1")


def pickled(value: Value) -> bytes:
    """Return the value as a pickle of protocol 2, with bytes as Python 2 wrote its texts."""
    return b"\x80\x02" + _written(value) + b"."


def _written(value: Value) -> bytes:
    if isinstance(value, dict):
        return b"}(" + b"".join(_written(key) + _written(item) for key, item in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(_written(item) for item in value) + b"e"
    if isinstance(value, bytes):
        return b"U" + bytes([len(value)]) + value if len(value) < 256 else b"T" + struct.pack("<i", len(value)) + value
    return _written_number(value) if isinstance(value, int) else _written_array(value)


def _written_number(value: int) -> bytes:
    if 0 <= value < 256:
        return b"K" + bytes([value])
    return b"M" + struct.pack("<H", value) if 0 <= value < 65_536 else b"J" + struct.pack("<i", value)


def _written_array(array: NDArray[np.uint8]) -> bytes:
    rows, columns = array.shape
    shape = _written_number(rows) + _written_number(columns) + b"\x86"
    state = b"(K\x01" + shape + _BYTE + b"\x89" + _written(array.tobytes()) + b"t"  # version, shape, type, C order
    return _RECONSTRUCT + _EMPTY_ARRAY + state + b"b"
