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

from dags.products import FILTERS, PARAMS, select_products
from pipelines.ingest import products
from pipelines.registry import Registry
from pipelines.selection import Selection
from tests.dags.stage import INITDB, ROOT, Stage, airflow_settings, ended, run_of
from tests.selection.small_lake import jpeg, lake, product
from tests.selection.small_models import LABELS, register

# Each configuration is one run; the state, tries and summary of its tasks are one line of output.
RUN = run_of("dags.products", "select_products")
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
OFF = {"apply_model": False, "apply_augmentation": False}
UNSET = dict.fromkeys(PARAMS) | OFF
PLAIN = {"images", "metadata.json", "metadata.parquet"}
ADDED = {"augmentation", "predictions.json", "predictions.parquet"}
VOCABULARIES = {
    "gender": products.GENDERS,
    "master_category": products.MASTER_CATEGORIES,
    "season": products.SEASONS,
    "usage": products.USAGES,
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A project whose Airflow has its database."""
    return Stage.prepared(tmp_path_factory.mktemp("products"))


def runs(stage: Stage, *confs: dict[str, Any]) -> list[dict[str, list[Any]]]:
    """Run the DAG once for each configuration; return state, tries and summary of each run's tasks."""
    return stage.runs(RUN, *(UNSET | conf for conf in confs))


def checked(**conf: Any) -> None:
    """Validate params as a trigger does."""
    copy.deepcopy(select_products.params).update(conf)


@pytest.mark.parametrize("name", VOCABULARIES)
def test_the_lists_are_the_vocabularies_of_the_catalogue(name: str) -> None:
    assert PARAMS[name].schema["enum"] == [None, *VOCABULARIES[name]]


def test_there_is_a_param_for_everything_that_can_be_asked_and_no_other() -> None:
    assert set(FILTERS) == {field.name for field in fields(Selection)}
    assert set(PARAMS) - set(FILTERS) == {"apply_model", "apply_augmentation", "model"}


def test_what_is_applied_follows_the_imagery_and_is_off_unless_turned_on() -> None:
    tasks = {task.task_id: task for task in select_products.tasks}
    assert tasks.keys() == {"select", "predict", "augment"}
    assert tasks["predict"].upstream_task_ids == tasks["augment"].upstream_task_ids == {"select"}
    assert {name: PARAMS[name].value for name in OFF} == OFF


@pytest.mark.parametrize("model", ["fashion-labels", "fashion-labels@champion", "fashion attributes/12", None])
def test_a_reference_to_a_model_is_taken(model: str | None) -> None:
    checked(apply_model=True, model=model)


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
        *({"apply_model": "yes"}, {"apply_augmentation": 1}, {"apply_model": None}),
        *({"model": ""}, {"model": "a@b/c"}, {"model": "models:/a/1"}, {"model": "--status=r1"}, {"model": "x" * 301}),
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
    assert all(task[:2] == ["success", 1] for run in found for task in run.values())
    calls = [call["arguments"] for call in stage.calls() if not call["arguments"][1].startswith("--add-to=")]
    assert len(calls) == len(found)
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
def test_each_option_becomes_an_argument_of_its_own_task(stage: Stage) -> None:
    stage.behave()
    both = {"apply_model": True, "apply_augmentation": True}
    runs(stage, {"gender": "Men"}, both, {"apply_model": True, "model": "a@b"}, {"model": "a@b"})
    calls = [call["arguments"] for call in stage.calls()]
    run_ids = [call[-1].removeprefix("--run-id=") for call in calls if call[-1].startswith("--run-id=")]
    assert len(set(run_ids)) == 4
    given = [sorted(call[2:] for call in calls if call[:2] == ["select", f"--add-to={run_id}"]) for run_id in run_ids]
    assert given == [
        [[], []],
        [["--apply-augmentation"], ["--apply-model"]],
        [[], ["--apply-model", "--model=a@b"]],
        [[], []],
    ]


@pytest.mark.slow
def test_an_empty_selection_is_a_success_whose_summary_says_so(stage: Stage) -> None:
    stage.behave(select={"raw": json.dumps({"command": "select", "status": "empty"})})
    [run] = runs(stage, {"gender": "Boys"})
    assert run["select"] == ["success", 1, {"command": "select", "status": "empty"}]


@pytest.mark.slow
@pytest.mark.parametrize(("code", "tries"), [(1, 1), (2, 3)], ids=["unknown value", "could not run"])
def test_only_what_may_pass_is_tried_again(stage: Stage, code: int, tries: int) -> None:
    stage.behave(select={"code": code})
    [run] = runs(stage, {"gender": "Men"})
    assert run["select"] == ["failed", tries, None]
    assert run["predict"][0] == run["augment"][0] == "upstream_failed"


@pytest.mark.slow
def test_an_invalid_season_starts_nothing(stage: Stage) -> None:
    stage.behave()
    done = stage.python(RUN, json.dumps(UNSET | {"season": "Autumn"}))
    assert done.returncode != 0
    assert "Autumn" in done.stderr
    assert stage.calls() == []


@pytest.mark.slow
def test_selections_with_the_real_cli(tmp_path: Path) -> None:
    """Some of three products, none of them, a word that the catalogue does not know, and some with all there is."""
    environment = os.environ | airflow_settings(tmp_path / "airflow")
    environment |= {"TESSERA_HOME": str(tmp_path), "TESSERA_DEVICE": "cpu", "TESSERA_MLFLOW_URI": ""}

    def python(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    genders = {1: "Men", 2: "Women", 3: "Men"}
    lake(tmp_path, *((product(i, gender=gender), {"thumbnail": jpeg(i)}) for i, gender in genders.items()))
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", str(tmp_path / "mlartifacts"), tmp_path / "models")
    register(registry, "fashion-labels", LABELS)
    python("-c", INITDB)
    both = {"apply_model": True, "apply_augmentation": True}
    confs = [{"gender": "Men"}, both | {"end_year": 1950}, both | {"article_type": "Casual Shoez"}, both]
    some, none, unknown, whole = ended(python("-c", RUN, *(json.dumps(UNSET | conf) for conf in confs)))
    assert [[run[task][0] for task in ("select", "predict", "augment")] for run in (some, none, unknown, whole)] == [
        ["success", "skipped", "skipped"],
        ["success", "skipped", "skipped"],
        ["failed", "upstream_failed", "upstream_failed"],
        ["success", "success", "success"],
    ]
    assert (some["select"][2]["status"], none["select"][2]["status"], unknown["select"][1]) == ("done", "empty", 1)
    assert some["select"][2]["counts"] == {"products": 2, "images": 2, "without_image": 0}
    some_id, none_id, whole_id = (run["select"][2]["run_id"] for run in (some, none, whole))
    assert {path.name for path in (tmp_path / "runs" / some_id).iterdir()} == PLAIN
    assert {path.name for path in (tmp_path / "runs" / whole_id).iterdir()} == PLAIN | ADDED
    entries = json.loads((tmp_path / "runs" / some_id / "metadata.json").read_text())
    assert [entry["gender"] for entry in entries] == ["Men", "Men"]
    assert json.loads((tmp_path / "runs" / none_id / "metadata.json").read_text()) == []
    predictions = json.loads((tmp_path / "runs" / whole_id / "predictions.json").read_text())
    assert [set(entry) - {"image_id"} for entry in predictions] == [{"model_name", "model_version", *LABELS}] * 3
    assert whole["predict"][2]["predict"]["model"] == "fashion-labels/1"
    told = json.loads(python("-m", "pipelines", "select", f"--status={none_id}").splitlines()[-1])
    assert (told["status"], told["params"], told["predict"]["status"]) == ("empty", {"end_year": 1950}, "skipped")
    told = json.loads(python("-m", "pipelines", "select", f"--status={whole_id}").splitlines()[-1])
    assert [told[name]["counts"] for name in ("predict", "augment")] == [{"images": 3, "left_out": 0}] * 2
