"""What the DAG tests stand on: Airflow's settings, and a project folder with a pretended CLI in it."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
FAKE_CLI = Path(__file__).with_name("fake_cli.py")
INITDB = "from airflow.utils.db import initdb; initdb()"
_RUN = Template("""
import json, sys
from datetime import timedelta
from $module import $dag as dag
for task in dag.tasks:
    task.retry_delay = timedelta(seconds=1)
for conf in sys.argv[1:]:
    run = dag.test(run_conf=json.loads(conf))
    tasks = {task.task_id: task for task in run.get_task_instances()}
    facts = {name: [str(t.state), t.try_number, t.xcom_pull(task_ids=name)] for name, t in tasks.items()}
    print("ENDED", json.dumps(facts), flush=True)
""")

Ended = dict[str, list[Any]]  # state, tries and summary of a run's tasks


def run_of(module: str, dag: str) -> str:
    """Return the code that runs a DAG once for each configuration it is given, and says how its tasks ended."""
    return _RUN.substitute(module=module, dag=dag)


def ended(output: str) -> list[Ended]:
    """Return what such code said."""
    return [json.loads(line.split(" ", 1)[1]) for line in output.splitlines() if line.startswith("ENDED")]


def airflow_settings(home: Path, project: Path = ROOT) -> dict[str, str]:
    """Return what Airflow needs to run in `home` alone, with the project's DAGs."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
        "PYTHONPATH": str(project),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@dataclass(frozen=True)
class Stage:
    """A project folder: `dags` as they are, `pipelines` pretended, Airflow's home beside them."""

    root: Path

    @classmethod
    def build(cls, root: Path) -> "Stage":
        """Lay the folder out."""
        shutil.copytree(ROOT / "dags", root / "dags", ignore=shutil.ignore_patterns("__pycache__"))
        (root / "pipelines").mkdir()
        (root / "pipelines" / "__init__.py").touch()
        shutil.copy(FAKE_CLI, root / "pipelines" / "__main__.py")
        stage = cls(root)
        stage.behave()
        return stage

    @classmethod
    def prepared(cls, root: Path) -> "Stage":
        """Lay the folder out, and Airflow's database."""
        stage = cls.build(root)
        done = stage.python(INITDB)
        assert done.returncode == 0, done.stderr
        return stage

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process that runs Airflow here."""
        return os.environ | airflow_settings(self.root / "airflow", self.root)

    def behave(self, **commands: Mapping[str, Any]) -> None:
        """Forget what was, and say how each command of the pretended CLI ends from now on."""
        for note in ("CALLS.jsonl", "HANGING"):
            (self.root / "pipelines" / note).unlink(missing_ok=True)
        (self.root / "pipelines" / "FAKE.json").write_text(json.dumps(commands))

    def calls(self) -> list[dict[str, Any]]:
        """Return how the pretended CLI was started, call by call."""
        notes = self.root / "pipelines" / "CALLS.jsonl"
        return [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []

    @property
    def is_hanging(self) -> bool:
        """Whether the pretended CLI has reached the point where it stays."""
        return (self.root / "pipelines" / "HANGING").exists()

    def python(self, code: str, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a few lines of Python in a fresh process of this project."""
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    def runs(self, code: str, *confs: dict[str, Any]) -> list[Ended]:
        """Run a DAG by the code of `run_of`, once for each configuration."""
        done = self.python(code, *map(json.dumps, confs), timeout=240)
        assert done.returncode == 0, done.stderr + done.stdout
        found = ended(done.stdout)
        assert len(found) == len(confs)
        return found


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return the first truth of `condition`; fail plainly when it does not come."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")


def group_is_gone(group: int) -> bool:
    """Whether no process of the group runs any more (one that only waits to be reaped does not)."""
    return not any(_belongs(process, group) for process in psutil.process_iter())


def _belongs(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False
