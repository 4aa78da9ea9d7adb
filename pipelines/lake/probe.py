"""The store probe: proves, before anything is written, that a store keeps the promises the lake needs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import Objects

_RACERS = 16


def probe(objects: Objects) -> None:
    """Raise CannotRun unless put-if-absent and replace-if-unchanged hold, one by one and in a race.

    The race matters: a store was seen that refuses a second conditional PUT but lets three
    simultaneous ones succeed, which loses commits.
    """
    path = f"_probe/{uuid4().hex}"
    try:
        _expect(objects, objects.create(path, b"1"), "create a file")
        _expect(objects, not objects.create(path, b"2"), "refuse to create a file twice")
        _expect(objects, objects.swap(path, b"1", b"3"), "replace an unchanged file")
        _expect(objects, not objects.swap(path, b"1", b"4"), "refuse to replace a changed file")
        _expect(objects, objects.get(path) == b"3", "read back what was written")
        _race(objects, f"{path}-race")
    finally:
        for leftover in (path, f"{path}.lock", f"{path}-race"):
            objects.delete(leftover)


def _race(objects: Objects, path: str) -> None:
    with ThreadPoolExecutor(_RACERS) as pool:
        winners = sum(pool.map(lambda racer: objects.create(path, str(racer).encode()), range(_RACERS)))
    _expect(objects, winners == 1, f"let one of {_RACERS} simultaneous writers win (it let {winners})")


def _expect(objects: Objects, kept: bool, promise: str) -> None:
    if not kept:
        raise CannotRun(f"the store {objects.uri} failed to {promise}: tables kept there could lose rows. Use another.")
