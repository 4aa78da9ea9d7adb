"""Where tasks run: threads, a local Dask cluster, or a Dask scheduler by address, all as one `Executor`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from pipelines.lake.errors import CannotRun

Task = TypeVar("Task")
Result = TypeVar("Result")


def cores() -> int:
    """Return the processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def open_executor(where: str) -> Iterator[Executor]:
    """Open the executor that `where` names, and close it with all it started.

    `threads` (decoding and compiled kernels release the interpreter lock), `processes` (a Dask cluster on
    this machine, one process per core), or the address of a Dask scheduler. Raises CannotRun.
    """
    if where == "threads":
        with ThreadPoolExecutor(cores(), thread_name_prefix="tessera") as pool:
            yield pool
    else:
        with _dask(where) as executor:
            yield executor


@contextmanager
def _dask(where: str) -> Iterator[Executor]:
    from distributed import Client, LocalCluster  # half a second to import: only for those who use it

    try:
        if where == "processes":
            cluster = LocalCluster(n_workers=cores(), threads_per_worker=1, dashboard_address=None)
        else:
            cluster = None
        client = Client(cluster or where, timeout="20s")
    except (OSError, ValueError, TimeoutError) as error:
        raise CannotRun(
            f"no Dask scheduler at {where!r}: {error}. Set TESSERA_DASK_SCHEDULER to 'threads', 'processes' "
            "or the address of a running scheduler (tcp://host:8786)."
        ) from error
    try:
        yield client.get_executor(pure=False)
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


def completed(
    executor: Executor, function: Callable[[Task], Result], tasks: Iterable[Task], in_flight: int | None = None
) -> Iterator[Result]:
    """Yield results as tasks finish, with a bounded number of them under way, so that memory is bounded too."""
    window = in_flight or 2 * cores()
    running: set[Future[Result]] = set()
    try:
        for task in tasks:
            if len(running) >= window:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
            running.add(executor.submit(function, task))
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        for future in running:
            future.cancel()
