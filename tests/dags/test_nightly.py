"""The nightly DAG, run to its end by Airflow's own `dag.test()` over a CLI that only pretends."""

import copy
import json
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError

from dags.nightly import FEATURES, SOURCES, nightly
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
    print("STATES", json.dumps({"run": [str(run.state), 1]} | states), flush=True)
"""
NASTY = ["; rm -rf / # $(touch pwned)`touch pwned` {{ run_id }} é'\"\\\n", "--help", " "]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A project whose Airflow has its database: making one takes longer than a night."""
    stage = Stage.build(tmp_path_factory.mktemp("nightly"))
    done = stage.python("from airflow.utils.db import initdb; initdb()")
    assert done.returncode == 0, done.stderr
    return stage


def nights(stage: Stage, *confs: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the DAG once for each configuration; return each run's tasks: state and tries."""
    done = stage.python(RUN, *map(json.dumps, confs), timeout=500)
    assert done.returncode == 0, done.stderr + done.stdout
    found = [json.loads(line.split(" ", 1)[1]) for line in done.stdout.splitlines() if line.startswith("STATES")]
    assert len(found) == len(confs)
    return found


def test_params_become_arguments_and_nothing_else(stage: Stage) -> None:
    confs: list[dict[str, Any]] = [{}, {"sources": ["sample", "inbox"], "pieces": 100, "max_defect_share": 0.25}]
    confs += [{"path": path} for path in NASTY]
    defaults = {"sources": ["configured"], "path": None, "pieces": None, "max_defect_share": 0.1}
    stage.behave()
    ended = nights(stage, *(defaults | conf for conf in confs))  # one process: Airflow keeps params from run to run
    assert all(state == ["success", 1] for night in ended for state in night.values())
    calls = [call["arguments"] for call in stage.calls()]
    assert len(calls) == len(confs) * (len(SOURCES) + 1 + len(FEATURES) + 1)
    asked = {name: [call[:-1] for call in calls if call[:2] == ["ingest", name]] for name in SOURCES}
    assert asked["cifar10"][:2] == [
        ["ingest", "cifar10", "--among=configured"],
        ["ingest", "cifar10", "--among=sample,inbox"],
    ]
    assert asked["sample"][1] == ["ingest", "sample", "--pieces=100", "--among=sample,inbox"]
    assert asked["fashion"][2:] == [["ingest", "fashion", f"--path={path}", "--among=fashion,inbox"] for path in NASTY]
    gates = [call[:-1] for call in calls if call[0] == "gate"]
    assert gates[1] == ["gate", "--max-defect-share=0.25", "--max-absent-share=1.0"]
    assert not (stage.root / "pwned").exists()


def test_one_run_id_goes_through_the_night(stage: Stage) -> None:
    stage.behave()
    nights(stage, {})
    last = {call["arguments"][-1] for call in stage.calls()}
    assert len(last) == 1
    assert last.pop().startswith("--run-id=manual__")


@pytest.mark.parametrize(("code", "tries"), [(1, 1), (2, 3)], ids=["broken data", "could not run"])
def test_a_failure_stops_the_night(stage: Stage, code: int, tries: int) -> None:
    stage.behave(gate={"code": code})
    [night] = nights(stage, {"sources": ["sample"]})
    assert all(night[f"ingest_{name}"] == ["success", 1] for name in SOURCES)
    assert night["gate"] == ["failed", tries]
    assert night["mosaics"] == night["release"] == ["upstream_failed", 0]


def test_a_source_that_is_away_keeps_nothing_back(stage: Stage) -> None:
    stage.behave(tmdb={"code": 2})
    [night] = nights(stage, {})
    assert night.pop("ingest_tmdb") == ["failed", 3]
    assert night.pop("every_source") == ["upstream_failed", 0]
    assert night.pop("run") == ["failed", 1]  # somebody has to look
    assert all(state == ["success", 1] for state in night.values())


def test_a_source_that_is_not_wanted_is_skipped(stage: Stage) -> None:
    stage.behave(cifar10={"raw": json.dumps({"status": "skipped", "reason": "Nobody asked for it."})})
    [night] = nights(stage, {})
    assert night.pop("ingest_cifar10") == ["skipped", 1]
    assert all(state == ["success", 1] for state in night.values())


def test_tags_that_were_skipped_keep_neither_mosaics_nor_the_release_back(stage: Stage) -> None:
    stage.behave(tags={"raw": json.dumps({"status": "skipped", "reason": "There is no such model."})})
    [night] = nights(stage, {})
    assert night.pop("tags") == ["skipped", 1]
    assert all(state == ["success", 1] for state in night.values())


def test_tags_that_failed_keep_no_mosaics_back(stage: Stage) -> None:
    stage.behave(tags={"code": 1})
    [night] = nights(stage, {})
    assert (night["tags"], night["mosaics"]) == (["failed", 1], ["success", 1])
    assert night["release"] == ["upstream_failed", 0]


@pytest.mark.parametrize(
    "conf", [{"sources": ["elsewhere"]}, {"sources": []}, {"pieces": 0}, {"pieces": "7; ls"}, {"max_defect_share": 1.5}]
)
def test_params_out_of_bounds_are_refused(conf: dict[str, Any]) -> None:
    params = copy.deepcopy(nightly.params)
    with pytest.raises(ParamValidationError):
        params.update(conf)
