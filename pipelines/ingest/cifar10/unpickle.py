"""Unpickle: reads CIFAR-10's pickles without running them, and anything else not at all.

A pickle is a program, and Python's own reader runs it. This one knows the opcodes that the published batches are
written with (protocol 2, and 3 where Python 3 wrote them again) and makes texts, bytes, whole numbers, tuples,
lists, one kind of dict and one kind of array: bytes in two dimensions. The three names that an array needs are
recognised, never looked up, imported or called; whatever else a pickle asks for is refused.

Memory is bounded: a file has at most 64 MiB, and every opcode is counted.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from pipelines.ingest.cifar10.arrays import Array, Refused, called, fill, named, names_end
from pipelines.lake.errors import ContractBroken

FILE_BYTES = 64 << 20  # a genuine batch has 31 MB
_OPCODES = 200_000  # a genuine batch has 30,000; each may cost some 200 bytes


def unpickle(data: bytes, name: str) -> dict[str, object]:
    """Return the dict in a pickle, its keys as text and its arrays as (rows, columns) uint8, read-only.

    Texts of Python 2 stay bytes. Raises ContractBroken, naming the file, for all that is not such a pickle.
    """
    machine = Machine(data)
    try:
        found = machine.run()
    except Refused as error:
        raise ContractBroken(
            f"{name} is not a batch of CIFAR-10: {error} (at byte {machine.at}). It is read without being run, and "
            "nothing of it was taken in. Fetch it again from its publisher."
        ) from None
    return {key: value.rows if isinstance(value, Array) else value for key, value in found.items()}


def text(value: object) -> str | None:
    """Return a text of Python 2 (bytes) or 3 as str, None for anything else."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else None


@dataclass
class Machine:
    """A reader in the middle of a pickle: what it has read and not yet put anywhere."""

    data: bytes
    at: int = 0
    stack: list[object] = field(default_factory=list)
    marked: list[list[object]] = field(default_factory=list)  # the stacks below each open mark
    memo: dict[int, object] = field(default_factory=dict)

    def run(self) -> dict[str, object]:
        """Read to the end. Raises Refused."""
        if len(self.data) > FILE_BYTES:
            raise Refused(f"it has more than {FILE_BYTES >> 20} MiB")
        protocol = self.take(2)
        if protocol not in (b"\x80\x02", b"\x80\x03"):
            raise Refused("it is no pickle of protocol 2 or 3")
        for _ in range(_OPCODES):
            opcode = self.take(1)
            if opcode == b".":
                return self.end()
            act = _ACTS.get(opcode)
            if act is None:
                raise Refused(f"it uses opcode {opcode!r}, which no genuine batch does")
            act(self)
        raise Refused(f"it has more than {_OPCODES:,} opcodes")

    def end(self) -> dict[str, object]:
        found = self.pop()
        if self.stack or self.marked or self.at != len(self.data):
            raise Refused("it goes on behind its end")
        if not isinstance(found, dict):
            raise Refused("it holds no dict")
        return found

    def take(self, count: int) -> bytes:
        """Return the next bytes of the file."""
        found = self.data[self.at : self.at + count] if count >= 0 else b""
        if len(found) != count:
            raise Refused("it ends in the middle, or claims a length that it does not have")
        self.at += count
        return found

    def number(self, form: struct.Struct) -> int:
        found: int = form.unpack(self.take(form.size))[0]
        return found

    def pop(self) -> object:
        if not self.stack:
            raise Refused("it takes from an empty stack")
        return self.stack.pop()

    def since_mark(self) -> list[object]:
        """Return what came after the last mark, and forget both."""
        if not self.marked:
            raise Refused("it closes what it never opened")
        found, self.stack = self.stack, self.marked.pop()
        return found


_BYTE, _SHORT, _INT, _LENGTH = (struct.Struct(form) for form in ("B", "<H", "<i", "<I"))

Act = Callable[[Machine], None]


