"""The executor seam: one `Executor` whatever runs behind it, with bounded work in flight."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipelines.executor import completed, open_executor
from pipelines.lake.errors import CannotRun


def test_threads() -> None:
    with open_executor("threads") as executor:
        assert sorted(completed(executor, abs, [-3, -1, -2])) == [1, 2, 3]


def test_a_scheduler_by_address() -> None:
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster,
        open_executor(cluster.scheduler_address) as executor,
    ):
        assert sorted(completed(executor, abs, [-3, -1, -2])) == [1, 2, 3]


def test_an_address_nobody_listens_at_is_a_sentence() -> None:
    with pytest.raises(CannotRun, match="no Dask scheduler at 'nonsense'"), open_executor("nonsense"):
        pass


def test_work_in_flight_is_bounded() -> None:
    lock, running, most = threading.Lock(), 0, 0

    def work(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1

    taken = 0

    def tasks() -> object:
        nonlocal taken
        for number in range(40):
            taken = number
            yield number

    with ThreadPoolExecutor(16) as pool:
        results = completed(pool, work, tasks(), in_flight=3)
        next(results)
        assert taken <= 4, "tasks were taken far ahead of the work"
        list(results)
    assert most <= 3


def test_a_failure_reaches_the_caller() -> None:
    with ThreadPoolExecutor(2) as pool, pytest.raises(ZeroDivisionError):
        list(completed(pool, lambda x: 1 / x, [1, 0, 2]))
