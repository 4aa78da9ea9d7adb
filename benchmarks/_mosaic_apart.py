"""Measuring in a process of its own, so that a method's memory, threads and compiled code are its own."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple


class Cost(NamedTuple):
    """What work took: CPU-seconds of all threads, seconds, and MiB more than before it."""

    cpu: float
    wall: float
    mib: float


def spent(work: Callable[[], Any]) -> tuple[Any, Cost]:
    """Do work; return what it made, and what it took."""
    before = _resident()
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark of memory begins anew
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    cost = Cost(time.process_time() - cpu, time.perf_counter() - wall, 0.0)
    return made, cost._replace(mib=max(0.0, _highest() - before))


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def _highest() -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**10


def alone(work: Callable[..., Any], *given: object) -> Any:
    """Call a function of a module in a new process; return what it returns."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *given).result()