def _number(form: struct.Struct) -> Act:
    return lambda machine: machine.stack.append(machine.number(form))


def _bytes(length: struct.Struct) -> Act:
    return lambda machine: machine.stack.append(machine.take(machine.number(length)))


def _unicode(machine: Machine) -> None:
    try:
        machine.stack.append(machine.take(machine.number(_LENGTH)).decode())
    except UnicodeDecodeError:
        raise Refused("it holds a text that is not UTF-8") from None


def _constant(value: object) -> Act:
    return lambda machine: machine.stack.append(value)


def _list(machine: Machine) -> None:
    machine.stack.append([])


def _dict(machine: Machine) -> None:
    machine.stack.append({})


def _tuple(size: int) -> Act:
    return lambda machine: machine.stack.append(tuple([machine.pop() for _ in range(size)][::-1]))


def _tuple_since_mark(machine: Machine) -> None:
    found = tuple(machine.since_mark())
    machine.stack.append(found)


def _mark(machine: Machine) -> None:
    machine.marked.append(machine.stack)
    machine.stack = []


def _remember(form: struct.Struct) -> Act:
    def act(machine: Machine) -> None:
        value = machine.pop()
        machine.stack.append(value)
        machine.memo[machine.number(form)] = value

    return act


def _recall(form: struct.Struct) -> Act:
    def act(machine: Machine) -> None:
        index = machine.number(form)
        if index not in machine.memo:
            raise Refused("it recalls what it never kept")
        machine.stack.append(machine.memo[index])

    return act


def _append(machine: Machine) -> None:
    _extend(machine, [machine.pop()])


def _append_since_mark(machine: Machine) -> None:
    _extend(machine, machine.since_mark())


def _extend(machine: Machine, items: list[object]) -> None:
    target = machine.pop()
    if not isinstance(target, list):
        raise Refused("it appends to what is no list")
    target.extend(items)
    machine.stack.append(target)


def _set(machine: Machine) -> None:
    value = machine.pop()
    _update(machine, [machine.pop(), value])


def _set_since_mark(machine: Machine) -> None:
    _update(machine, machine.since_mark())


def _update(machine: Machine, items: list[object]) -> None:
    target = machine.pop()
    if not isinstance(target, dict) or len(items) % 2:
        raise Refused("it sets keys of what is no dict, or a key without a value")
    for key, value in zip(items[::2], items[1::2], strict=True):
        word = text(key)  # other keys are not hashed: of a deep tuple that would overrun the stack
        if word is None or word in target:
            raise Refused("a key of its dict is no text, or comes twice")
        target[word] = value
    machine.stack.append(target)


def _global(machine: Machine) -> None:
    machine.stack.append(named(machine.take(names_end(machine.data, machine.at) - machine.at)))


def _reduce(machine: Machine) -> None:
    arguments = machine.pop()
    machine.stack.append(called(machine.pop(), arguments))


def _build(machine: Machine) -> None:
    state, target = machine.pop(), machine.pop()
    fill(target, state)
    machine.stack.append(target)


_ACTS: dict[bytes, Act] = {
    b"K": _number(_BYTE),
    b"M": _number(_SHORT),
    b"J": _number(_INT),
    b"U": _bytes(_BYTE),  # texts of Python 2
    b"T": _bytes(_INT),
    b"C": _bytes(_BYTE),  # bytes of Python 3
    b"B": _bytes(_LENGTH),
    b"X": _unicode,
    b"N": _constant(None),
    b"\x88": _constant(True),
    b"\x89": _constant(False),
    b"}": _dict,
    b"]": _list,
    b"(": _mark,
    b"t": _tuple_since_mark,
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"q": _remember(_BYTE),
    b"r": _remember(_LENGTH),
    b"h": _recall(_BYTE),
    b"j": _recall(_LENGTH),
    b"a": _append,
    b"e": _append_since_mark,
    b"s": _set,
    b"u": _set_since_mark,
    b"c": _global,
    b"R": _reduce,
    b"b": _build,
}
