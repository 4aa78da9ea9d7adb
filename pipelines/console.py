"""What a person or a program sees of a command: bars and tables on a terminal, JSON lines elsewhere."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Grid
from rich.text import Text

from pipelines.lake import runs

_SECONDS_BETWEEN_LINES = 2.0
_STEP_COLUMNS = {
    "step": "step",
    "status": "status",
    "in": "in_count",
    "new": "new_count",
    "unchanged": "unchanged_count",
    "rejected": "reject_count",
    "duplicates": "duplicate_count",
    "seconds": "seconds",
    "new/s": "items_per_second",
    "limited by": "limited_by",
}
_PLAIN_WIDTH = 160  # without a terminal there is no width to fit: nobody wants a log cut at 80


def is_terminal() -> bool:
    """True when a person watches."""
    return sys.stdout.isatty()


def say(**event: Any) -> None:
    """Write one JSON line to standard output."""
    print(json.dumps(event, default=str), flush=True)


@contextmanager
def progress() -> Iterator[runs.Progress]:
    """Show how far each step is: as bars on a terminal, else as a JSON line every two seconds."""
    if not is_terminal():
        yield _Lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def show(step: str, done: int, total: int | None) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield show


class _Lines:
    """Progress as JSON lines, not too many of them."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, step: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_LINES or done == total:
            self._last = now
            say(event="progress", step=step, done=done, total=total)


def show_steps(steps: Sequence[dict[str, Any]]) -> None:
    """Print the account of each run, one line per step; `steps` are rows of `runs`."""
    for run_id in dict.fromkeys(step["run_id"] for step in steps):
        mine = [step for step in steps if step["run_id"] == run_id and not _is_mere_end(step)]
        rows = [[_grouped(step[name]) for name in _STEP_COLUMNS.values()] for step in mine]
        _console().print(_grid(list(_STEP_COLUMNS), rows, {*range(2, len(_STEP_COLUMNS) - 1)}, f"run {run_id}"))
        for step in mine:
            if step["error"]:
                _console().print(Text(f"{step['step']} {step['status']}: {step['error']}"))


def _is_mere_end(step: dict[str, Any]) -> bool:
    """True for the note that a command came to a good end; its steps say what it did."""
    return bool(step["status"] == "done" and step["step"].startswith("ingest "))


def show_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows as a table, numbers on the right; rows too wide for one are printed one below the other."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in cells)) for i, name in enumerate(columns)]
    console = _console()
    if len(columns) > 2 and sum(widths) + 3 * len(widths) + 1 > console.width:
        for row in cells:
            console.print(_grid(["", ""], list(zip(columns, row, strict=True)), set()))
        return
    numeric = {i for i in range(len(columns)) if any(type(row[i]) in (int, float) for row in rows)}
    console.print(_grid(columns, cells, numeric))


def _grid(columns: Sequence[str], rows: Sequence[Sequence[str]], right: set[int], title: str | None = None) -> Grid:
    grid = Grid(title=title, title_justify="left", title_style="", show_header=any(columns), box=box.SIMPLE)
    for index, name in enumerate(columns):
        grid.add_column(name, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))  # Text: markup in somebody's data stays text
    return grid


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _grouped(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else _cell(value)


def _console() -> Console:
    return Console(width=None if is_terminal() else _PLAIN_WIDTH)
