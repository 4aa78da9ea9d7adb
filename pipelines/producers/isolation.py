"""What becomes of a shard that its workers died of: it is made apart, and cut until the culprit is alone."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Self

from pipelines.executor import WorkerDied
from pipelines.lake.errors import CannotRun
from pipelines.lake.rejects import Reject
from pipelines.producers.kinds import Batch
from pipelines.producers.worker import Made, Shard, make, staged

_PARTS = 16  # a shard is cut into when its process died: each death costs the start of another
_TRIES = 2  # an image has, alone in a process, before it is taken to be what killed it
_KILLS = "kills_worker"


def isolated(shard: Shard) -> Iterator[tuple[Shard, Made]]:
    """Make a shard apart from everything else. Yields the parts it was cut into; together they are the shard.

    An image that kills its own process again, with no other in it, becomes a reject; all others get their rows.
    """
    with Apart() as apart:
        yield from _narrowed(apart, shard)


def _narrowed(apart: Apart, shard: Shard) -> Iterator[tuple[Shard, Made]]:
    is_alone = len(shard.ids) == 1
    for _ in range(_TRIES if is_alone else 1):
        try:
            made = apart.run(make, shard)
        except WorkerDied:
            continue
        yield shard, made
        return
    if is_alone:
        yield shard, _rejected(shard)
    else:
        for part in shard.parts(_PARTS):
            yield from _narrowed(apart, part)


def _rejected(shard: Shard) -> Made:
    (image_id,) = shard.ids
    detail = (
        f"{shard.table.name} killed its process {_TRIES} times over this image alone: a fault in a decoder, or more "
        "memory than there is. Keep the image for whoever mends the producer; the others are not affected."
    )
    return staged(shard, [Batch({}, [Reject(image_id, _KILLS, detail)])])


class Apart:
    """A process of its own for one task after the other; when one kills it, the next gets another. A context manager.

    Raises CannotRun where no process can be started.
    """

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown()

    def run(self, function: Callable[[Shard], Made], task: Shard) -> Made:
        """Return what the function makes of the task. Raises WorkerDied."""
        self._pool = self._pool or _started()
        try:
            return self._pool.submit(function, task).result()
        except BrokenProcessPool as error:
            self._pool = None
            raise WorkerDied from error


def _started() -> ProcessPoolExecutor:
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _live_as_long_as_the_driver)
    try:
        pool.submit(os.getpid).result()
    except BrokenProcessPool as error:
        raise CannotRun("a process died before it was given anything to do. Is there memory for one more?") from error
    return pool


def _live_as_long_as_the_driver() -> None:
    os.dup2(2, 1)
    threading.Thread(target=_end_with_the_driver, daemon=True).start()


def _end_with_the_driver() -> None:
    if driver := multiprocessing.parent_process():
        driver.join()
        os._exit(1)
