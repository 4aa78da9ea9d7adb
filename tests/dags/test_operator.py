"""The operator against a CLI that only pretends: how it starts, what it keeps, how it ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from dags import _operator
from dags._operator import TesseraOperator
from tests.dags.stage import Stage, group_is_gone, wait_for

NASTY = ["--path=; rm -rf / #", "--path=$(touch x)`id`", "--path=a\nb\n", "--path=--help", "--path=ä '\" \\"]


@pytest.fixture
def operator(stage: Stage) -> TesseraOperator:
    """An operator whose CLI is the pretended one."""
    return make(stage, "ingest")


def make(stage: Stage, *arguments: str, grace: float = 1.0) -> TesseraOperator:
    command = [sys.executable, str(stage.root / "pipelines" / "__main__.py")]
    return TesseraOperator(task_id="task", arguments=arguments, command=command, grace=grace)


def execute(operator: TesseraOperator) -> dict[str, Any]:
    return operator.execute({})


def test_the_summary_is_the_last_line_of_stdout(operator: TesseraOperator) -> None:
    assert execute(operator) == {"command": "ingest", "status": "done", "steps": []}


def test_broken_data_is_not_tried_again(stage: Stage, operator: TesseraOperator) -> None:
    stage.behave(ingest={"code": 1})
    with pytest.raises(AirflowFailException, match=r"^The ingest went wrong\.$"):
        execute(operator)


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ({"code": 2}, r"^The ingest went wrong\.$"),
        ({"code": 1, "raw": "Traceback: no summary"}, "exit code 1"),
        ({"code": 0, "raw": "no summary"}, "no JSON summary"),
        ({"code": 0, "raw": "[1]"}, "no JSON summary"),
    ],
)
def test_everything_else_is_tried_again(
    stage: Stage, operator: TesseraOperator, behaviour: dict[str, Any], sentence: str
) -> None:
    stage.behave(ingest=behaviour)
    with pytest.raises(AirflowException, match=sentence) as caught:
        execute(operator)
    assert not isinstance(caught.value, AirflowFailException)


def test_arguments_reach_the_cli_as_they_are(stage: Stage) -> None:
    execute(make(stage, "ingest", *NASTY))
    assert stage.calls()[0]["arguments"] == ["ingest", *NASTY]


def test_what_has_no_value_is_left_out() -> None:
    assert _operator.given(["ingest", "", "--path=", "--pieces=3", "--x==", "a="]) == [
        "ingest",
        "--pieces=3",
        "--x==",
        "a=",
    ]


def test_the_cli_sees_its_own_settings_only(
    stage: Stage, operator: TesseraOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")
    monkeypatch.setenv("AIRFLOW_CONN_X", "secret")
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("TESSERA_HOME", "/there")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    execute(operator)
    seen = stage.calls()[0]["environment"]
    assert seen["TESSERA_HOME"] == "/there"
    assert seen["AWS_ACCESS_KEY_ID"] == "key"
    assert seen["PATH"] == os.environ["PATH"]
    assert "secret" not in seen.values()
    assert not [key for key in seen if key.startswith("AIRFLOW")]


def test_a_huge_line_costs_no_memory(stage: Stage) -> None:
    """300 MB on one line, in a process of its own, so that its peak memory is that of the operator."""
    stage.behave(ingest={"huge": 300_000_000})
    code = """
import resource
from dags._operator import TesseraOperator
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
TesseraOperator(task_id="task", arguments=["ingest"]).execute({})
print("grown", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = stage.python(code)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.rsplit("grown", 1)[1]) < 20_000  # KiB


@pytest.mark.parametrize(("manner", "least", "most"), [("politely", 0.0, 5.0), ("stubborn", 1.0, 10.0)])
def test_a_kill_ends_the_whole_group(stage: Stage, manner: str, least: float, most: float) -> None:
    stage.behave(ingest={"hang": manner})
    operator = make(stage, "ingest")
    killed: list[float] = []

    def kill() -> None:
        wait_for(lambda: stage.is_hanging, 20, "the CLI hangs")
        killed.append(time.monotonic())
        operator.on_kill()

    threading.Thread(target=kill).start()
    with pytest.raises(AirflowException, match="SIGTERM" if manner == "politely" else "SIGKILL"):
        execute(operator)
    assert least <= time.monotonic() - killed[0] < most
    assert group_is_gone(stage.calls()[0]["group"])


def test_the_cli_does_not_outlive_a_task_that_dies_hard(stage: Stage) -> None:
    stage.behave(ingest={"hang": "stubborn"})
    code = "from dags._operator import *; TesseraOperator(task_id='t', arguments=['ingest'], grace=1).execute({})"
    with subprocess.Popen([sys.executable, "-c", code], cwd=stage.root, env=stage.environment) as task:
        wait_for(lambda: stage.is_hanging, 60, "the CLI hangs")
        task.send_signal(signal.SIGKILL)
    group = stage.calls()[0]["group"]
    wait_for(lambda: group_is_gone(group), 10, "the CLI's group goes")


def test_children_left_behind_are_ended_too(stage: Stage) -> None:
    """A CLI that is killed leaves its child with the output pipe open: the task must not wait for it."""
    stage.behave(ingest={"hang": "stubborn"})
    operator = make(stage, "ingest")

    def crash() -> None:
        wait_for(lambda: stage.is_hanging, 20, "the CLI hangs")
        os.kill(stage.calls()[0]["pid"], signal.SIGKILL)

    threading.Thread(target=crash).start()
    with pytest.raises(AirflowException, match="SIGKILL"):
        execute(operator)
    assert group_is_gone(stage.calls()[0]["group"])
