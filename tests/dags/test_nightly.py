"""The nightly DAG, run to its end by Airflow's own `dag.test()` over a CLI that only pretends."""

import copy
import json
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError

from dags.nightly import nightly
from tests.dags.stage import Stage

# Each configuration on the command line is one run of the DAG; the states of each are one line of output.
RUN = """
import json, sys
from datetime import timedelta
from dags.nightly import nightly
for task in nightly.tasks:
    task.retry_delay = timedelta(seconds=1)
for conf in sys.argv[1:]:
    run = nightly.test(run_conf=json.loads(conf))
    states = {ti.task_id: [str(ti.state), ti.try_number] for ti in run.get_task_instances()}
    print("STATES", json.dumps(states), flush=True)
"""
NASTY = ["; rm -rf / #", "$(touch pwned)`touch pwned`", "a\nb\n", "--help", "{{ run_id }}", " ", "é'\"\\"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A project whose Airflow has its database: making one takes longer than a night."""
    stage = Stage.build(tmp_path_factory.mktemp("nightly"))
    done = stage.python("from airflow.utils.db import initdb; initdb()")
    assert done.returncode == 0, done.stderr
    return stage


def nights(stage: Stage, *confs: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the DAG once for each configuration; return each run's tasks: state and tries."""
    done = stage.python(RUN, *map(json.dumps, confs), timeout=240)
    assert done.returncode == 0, done.stderr + done.stdout
    found = [json.loads(line.split(" ", 1)[1]) for line in done.stdout.splitlines() if line.startswith("STATES")]
    assert len(found) == len(confs)
    return found


def test_params_become_arguments_and_nothing_else(stage: Stage) -> None:
    confs: list[dict[str, Any]] = [{}, {"source": "sample", "pieces": 100, "max_defect_share": 0.25}]
    confs += [{"source": "fashion", "path": path} for path in NASTY]
    defaults = {"source": "configured", "path": None, "pieces": None, "max_defect_share": 0.1}
    stage.behave()
    ended = nights(stage, *(defaults | conf for conf in confs))  # one process: Airflow keeps params from run to run
    assert all(state == ["success", 1] for night in ended for state in night.values())
    calls = [call["arguments"] for call in stage.calls()]
    assert [call[0] for call in calls] == ["ingest", "run", "release"] * len(confs)
    ingests = [call[:-1] for call in calls[::3]]
    assert ingests[0] == ["ingest", "--max-defect-share=0.1"]
    assert ingests[1] == ["ingest", "sample", "--pieces=100", "--max-defect-share=0.25"]
    assert ingests[2:] == [["ingest", "fashion", f"--path={path}", "--max-defect-share=0.1"] for path in NASTY]
    assert not (stage.root / "pwned").exists()


def test_one_run_id_goes_through_the_night(stage: Stage) -> None:
    stage.behave()
    nights(stage, {})
    last = {call["arguments"][-1] for call in stage.calls()}
    assert len(last) == 1
    assert last.pop().startswith("--run-id=manual__")


@pytest.mark.parametrize(("code", "tries"), [(1, 1), (2, 3)], ids=["broken data", "could not run"])
def test_a_failure_stops_the_night(stage: Stage, code: int, tries: int) -> None:
    stage.behave(run={"code": code})
    [night] = nights(stage, {"source": "sample"})
    assert night == {"ingest": ["success", 1], "palettes": ["failed", tries], "release": ["upstream_failed", 0]}


@pytest.mark.parametrize(
    "conf", [{"source": "elsewhere"}, {"pieces": 0}, {"pieces": "7; ls"}, {"max_defect_share": 1.5}]
)
def test_params_out_of_bounds_are_refused(conf: dict[str, Any]) -> None:
    params = copy.deepcopy(nightly.params)
    with pytest.raises(ParamValidationError):
        params.update(conf)
