"""Writes hostile pickles, opcode by opcode: what they do, where they hide it, and the marker they would leave."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.ingest.cifar10 import batches
from pipelines.ingest.sample.pickles import pickled

EXTENSION = 77  # a code of copyreg's registry that nobody else uses


@dataclass(frozen=True)
class Case:
    """One hostile pickle; `fires` says that Python's own reader really writes the marker for it."""

    name: str
    make: Callable[[Path], bytes]
    fires: bool = False


# How opcodes are written.


def proto(body: bytes, number: int = 2) -> bytes:
    return b"\x80" + bytes([number]) + body + b"."


def s(value: str | Path | bytes) -> bytes:
    """A text: BINUNICODE."""
    data = value if isinstance(value, bytes) else str(value).encode()
    return b"X" + struct.pack("<I", len(data)) + data


def g(name: str) -> bytes:
    """A GLOBAL, of "module name"."""
    return b"c" + name.replace(" ", "\n").encode() + b"\n"


def call(name: str, *arguments: bytes) -> bytes:
    return g(name) + b"(" + b"".join(arguments) + b"tR"


def stacked(name: str, *arguments: bytes) -> bytes:
    """The same, by STACK_GLOBAL."""
    module, _, word = name.partition(" ")
    return s(module) + s(word) + b"\x93(" + b"".join(arguments) + b"tR"


def touch(marker: Path) -> bytes:
    return s(f"touch {marker}")


def writes(marker: Path) -> bytes:
    return s(f"open({str(marker)!r}, 'w').close()")


def system(marker: Path) -> bytes:
    return call("os system", touch(marker))


def hung(marker: Path) -> bytes:
    """A pickle file for a gadget that loads one."""
    path = marker.with_suffix(".npy")
    path.write_bytes(proto(system(marker)))
    return s(path)


def script(marker: Path) -> bytes:
    path = marker.with_suffix(".py")
    path.write_text(f"open({str(marker)!r}, 'w').close()")
    return s(path)


def memmap(marker: Path) -> bytes:
    return s(marker) + s("u1") + s("w+") + b"K\x00(K\x01t"


def batch(**changed: bytes) -> bytes:
    """A batch of one row, but for the opcodes of the values that are changed."""
    pixels = np.zeros((1, 3072), np.uint8)
    values = {"batch_label": b"U\x01x", "labels": b"](K\x03e", "filenames": b"](U\x01ae"}
    values["data"] = pickled({b"d": pixels})[len(b"\x80\x02}(U\x01d") : -len(b"u.")]
    return proto(b"}(" + b"".join(s(key) + value for key, value in (values | changed).items()) + b"u")


ARRAY = g("numpy.core.multiarray _reconstruct") + g("numpy ndarray") + b"K\x00\x85U\x01b\x87R"
BYTE = g("numpy dtype") + b"U\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
CONTENT = b"T" + struct.pack("<i", 3072) + bytes(3072)
SHAPE = b"K\x01M\x00\x0c\x86"


def array(start: bytes = ARRAY, shape: bytes = SHAPE, kind: bytes = BYTE, rest: bytes = b"\x89" + CONTENT) -> bytes:
    return start + b"(K\x01" + shape + kind + rest + b"tb"


def named(name: str) -> Case:
    """A batch whose array is made by another function."""
    return Case(repr(name)[:60], lambda _: batch(data=array(ARRAY.replace(g("numpy ndarray"), g(name)))))


def fixed(name: str, data: bytes) -> Case:
    return Case(name, lambda _: data)


def fires(name: str, make: Callable[[Path], bytes]) -> Case:
    return Case(name, make, fires=True)


def read(folder: Path) -> None:
    """Read a copy of CIFAR-10 from end to end, as ingest does, without a lake."""
    batches.check(folder)
    for _ in batches.read(folder):
        pass
