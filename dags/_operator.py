"""The one operator: starts the CLI with an argument list and returns the summary it prints last.

Here belongs what every task shares: the process, its environment, its log and its end. What a
command does belongs to the CLI; what runs when belongs to the DAG files.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from signal import Signals
from threading import Thread
from typing import IO, Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

PROJECT = Path(__file__).resolve().parents[1]
CLI = (sys.executable, "-m", "pipelines")
CONTRACT_BROKEN = 1  # the CLI's exit code when the data is at fault: a retry would fail alike
GRACE = 20.0  # seconds between SIGTERM and SIGKILL
LINE_LIMIT = 64 * 1024  # bytes kept of one line of output

# What the CLI gets to see. Airflow's own settings and secrets stay with Airflow.
PASSED = frozenset(
    {
        *("PATH", "HOME", "LANG", "TZ", "TMPDIR", "XDG_CACHE_HOME", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    }
)
PASSED_PREFIXES = ("LC_", "PYTHON", "TESSERA_", "AWS_", "KAGGLE_", "MLFLOW_")

# Runs beside the CLI and holds the other end of a pipe. When the task lets go of it, by stopping
# the CLI or by dying in whatever way, the CLI's process group gets SIGTERM and, in the end, SIGKILL.
# (Airflow kills a task 5 s after asking it to stop: too early for the task to see to this itself.)
GUARD = """
import os, signal, sys, time
def send(number):
    try:
        os.killpg(int(sys.argv[1]), number)
    except ProcessLookupError:
        sys.exit()
sys.stdin.read()
send(signal.SIGTERM)
deadline = time.monotonic() + float(sys.argv[2])
while time.monotonic() < deadline:
    send(0)
    time.sleep(0.05)
send(signal.SIGKILL)
"""


class TesseraOperator(BaseOperator):
    """Run one command of the CLI as a process of its own, never through a shell.

    An argument that renders to nothing, or to an option without a value (`--path=`), is left out,
    so an unset param needs no branch in the DAG.
    """

    template_fields = ("arguments",)

    def __init__(
        self, *, arguments: Sequence[str], command: Sequence[str] = CLI, grace: float = GRACE, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.arguments = list(arguments)
        self.command = list(command)
        self.grace = grace
        self._guard: subprocess.Popen[bytes] | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Start the command, pass its output on to the task log, and judge how it ended."""
        command = [*self.command, *given(self.arguments)]
        self.log.info("%s", shlex.join(command))
        code, last = self._run(command)
        summary = _parsed(last)
        if code != 0:
            raise _failure(code, summary, command)
        if not summary:
            raise AirflowException("The command ended well but printed no JSON summary.")
        if summary.get("status") == "skipped":
            raise AirflowSkipException(str(summary.get("reason", "There was nothing to do.")))
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = {"run_id": context["run_id"]}
        return summary

    def on_kill(self) -> None:
        """Let go of the guard, which ends the CLI; `execute` then sees it end."""
        if self._guard and self._guard.stdin:
            self._guard.stdin.close()

    def _run(self, command: list[str]) -> tuple[int, str]:
        """Return the exit code and the last line of stdout, and leave no process behind."""
        process = subprocess.Popen(  # noqa: S603 - a list, no shell
            command,
            cwd=PROJECT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._guard = _guard(process.pid, self.grace)
        last = [""]
        readers = [
            Thread(target=self._pump, args=(stream, keep), daemon=True)
            for stream, keep in ((process.stdout, last), (process.stderr, [""]))
        ]
        for reader in readers:
            reader.start()
        try:
            process.wait()
        finally:
            self.on_kill()
            process.wait()
            self._guard.wait()
            for reader in readers:
                reader.join(self.grace)
        return process.returncode, last[0]

    def _pump(self, stream: IO[bytes], last: list[str]) -> None:
        """Log each line as it comes; keep the last one that says something."""
        with stream:
            for line in lines(stream):
                self.log.info("%s", line)
                last[0] = line or last[0]


def given(arguments: Sequence[str]) -> list[str]:
    """Leave out what has no value; a value that itself ends in `=` is one."""
    return [text for text in arguments if text and not re.fullmatch(r"--[a-z0-9-]+=", text)]


def environment() -> dict[str, str]:
    """Return the variables the CLI may see, and no other."""
    passed = {key: value for key, value in os.environ.items() if key in PASSED or key.startswith(PASSED_PREFIXES)}
    return passed | {"PYTHONUNBUFFERED": "1"}


def lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield the stream's lines, each cut at the limit: a line of any length costs no more memory."""
    while line := stream.readline(LINE_LIMIT):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = stream.readline(LINE_LIMIT)
        yield line.decode("utf-8", "replace").rstrip()


def _guard(group: int, grace: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - a list, no shell
        [sys.executable, "-I", "-S", "-c", GUARD, str(group), str(grace)],
        env=environment(),
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def _parsed(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _failure(code: int, summary: dict[str, Any], command: list[str]) -> AirflowException:
    """Tell broken data, where a retry is useless, from everything else. A bare traceback also exits with 1."""
    if code < 0:
        return AirflowException(f"The command was stopped by {Signals(-code).name}.")
    if "error" not in summary:
        return AirflowException(f"The command ended with exit code {code}: {shlex.join(command)}")
    kind = AirflowFailException if code == CONTRACT_BROKEN else AirflowException
    return kind(str(summary["error"]))
