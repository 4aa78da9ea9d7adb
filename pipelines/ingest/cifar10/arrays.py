"""Arrays: the one kind that CIFAR-10's pickles hold, and the three names and two calls that they make it with.

A name is recognised, never looked up; what a call would make is made here, from arguments that are known beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray


class Refused(Exception):
    """Why a pickle is not read any further."""


class Name(Enum):
    """What a pickle may name."""

    RECONSTRUCT = auto()
    NDARRAY = auto()
    DTYPE = auto()


_NAMES = {
    b"numpy.core.multiarray\n_reconstruct\n": Name.RECONSTRUCT,
    b"numpy._core.multiarray\n_reconstruct\n": Name.RECONSTRUCT,  # since numpy 2
    b"numpy\nndarray\n": Name.NDARRAY,
    b"numpy\ndtype\n": Name.DTYPE,
}
_NAME_BYTES = max(map(len, _NAMES))
# The state of dtype("u1"): version, byte order, no fields, no size or alignment of its own, no flags.
_BYTE_STATE = (3, "|", None, None, None, -1, -1, 0)


class ByteType:
    """The type of an array: uint8, as there is no other."""


@dataclass(eq=False)
class Array:
    """An array on its way: empty until its content comes."""

    rows: NDArray[np.uint8] | None = None


def names_end(data: bytes, start: int) -> int:
    """Return where the two lines of a name (module and name) end that begin at `start`, or are too long for ours."""
    middle = data.find(b"\n", start, start + _NAME_BYTES)
    end = data.find(b"\n", middle + 1, start + _NAME_BYTES) if middle >= 0 else -1
    return end + 1 if end >= 0 else min(start + _NAME_BYTES, len(data))


def named(written: bytes) -> Name:
    """Return what two lines name. Raises Refused."""
    if written not in _NAMES:
        name = written.replace(b"\n", b".").decode("latin-1").removesuffix(".")
        raise Refused(f"it names {name!r}, which no array needs")
    return _NAMES[written]


def called(function: object, arguments: object) -> Array | ByteType:
    """Return what the two known calls would make, without a call. Raises Refused."""
    match function, arguments:
        case Name.RECONSTRUCT, (Name.NDARRAY, (0,), (b"b" | "b")):
            return Array()
        case Name.DTYPE, ((b"u1" | "u1"), (0 | False), (1 | True)):
            return ByteType()
        case _:
            raise Refused("it calls something, or makes an array of anything but bytes")


def fill(target: object, state: object) -> None:
    """Give an array its content, and a type what it has anyway. Raises Refused."""
    match target, state:
        case Array(rows=None), (1, (int(rows), int(columns)), ByteType(), (0 | False), bytes(content)):
            target.rows = _rows(rows, columns, content)
        case ByteType(), (version, (b"|" | "|"), *rest) if (version, "|", *rest) == _BYTE_STATE:
            pass
        case _:
            raise Refused("it fills something other than an array of bytes in two dimensions, in C order")


def _rows(rows: int, columns: int, content: bytes) -> NDArray[np.uint8]:
    if rows < 0 or columns < 1 or rows * columns != len(content):
        raise Refused(f"its array of {rows} x {columns} has {len(content)} bytes")
    return np.frombuffer(content, np.uint8).reshape(rows, columns)
