"""One night under a real scheduler: what `dag.test()` cannot show, because it runs the task in its own process.

With the CLI that only pretends, and with ours over 100 generated pieces.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.dags.stage import ROOT, Stage, airflow_settings, group_is_gone, wait_for

pytestmark = [pytest.mark.slow(90), pytest.mark.timeout(900)]
AIRFLOW = str(Path(sys.executable).with_name("airflow"))
ENDED = ("success", "failed")


@dataclass(frozen=True)
class Airflow:
    """A running Airflow, spoken to over its REST API."""

    port: int

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, token: str = "") -> Any:
        """Send one request, return its JSON."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call the API as the administrator."""
        token = self.call("GET", "/auth/token")["access_token"]
        return self.call(method, f"/api/v2/{path}", body, token)

    def is_up(self) -> bool:
        """Whether the scheduler beats and the DAG is known."""
        try:
            health = self.ask("GET", "monitor/health")
            self.ask("GET", "dags/nightly")
        except OSError:
            return False
        return bool(health["scheduler"]["status"] == "healthy")

    def trigger(self, **conf: Any) -> str:
        """Start a night; return the address of its run."""
        run = self.ask("POST", "dags/nightly/dagRuns", {"logical_date": None, "conf": conf})
        return f"dags/nightly/dagRuns/{run['dag_run_id']}".replace("+", "%2B")

    def states(self, run: str) -> dict[str, str]:
        """Return the state of each task of the run."""
        found = self.ask("GET", f"{run}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in found}


@contextmanager
def running(home: Path, project: Path, **settings: str) -> Iterator[Airflow]:
    """Start Airflow's parts one by one on a free port; at the end ask each to stop, and see that all are gone."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home.mkdir(exist_ok=True)
    environment = os.environ | airflow_settings(home, project) | settings
    environment |= {
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    }
    subprocess.run([AIRFLOW, "db", "migrate"], cwd=home, env=environment, capture_output=True, check=True)
    parts: list[subprocess.Popen[bytes]] = []
    with ExitStack() as logs:
        for part in ("api-server", "scheduler", "dag-processor"):
            log = logs.enter_context((home / f"{part}.log").open("wb"))
            parts.append(
                subprocess.Popen(
                    [AIRFLOW, part], cwd=home, env=environment, stdout=log, stderr=log, start_new_session=True
                )
            )
        try:
            airflow = Airflow(port)
            wait_for(airflow.is_up, 120, "Airflow is up")
            yield airflow
        finally:
            stop(parts)


def stop(parts: list[subprocess.Popen[bytes]]) -> None:
    """SIGTERM each part; what is left of its family after a minute is killed, and is a failure."""
    family = {child for part in parts for child in psutil.Process(part.pid).children(recursive=True)}
    for part in parts:
        part.send_signal(signal.SIGTERM)
    for part in parts:
        part.wait(60)
    _, left = psutil.wait_procs(family, timeout=25)
    for process in left:
        process.kill()
    assert not left


@pytest.fixture
def airflow(stage: Stage) -> Iterator[Airflow]:
    """Airflow over the pretended CLI."""
    with running(stage.root / "airflow", stage.root) as started:
        yield started


def test_a_night_and_a_night_cut_short(stage: Stage, airflow: Airflow) -> None:
    """First a good one, then one whose task is marked as failed from outside: its CLI must end, all of it."""
    run = airflow.trigger()
    wait_for(lambda: airflow.ask("GET", run)["state"] in ENDED, 400, "the run ends")
    assert set(airflow.states(run).values()) == {"success"}

    stage.behave(gate={"hang": "stubborn"})
    run = airflow.trigger()
    wait_for(lambda: stage.is_hanging, 60, "the CLI hangs")
    group = stage.calls()[-1]["group"]
    assert not group_is_gone(group)
    airflow.ask("PATCH", f"{run}/taskInstances/gate", {"new_state": "failed"})
    started = time.monotonic()
    wait_for(lambda: group_is_gone(group), 60, "the CLI's group goes")
    print(f"gone after {time.monotonic() - started:.1f} s")
    wait_for(lambda: airflow.ask("GET", run)["state"] == "failed", 60, "the run has failed")


def test_a_night_with_the_real_cli(tmp_path: Path) -> None:
    """100 generated pieces from the first image to the release."""
    pytest.importorskip("pipelines.cli")
    pytest.importorskip("warehouse.release")
    with running(tmp_path / "airflow", ROOT, TESSERA_HOME=str(tmp_path / "tessera")) as airflow:
        run = airflow.trigger(sources=["sample", "inbox"], pieces=100)
        wait_for(lambda: airflow.ask("GET", run)["state"] in ENDED, 600, "the run ends")
        states = airflow.states(run)
        skipped = {name for name, state in states.items() if state == "skipped"}
        assert skipped == {"ingest_fashion", "ingest_cifar10", "ingest_bechdel", "ingest_tmdb"}
        assert {state for name, state in states.items() if name not in skipped} == {"success"}
        path = f"{run}/taskInstances/release/xcomEntries/return_value"
        summary = airflow.ask("GET", f"{path}?stringify=false")["value"]
    assert summary["status"] == "done"
    assert list((tmp_path / "tessera" / "releases").rglob("*.duckdb"))
