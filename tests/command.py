"""The command line as a process of its own, forked from one that has imported what takes seconds.

A night imports Great Expectations and MLflow; tests that run dozens of them would import for minutes. What a command
costs and prints when it really starts from nothing is tested elsewhere (`test_cli.py`, `test_every_source.py`).
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.preloaded"])


@dataclass(frozen=True)
class Done:
    """What a finished command left behind."""

    returncode: int
    stdout: str
    stderr: str


def run(arguments: tuple[str, ...], environment: Mapping[str, str]) -> Done:
    """Run `tessera` with these arguments and nothing but this environment, to its end."""
    with TemporaryDirectory() as folder:
        written = tuple(str(Path(folder, name)) for name in ("stdout", "stderr"))
        child = _FORKS.Process(target=_tessera, args=(arguments, dict(environment), str(Path.cwd()), written))
        child.start()
        child.join()
        said = [Path(path).read_text() if Path(path).exists() else "" for path in written]
    assert child.exitcode is not None
    return Done(child.exitcode, *said)


def _tessera(arguments: tuple[str, ...], environment: dict[str, str], place: str, written: tuple[str, ...]) -> None:
    """Become the command: this is a process of its own, and `main` leaves it."""
    for number, path in enumerate(written, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(place)
    sys.argv = ["tessera", *arguments]
    from pipelines.cli import main

    main()
