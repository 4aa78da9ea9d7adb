"""Where tasks run: a local Dask worker, several, a Dask cluster, or threads of this process, all as one `Executor`.

Tasks and results are small: addresses, names, counts. What a task needs it reads, and what it makes it writes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    InvalidStateError,
    ThreadPoolExecutor,
    wait,
)
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import getitem
from typing import Any, TypeVar

from pipelines.lake.errors import CannotRun

Task = TypeVar("Task")
Result = TypeVar("Result")

_LOOK_SECONDS = 3.0  # between two looks at a cluster
_PATIENCE_SECONDS = 300.0  # how long it may be without a worker: others may be on their way
_DEATHS = 1  # of its workers that a task outlives here: whoever else was there is not to blame
_NEVER = float("-inf")
_GPU = {"GPU": 1.0}
_SETTINGS = {  # of Dask, while a cluster of ours runs
    # How long a dead worker is asked for what it had: this machine answers at once, or not at all.
    "distributed.comm.timeouts.connect": "5s",
    # A worker that dies is awaited: one that died some time ago and is not there now would be given up.
    "distributed.deploy.lost-worker-timeout": "365d",
    # A worker's memory is that of its running tasks: if they were paused until it is free, they would wait for ever.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    # Giving memory back after each picture, to take it again for the next, is a twentieth of a worker's time,
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    # and so is looking at itself up to a hundred times a second.
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "500ms",
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "2s",
}
_WORKER_SETTINGS = {"distributed.comm.timeouts.connect": "30s"}  # it waits for a driver that is busy


class WorkerDied(Exception):
    """The process that ran a task died of it: it crashed, or was killed for the memory it took."""


def cores() -> int:
    """Return the processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def open_executor(where: str) -> Iterator[Executor]:
    """Open the executor that `where` names, and close it with all it started.

    `local`: one Dask worker process on this machine with a thread per core, for decoders, compiled kernels and
    inference release the interpreter lock. `processes`: a worker process per core, for what does not. Else the
    address of a Dask scheduler. All of them start with the first task, and outlive the death of a worker.
    `threads`: threads of this process, which dies with its tasks: for tests and debugging.
    """
    if where == "threads":
        with ThreadPoolExecutor(cores(), thread_name_prefix="tessera") as pool:
            yield pool
    else:
        with ExitStack() as opened:
            yield DaskExecutor(_Cluster(where, opened))


def on_gpu(executor: Executor) -> Executor:
    """Return an executor whose tasks go to Dask workers that declare a GPU, one at a time to each."""
    return DaskExecutor(executor.cluster, _GPU) if isinstance(executor, DaskExecutor) else executor


@dataclass
class _Cluster:
    """A Dask cluster, started or connected to when it is first used, and closed with `opened`."""

    where: str
    opened: ExitStack
    _workers: tuple[dict[str, Any], ...] = ()
    _looked: float = _NEVER
    _dead: frozenset[Any] = frozenset()

    @cached_property
    def client(self) -> Any:
        try:
            return self.opened.enter_context(_client(self.where))
        except (OSError, ValueError, RuntimeError) as error:
            raise CannotRun(
                f"no Dask scheduler at {self.where!r}: {error}. Set TESSERA_DASK_SCHEDULER to 'local', "
                "'processes' or the address of a scheduler that runs and has workers (tcp://host:8786)."
            ) from error

    def workers(self) -> tuple[dict[str, Any], ...]:
        """Return what the scheduler knows of its workers; it is not asked every time."""
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            try:
                self._workers = tuple(self.client.scheduler_info()["workers"].values())
            except (OSError, RuntimeError) as error:
                raise self.lost() from error
            self._revive()
            self._looked = time.monotonic()
        return self._workers

    def _revive(self) -> None:
        """Start those local workers again that are still dead.

        Dask does so itself, but for a worker that dies in the moment in which it has just been started.
        """
        if self.client.cluster:
            dead = frozenset(nanny for nanny in self.client.cluster.workers.values() if not nanny.is_alive())
            for nanny in dead & self._dead:
                self.client.loop.add_callback(nanny.instantiate)
            self._dead = dead

    def lost(self) -> CannotRun:
        return CannotRun(
            f"the Dask scheduler at {self.where!r} was lost while tasks ran. Start again: what is done stays done."
        )


