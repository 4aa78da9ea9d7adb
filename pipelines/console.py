"""What a person or a program sees of a command: bars and tables on a terminal, JSON lines elsewhere."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Grid
from rich.text import Text

from pipelines.lake import runs

_SECONDS_BETWEEN_LINES = 2.0
_STEP_COLUMNS = {
    "step": "step",
    "in": "rows_in",
    "new": "new",
    "unchanged": "unchanged",
    "rejected": "rejected",
    "duplicates": "duplicates",
    "seconds": "seconds",
    "items/s": "items_per_second",
    "limited by": "limited_by",
}


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
    """Print the account of a run, one line per step."""
    show_rows(list(_STEP_COLUMNS), [[step[key] for key in _STEP_COLUMNS.values()] for step in steps])
    for step in steps:
        if step["error"]:
            _console().print(Text(f"{step['step']} failed: {step['error']}"))


def show_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None = None) -> None:
    """Print rows as a table; numbers stand on the right."""
    grid = Grid(title=title, title_justify="left")
    for index, name in enumerate(columns):
        numeric = any(isinstance(row[index], int | float) for row in rows)
        grid.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(_cell(value)) for value in row))  # Text: markup in somebody's data stays text
    _console().print(grid)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _console() -> Console:
    # Without a terminal there is no width to fit: nobody wants the table cut in a log.
    return Console(width=None if is_terminal() else 160)
