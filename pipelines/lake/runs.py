"""Runs: what each step of each run took in and gave out, how long it took and what held it back."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.lake.errors import ContractBroken
from pipelines.lake.materialize import upsert
from pipelines.lake.recipe import Run
from pipelines.lake.store import Store
from pipelines.lake.table import Column, Table

Progress = Callable[[str, int, int | None], None]  # step, items done, items in all where known


def _count(name: str, description: str) -> Column:
    return Column(name, pa.int64(), description, bounds=(0, float(2**62)))


RUN_ID = Column("run_id", pa.string(), "The run: the same id stands in logs, Delta commits and the release.")

TABLE = Table(
    name="runs",
    description="One row per step of each run: rows_in = new + unchanged + rejected + duplicate counts, and its cost.",
    grain=("run_id", "step"),
    columns=(
        RUN_ID,
        Column("step", pa.string(), "What was done: a source's images or rows, a table, the release."),
        Column("status", pa.string(), "How it ended.", values=("running", "done", "empty", "skipped", "failed")),
        Column("error", pa.string(), "Why it failed or was skipped, in a sentence.", nullable=True),
        Column("params", pa.string(), "What was asked for, as JSON, where the step takes a request.", nullable=True),
        _count("in_count", "Items the step was given."),
        _count("new_count", "Items that became new or changed rows."),
        _count("unchanged_count", "Items the lake already held as they are."),
        _count("reject_count", "Items that stand in rejects."),
        _count("absent_count", "Those of them whose image is merely not there, which is no defect."),
        _count("duplicate_count", "Items whose content the step had already met under another key."),
        Column("seconds", pa.float64(), "Wall time.", bounds=(0, 1e9)),
        Column("cpu_seconds", pa.float64(), "Processor time of driver and workers.", bounds=(0, 1e9)),
        _count("peak_memory_bytes", "Highest resident size of any one process so far in the run."),
        Column("items_per_second", pa.float64(), "New items per second of wall time.", bounds=(0, 1e12)),
        Column("limited_by", pa.string(), "What held it back.", values=("cpu", "io", "nothing")),
        Column("started_at", pa.timestamp("us", "UTC"), "When the step began."),
        Column("code_version", pa.string(), "The version of Tessera that ran."),
    ),
)


@dataclass
class Step:
    """The account of one step. `rows_in = new + unchanged + rejected + duplicates` holds when it is closed."""

    step: str
    rows_in: int = 0
    new: int = 0
    unchanged: int = 0
    rejected: int = 0
    absent: int = 0  # of the rejected: no defects, their image is merely not there
    duplicates: int = 0
    status: str = "done"
    error: str | None = None
    params: str | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def items_per_second(self) -> float:
        return self.new / self.seconds if self.seconds else 0.0

    @property
    def limited_by(self) -> str:
        """`cpu` when a core or more was busy for most of the time, else `io`; `nothing` where nothing was new."""
        if not self.new:
            return "nothing"
        return "cpu" if self.cpu_seconds > 0.7 * self.seconds else "io"

    def balance(self) -> None:
        """Raise ContractBroken when items were lost or counted twice."""
        out = self.new + self.unchanged + self.rejected + self.duplicates
        if self.rows_in != out:
            raise ContractBroken(
                f"{self.step}: {self.rows_in} items went in but {out} are accounted for. This is a fault in Tessera: "
                "nothing was published; please report it with this line."
            )

    def gate(self, defects: int, limit: float) -> None:
        """Raise ContractBroken when more than `limit` (0..1) of the items taken in are defects."""
        if self.rows_in and defects > limit * self.rows_in:
            raise ContractBroken(
                f"{self.step}: {defects} of {self.rows_in} items are defects, more than the limit of {limit:.0%}. "
                "The run stops before anything is made of them. See why with: tessera rejects; "
                "mend the source, or allow more with --max-defect-share."
            )


def _sentence(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return "Stopped from outside; run it again, it goes on where it stopped."
    return f"{type(error).__name__}: {error}"


def _silent(step: str, done: int, total: int | None) -> None:  # the shape of Progress
    """Progress that nobody watches."""


@dataclass
class Journal:
    """The account of one run as it goes: its steps, kept to be written to `runs` in one commit at the end."""

    store: Store
    run: Run
    progress: Progress = field(default=_silent)
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Open the account of one step; time it, and balance it at the end.

        The steps of a source are called by its name and what is taken in: `fashion images`.
        """
        step = Step(name)
        self.steps.append(step)
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield step
            step.balance()
        except BaseException as error:
            step.status, step.error = "failed", _sentence(error)
            raise
        finally:
            step.seconds = time.perf_counter() - wall
            step.cpu_seconds += time.process_time() - cpu
            step.peak_memory_bytes = max(step.peak_memory_bytes, peak_memory_bytes())
            pa.default_memory_pool().release_unused()  # else the next step's memory comes on top of this one's

    @contextmanager
    def under_way(self, name: str) -> Iterator[None]:
        """Note at once that a command is under way: one that is killed cannot say so any more."""
        step = Step(name, status="running")
        self.steps.append(step)
        self.write()
        try:
            yield
        except BaseException as error:
            step.status, step.error = "failed", _sentence(error)
            raise
        step.status = "done"

    def fail(self, name: str, error: BaseException) -> None:
        """Account for a failure that no step has accounted for."""
        sentence = _sentence(error)
        if not any(step.error == sentence for step in self.steps):
            self.steps.append(Step(name, status="failed", error=sentence))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The steps as rows of `runs`."""
        return [_row(self.run, step) for step in self.steps]

    def write(self) -> None:
        """Write the steps to `runs`."""
        upsert(self.store, self.run, TABLE, pa.Table.from_pylist(self.rows, TABLE.schema))


def peak_memory_bytes() -> int:
    """Return the highest resident size this process has had.

    Linux says it in /proc; `ru_maxrss`, which is there everywhere, begins with the size of the parent process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes on macOS, where there is no /proc


def _row(run: Run, step: Step) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "step": step.step,
        "status": step.status,
        "error": step.error,
        "params": step.params,
        "in_count": step.rows_in,
        "new_count": step.new,
        "unchanged_count": step.unchanged,
        "reject_count": step.rejected,
        "absent_count": step.absent,
        "duplicate_count": step.duplicates,
        "seconds": round(step.seconds, 3),
        "cpu_seconds": round(step.cpu_seconds, 3),
        "peak_memory_bytes": step.peak_memory_bytes,
        "items_per_second": round(step.items_per_second, 1),
        "limited_by": step.limited_by,
        "started_at": step.started_at,
        "code_version": run.code_version,
    }