@dataclass
class DaskExecutor(Executor):
    """Those workers of a cluster that have certain resources. Raises CannotRun when there are none."""

    cluster: _Cluster
    resources: Mapping[str, float] = field(default_factory=dict)
    _met: float = _NEVER  # when there was last one

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.threads()
        client, future = self.cluster.client, Future[Any]()
        try:
            task = client.submit(fn, *args, **kwargs, pure=False, resources=dict(self.resources))
        except (OSError, RuntimeError) as error:
            raise self.cluster.lost() from error
        future.add_done_callback(lambda future: task.cancel() if future.cancelled() else None)
        client.loop.add_callback(_pass_on, client, task, future, self.cluster.lost())
        return future

    def threads(self) -> int:
        """Return how many tasks the workers run at once."""
        known = self.cluster.workers()
        able = [worker for worker in known if _has(worker, self.resources)]
        if able or (not known and self._met == _NEVER):  # all of them may be on their way
            self._met = time.monotonic()
        elif time.monotonic() - self._met > _PATIENCE_SECONDS:
            needed = f" that declares {', '.join(self.resources)}" if self.resources else ""
            raise CannotRun(
                f"the Dask cluster at {self.cluster.where!r} has no worker{needed}. Start one"
                + (", with --resources GPU=1, or set TESSERA_DEVICE to cpu." if self.resources else ".")
            )
        return sum(worker["nthreads"] for worker in able)


async def _pass_on(client: Any, task: Any, future: Future[Any], lost: CannotRun) -> None:
    """Tell what becomes of a task. Dask's own executor never tells it where a result dies with its worker."""
    from distributed.scheduler import KilledWorker

    try:
        future.set_result(await client.gather(task, asynchronous=True))
    except InvalidStateError:  # nobody waits for it any more
        pass
    except KilledWorker as error:
        future.set_exception(WorkerDied(str(error)))
    except CancelledError:
        future.set_exception(lost)
    except BaseException as error:
        future.set_exception(error)


def _has(worker: Mapping[str, Any], resources: Mapping[str, float]) -> bool:
    return all(worker["resources"].get(name, 0) >= amount for name, amount in resources.items())


@contextmanager
def _client(where: str) -> Iterator[Any]:
    """Start what runs on this machine, or connect to what runs elsewhere; wait until it has a worker."""
    from distributed import Client  # half a second to import: only for those who use it

    with ExitStack() as opened:
        place = opened.enter_context(_local(where)) if where in ("local", "processes") else where
        client = opened.enter_context(Client(place, timeout="20s"))
        client.wait_for_workers(1, timeout=20)
        yield client


@contextmanager
def _local(where: str) -> Iterator[Any]:
    from distributed import LocalCluster
    from distributed.config import config

    # Whether there is a GPU was asked by whoever sends work to it. Several processes would fight over it.
    shape = (
        {"n_workers": 1, "threads_per_worker": cores(), "resources": _GPU}
        if where == "local"
        else {"n_workers": cores(), "threads_per_worker": 1}
    )
    with (
        _set(config, _SETTINGS),
        LocalCluster(
            **shape,
            security=True,  # else anybody on this machine could have the worker run their code
            preload=[__name__],
            config=_WORKER_SETTINGS,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"allowed_failures": _DEATHS, "dashboard": False},
        ) as cluster,
    ):
        yield cluster


@contextmanager
def _set(config: dict[str, Any], settings: Mapping[str, object]) -> Iterator[None]:
    """Change settings for a while; a dot in a name leads one level down."""
    places = [(reduce(getitem, path[:-1], config), path[-1]) for path in (name.split(".") for name in settings)]
    before = [place[name] for place, name in places]
    for (place, name), value in zip(places, settings.values(), strict=True):
        place[name] = value
    try:
        yield
    finally:
        for (place, name), value in zip(places, before, strict=True):
            place[name] = value


def dask_setup(worker: object) -> None:  # noqa: ARG001
    """Prepare a local worker: Dask calls this in its process. What commands write to standard output is JSON."""
    os.dup2(2, 1)


def completed(
    executor: Executor,
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    in_flight: int | None = None,
    rescue: Callable[[Task], Iterable[tuple[Task, Result]]] | None = None,
) -> Iterator[tuple[Task, Result]]:
    """Yield tasks with their results as they finish; a bounded number is under way, so that memory is bounded too.

    A task that its workers died of, or beside, is given to `rescue`, which yields what becomes of it, whole or in
    parts. Raises WorkerDied where there is no rescue, CannotRun when the cluster is lost.
    """
    running: dict[Future[Result], Task] = {}
    try:
        for task in tasks:
            running[executor.submit(function, task)] = task
            while len(running) >= (in_flight or 2 * max(1, _threads(executor))):
                yield from _finished(executor, running, rescue)
        while running:
            yield from _finished(executor, running, rescue)
    finally:
        for future in running:
            future.cancel()


def _threads(executor: Executor) -> int:
    return executor.threads() if isinstance(executor, DaskExecutor) else cores()


def _finished(
    executor: Executor,
    running: dict[Future[Result], Task],
    rescue: Callable[[Task], Iterable[tuple[Task, Result]]] | None,
) -> Iterator[tuple[Task, Result]]:
    """Wait for one task at least; take those that are finished out of `running`, and yield them."""
    done: set[Future[Result]] = set()
    while not done:
        done, _ = wait(running, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
        _threads(executor)  # raises when nobody is left to wait for
    for future in done:
        task = running.pop(future)
        try:
            outcome: Iterable[tuple[Task, Result]] = [(task, future.result())]
        except WorkerDied:
            if rescue is None:
                raise
            outcome = rescue(task)
        yield from outcome
