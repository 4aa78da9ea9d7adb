"""What all commands share: the application, the frame of a writing command, and how a process ends."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer

from pipelines import console
from pipelines.lake.errors import CannotRun, TesseraError
from pipelines.lake.probe import probe
from pipelines.lake.recipe import Run, new_run_id
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Tessera: piles of images in, tables people query out.",
)

RunId = Annotated[str | None, typer.Option("--run-id", help="Name of this run; made from the time if absent.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per row.")]


def main() -> NoReturn:
    """Run the command line and leave the process with its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that clusters and files are closed
    code = 2
    try:
        app(prog_name="tessera")
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else 2
    except TesseraError as error:
        code = _failed(error)
    except Exception as error:
        traceback.print_exc()
        code = _failed(
            CannotRun(f"a fault in Tessera: {type(error).__name__}: {error}. Please report the lines above.")
        )
    sys.stdout.flush()
    sys.stderr.flush()
    # Native threads of the stores were seen to abort the interpreter while it exits, after all work was done.
    os._exit(code)


def _failed(error: TesseraError) -> int:
    if not console.is_terminal():
        console.say(status="failed", error=str(error), exit_code=error.exit_code, run_id=error.run_id)
    print(f"tessera: {error}", file=sys.stderr)
    return error.exit_code


@contextmanager
def working(command: str, run_id: str | None) -> Iterator[tuple[Settings, Journal, dict[str, Any]]]:
    """Build what a writing command needs; write its journal and print its summary whatever happens."""
    settings = Settings()
    store, run = Store(settings.lake_uri), Run(run_id or new_run_id())
    probe(store.objects)
    summary: dict[str, Any] = {"run_id": run.run_id, "command": command, "status": "done"}
    with console.progress() as progress:
        journal = Journal(store, run, progress)
        try:
            yield settings, journal, summary
        except BaseException as error:
            journal.fail(command, error)
            if isinstance(error, TesseraError):
                error.run_id = run.run_id
            raise
        finally:
            journal.write()
    summary["steps"] = journal.rows
    if console.is_terminal():
        console.show_steps(journal.rows)
    console.say(**summary)


def show(rows: list[dict[str, Any]], as_json: bool = False) -> None:
    """Print rows as a table, or as one JSON object a line."""
    if as_json:
        for row in rows:
            console.say(**row)
    elif rows:
        console.show_rows(list(rows[0]), [list(row.values()) for row in rows])
    else:
        print("no rows")
