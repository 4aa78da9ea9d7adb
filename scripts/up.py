"""Hold Airflow and MLflow: start both, say where they are, and leave no process behind.

`up.sh` sets the environment; `up.py stop` ends what another call started.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

import psutil

HOME = Path(os.environ["TESSERA_HOME"])
AIRFLOW_HOME = Path(os.environ["AIRFLOW_HOME"])
AIRFLOW_PORT = int(os.environ["AIRFLOW_PORT"])
MLFLOW_PORT = int(os.environ["MLFLOW_PORT"])
STARTED = HOME / "up.json"  # [pid, time of its start] of this process and of what it started
PASSWORDS = AIRFLOW_HOME / "simple_auth_manager_passwords.json.generated"
GRACE = 20.0  # seconds a process has to end by itself
PATIENCE = 180.0  # seconds until a server has to answer
AIRFLOW = ["airflow", "standalone"]
MLFLOW = [
    *("mlflow", "server", "--host", "127.0.0.1", "--port", str(MLFLOW_PORT)),
    *("--backend-store-uri", f"sqlite:///{HOME / 'mlflow.db'}"),
    *("--artifacts-destination", str(HOME / "mlartifacts")),
]


def up() -> int:
    """Start both, wait until they answer, then wait for the end."""
    for port, name in ((AIRFLOW_PORT, "AIRFLOW_PORT"), (MLFLOW_PORT, "MLFLOW_PORT")):
        if is_taken(port):
            return complain(f"Port {port} is taken. Choose another: make up {name}={port + 1}")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    servers: list[psutil.Popen] = []
    try:
        for name, command in (("airflow", AIRFLOW), ("mlflow", MLFLOW)):
            servers.append(start(name, command))
            remember([psutil.Process(), *servers])
        print(f"up: starting Airflow and MLflow (about a minute; logs in {HOME})", flush=True)
        await_pages(servers)
        print(greeting(), flush=True)
        while all(server.poll() is None for server in servers):
            time.sleep(1)
        return complain(f"A server ended by itself. Its log is in {HOME}.")
    except KeyboardInterrupt:
        return 0
    except TimeoutError as error:
        return complain(str(error))
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # nothing cuts the clearing up short
        print("\nup: stopping", flush=True)
        end(servers)
        STARTED.unlink(missing_ok=True)


def stop() -> int:
    """End what another call started, whether or not that call is still there."""
    if not STARTED.exists():
        print("stop: nothing is running")
        return 0
    holder, *servers = [alive(pid, started) for pid, started in json.loads(STARTED.read_text())]
    if holder:
        holder.terminate()
        psutil.wait_procs([holder], timeout=3 * GRACE)
    end([server for server in servers if server])
    STARTED.unlink(missing_ok=True)
    print("stop: done")
    return 0


def start(name: str, command: list[str]) -> psutil.Popen:
    """Start a server in a session of its own, so that Ctrl-C reaches only us, with its log in a file."""
    with (HOME / f"{name}.log").open("wb") as log:
        return psutil.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def end(servers: Iterable[psutil.Process]) -> None:
    """Ask the servers to end, then make sure that all they started is gone."""
    servers = list(servers)
    family = [member for server in servers for member in members(server)]
    for server in servers:
        with contextlib.suppress(psutil.NoSuchProcess):
            server.send_signal(signal.SIGINT)  # standalone passes no SIGTERM on to its parts
    psutil.wait_procs(family, timeout=GRACE)
    left = {process for server in servers for process in members(server)} | set(family)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=GRACE)


def members(server: psutil.Process) -> list[psutil.Process]:
    """Return the server, its descendants, and those of its session whose parent is gone."""
    found = {process for process in psutil.process_iter() if session(process) == server.pid}
    with contextlib.suppress(psutil.NoSuchProcess):
        found |= {server, *server.children(recursive=True)}
    return list(found)


def session(process: psutil.Process) -> int | None:
    """Return the session a process belongs to, if it is there."""
    try:
        return os.getsid(process.pid)
    except (ProcessLookupError, PermissionError):
        return None


def alive(pid: int, started: float) -> psutil.Process | None:
    """Return the process of that id, unless it is another one by now."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return process if process.create_time() == started else None
    return None


def remember(processes: Iterable[psutil.Process]) -> None:
    """Note down for `stop` what runs."""
    STARTED.write_text(json.dumps([[process.pid, process.create_time()] for process in processes]))


def await_pages(servers: Iterable[psutil.Popen]) -> None:
    """Wait until both pages answer; stop waiting when a server has ended."""
    deadline = time.monotonic() + PATIENCE
    for url in (f"http://127.0.0.1:{AIRFLOW_PORT}/api/v2/monitor/health", f"http://127.0.0.1:{MLFLOW_PORT}/health"):
        while not answers(url):
            if time.monotonic() > deadline or any(server.poll() is not None for server in servers):
                raise TimeoutError(f"{url} does not answer. The logs are in {HOME}.")
            time.sleep(1)


def answers(url: str) -> bool:
    """Whether the page is there."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def is_taken(port: int) -> bool:
    """Whether somebody listens there already."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def greeting() -> str:
    """Say where everything is."""
    return (
        f"  Airflow   http://localhost:{AIRFLOW_PORT}   user admin, password in {PASSWORDS}\n"
        f"  MLflow    http://localhost:{MLFLOW_PORT}\n"
        "  Press Ctrl-C here, or run `make stop` elsewhere, to end both."
    )


def complain(sentence: str) -> int:
    """Say what is wrong, and return the exit code that says so too."""
    print(f"up: {sentence}", file=sys.stderr)
    return 1


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Turn every request to end into the same one."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(stop() if sys.argv[1:] == ["stop"] else up())
