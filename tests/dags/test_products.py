"""The selection DAG, run by Airflow's own `dag.test()`: over a CLI that only pretends, and once over ours."""

import copy
import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError

from dags.products import PARAMS, select_products
from pipelines.ingest import products
from pipelines.selection import Selection
from tests.dags.stage import ROOT, Stage, airflow_settings
from tests.selection.small_lake import jpeg, lake, product

# Each configuration is one run; its state, tries and summary are one line of output.
RUN = """
import json, sys
from datetime import timedelta
from dags.products import select_products
for task in select_products.tasks:
    task.retry_delay = timedelta(seconds=1)
for conf in sys.argv[1:]:
    run = select_products.test(run_conf=json.loads(conf))
    [task] = run.get_task_instances()
    print("ENDED", json.dumps([str(task.state), task.try_number, task.xcom_pull(task_ids="select")]), flush=True)
"""
INITDB = "from airflow.utils.db import initdb; initdb()"
NASTY = [
    "; rm -rf / #",
    "$(touch pwned)`touch pwned`",
    "a\nb\n",
    "--help",
    "{{ run_id }}",
    " ",
    "é'\"\\",
    "=1+1",
    "a=b",
]
UNSET = dict.fromkeys(PARAMS)
VOCABULARIES = {
    "gender": products.GENDERS,
    "master_category": products.MASTER_CATEGORIES,
    "season": products.SEASONS,
    "usage": products.USAGES,
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A project whose Airflow has its database."""
    stage = Stage.build(tmp_path_factory.mktemp("products"))
    done = stage.python(INITDB)
    assert done.returncode == 0, done.stderr
    return stage


def ended(output: str) -> list[list[Any]]:
    return [json.loads(line.split(" ", 1)[1]) for line in output.splitlines() if line.startswith("ENDED")]


def runs(stage: Stage, *confs: dict[str, Any]) -> list[list[Any]]:
    """Run the DAG once for each configuration; return each run's state, tries and summary."""
    done = stage.python(RUN, *(json.dumps(UNSET | conf) for conf in confs), timeout=240)
    assert done.returncode == 0, done.stderr + done.stdout
    found = ended(done.stdout)
    assert len(found) == len(confs)
    return found


def checked(**conf: Any) -> None:
    """Validate params as a trigger does."""
    copy.deepcopy(select_products.params).update(conf)


@pytest.mark.parametrize("name", VOCABULARIES)
def test_the_lists_are_the_vocabularies_of_the_catalogue(name: str) -> None:
    assert PARAMS[name].schema["enum"] == [None, *VOCABULARIES[name]]


def test_there_is_a_param_for_everything_that_can_be_asked_and_no_other() -> None:
    assert set(PARAMS) == {field.name for field in fields(Selection)}


@pytest.mark.parametrize("name", VOCABULARIES)
def test_every_value_of_a_list_is_taken(name: str) -> None:
    for value in (None, *VOCABULARIES[name]):
        checked(**{name: value})


@pytest.mark.parametrize(
    "conf",
    [
        *({"season": "Autumn"}, {"season": ""}, {"gender": "men"}, {"usage": "Smart"}, {"master_category": "Shoes"}),
        *({"start_year": 1899}, {"end_year": 2101}, {"start_year": "2012"}, {"end_year": 2012.5}),
        *({"article_type": "x" * 101}, {"base_colour": "Red="}, {"sub_category": 5}),
    ],
    ids=str,
)
def test_what_no_product_can_be_is_refused_when_it_is_triggered(conf: dict[str, Any]) -> None:
    with pytest.raises(ParamValidationError):
        checked(**conf)


@pytest.mark.slow
def test_params_become_arguments_and_nothing_else(stage: Stage) -> None:
    whole = {"gender": "Men", "master_category": "Personal Care", "season": "Fall", "usage": "Smart Casual"}
    whole |= {"sub_category": "Shoes", "article_type": "Casual Shoes", "base_colour": "Off White"}
    stage.behave()
    found = runs(stage, {}, whole | {"start_year": 2012, "end_year": 2013}, *({"article_type": text} for text in NASTY))
    assert all(run[:2] == ["success", 1] for run in found)
    calls = [call["arguments"] for call in stage.calls()]
    assert all(call[0] == "select" and call[-1].startswith("--run-id=manual__") for call in calls)
    given = [call[1:-1] for call in calls]
    assert given[0] == []
    assert given[1] == [
        *("--gender=Men", "--master-category=Personal Care", "--season=Fall", "--usage=Smart Casual"),
        *("--sub-category=Shoes", "--article-type=Casual Shoes", "--base-colour=Off White"),
        *("--start-year=2012", "--end-year=2013"),
    ]
    assert given[2:] == [[f"--article-type={text}"] for text in NASTY]
    assert not (stage.root / "pwned").exists()


@pytest.mark.slow
def test_an_empty_selection_is_a_success_whose_summary_says_so(stage: Stage) -> None:
    stage.behave(select={"raw": json.dumps({"command": "select", "status": "empty"})})
    assert runs(stage, {"gender": "Boys"}) == [["success", 1, {"command": "select", "status": "empty"}]]


@pytest.mark.slow
@pytest.mark.parametrize(("code", "tries"), [(1, 1), (2, 3)], ids=["unknown value", "could not run"])
def test_only_what_may_pass_is_tried_again(stage: Stage, code: int, tries: int) -> None:
    stage.behave(select={"code": code})
    assert runs(stage, {"gender": "Men"}) == [["failed", tries, None]]


@pytest.mark.slow
def test_an_invalid_season_starts_nothing(stage: Stage) -> None:
    stage.behave()
    done = stage.python(RUN, json.dumps(UNSET | {"season": "Autumn"}))
    assert done.returncode != 0
    assert "Autumn" in done.stderr
    assert stage.calls() == []


@pytest.mark.slow
def test_selections_with_the_real_cli(tmp_path: Path) -> None:
    """Some of three products, none of them, and a word that the catalogue does not know."""
    environment = os.environ | airflow_settings(tmp_path / "airflow") | {"TESSERA_HOME": str(tmp_path)}

    def python(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    genders = {1: "Men", 2: "Women", 3: "Men"}
    lake(tmp_path, *((product(i, gender=gender), {"thumbnail": jpeg(i)}) for i, gender in genders.items()))
    python("-c", INITDB)
    confs = [{"gender": "Men"}, {"end_year": 1950}, {"article_type": "Casual Shoez"}]
    some, none, unknown = ended(python("-c", RUN, *(json.dumps(UNSET | conf) for conf in confs)))
    assert some[:2] == none[:2] == ["success", 1]
    assert (some[2]["status"], none[2]["status"]) == ("done", "empty")
    assert some[2]["counts"] == {"products": 2, "images": 2, "without_image": 0}
    entries = json.loads((tmp_path / "runs" / some[2]["run_id"] / "metadata.json").read_text())
    assert [entry["gender"] for entry in entries] == ["Men", "Men"]
    assert json.loads((tmp_path / "runs" / none[2]["run_id"] / "metadata.json").read_text()) == []
    assert unknown == ["failed", 1, None]
    told = json.loads(python("-m", "pipelines", "select", f"--status={none[2]['run_id']}").splitlines()[-1])
    assert (told["status"], told["params"]) == ("empty", {"end_year": 1950})
