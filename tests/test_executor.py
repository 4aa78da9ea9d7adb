"""The executor seam: one `Executor` whatever runs behind it, with bounded work in flight."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from distributed import LocalCluster
from distributed.config import config

from pipelines.executor import DaskExecutor, WorkerDied, completed, cores, on_gpu, open_executor
from pipelines.lake.errors import CannotRun


def test_threads() -> None:
    with open_executor("threads") as executor:
        assert sorted(completed(executor, abs, [-3, -1, -2])) == [(-3, 3), (-2, 2), (-1, 1)]


def test_a_scheduler_by_address() -> None:
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster,
        open_executor(cluster.scheduler_address) as executor,
    ):
        assert sorted(completed(executor, abs, [-3, -1, -2])) == [(-3, 3), (-2, 2), (-1, 1)]


def test_an_address_nobody_listens_at_is_a_sentence() -> None:
    with open_executor("nonsense") as executor, pytest.raises(CannotRun, match="no Dask scheduler at 'nonsense'"):
        list(completed(executor, abs, [1]))


@pytest.mark.parametrize("where", ["local", "processes", "nonsense"])
def test_nothing_starts_before_there_is_a_task(where: str) -> None:
    before = multiprocessing.active_children()
    with open_executor(where) as executor:
        assert list(completed(executor, abs, [])) == []
        assert multiprocessing.active_children() == before


def fall(number: int) -> int:
    """Kill the process that computes one of them; it says so on standard output first."""
    print(number)
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return -number


@pytest.fixture(scope="module")
def local() -> Iterator[Executor]:
    with open_executor("local") as executor:
        yield executor


def test_the_local_worker_is_one_process_with_as_many_threads_as_cores(local: Executor) -> None:
    pids = {pid for _, pid in completed(local, _pid, range(8))}
    assert len(pids) == 1
    assert os.getpid() not in pids
    assert isinstance(local, DaskExecutor)
    assert local.threads() == cores()


def _pid(_: int) -> int:
    return os.getpid()


def test_a_task_that_kills_its_workers_is_handed_over_and_the_others_are_done(local: Executor) -> None:
    outcome = dict(completed(local, fall, range(6), rescue=lambda task: [(task, 99)]))
    assert outcome.keys() == set(range(6))
    assert outcome[3] == 99
    assert all(result in (-task, 99) for task, result in outcome.items())  # who was beside it may be handed over too
    with pytest.raises(WorkerDied):
        list(completed(local, fall, [3]))
    assert list(completed(local, abs, [-1])) == [(-1, 1)]


def test_work_for_a_gpu_goes_where_one_is_declared(local: Executor) -> None:
    assert list(completed(on_gpu(local), abs, [-1])) == [(-1, 1)]
    with ThreadPoolExecutor(1) as pool:
        assert on_gpu(pool) is pool


def test_a_cluster_without_a_gpu_or_that_is_lost_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(config["distributed"]["comm"]["timeouts"], "connect", "500ms")
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster,
        open_executor(cluster.scheduler_address) as executor,
    ):
        with pytest.raises(CannotRun, match=r"has no worker that declares GPU\. Start one, with --resources GPU=1"):
            list(completed(on_gpu(executor), abs, [1]))
        results = completed(executor, time.sleep, [0.01, 3])
        next(results)
        cluster.scheduler.loop.add_callback(cluster.scheduler.close)
        with pytest.raises(CannotRun, match="was lost while tasks ran"):
            next(results)


DRIVER = """
import os, sys, time
from pipelines.executor import completed, open_executor
from tests.test_executor import _pid, fall
if __name__ == "__main__":
    with open_executor("local") as executor:
        (_, pid), = completed(executor, _pid, [1])
        list(completed(executor, fall, [1]))
        print("the worker is", pid, flush=True)
        if len(sys.argv) > 1:
            time.sleep(60)
"""


@pytest.mark.slow
def test_a_worker_is_silent_on_standard_output_and_dies_with_its_driver(tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    quiet = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    assert quiet.stdout.startswith("the worker is ")
    assert quiet.stdout.count("\n") == 1
    driver = subprocess.Popen([sys.executable, script, "stay"], env=environment, stdout=subprocess.PIPE, text=True)
    assert driver.stdout
    worker = psutil.Process(int(driver.stdout.readline().split()[-1]))
    driver.kill()
    driver.wait()
    worker.wait(timeout=10)


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
