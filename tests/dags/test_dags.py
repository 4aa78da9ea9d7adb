"""Every DAG of the folder: loads fast and alone, says what it is, and has params a schedule can use."""

import json
from typing import Any

import pytest

from dags.nightly import FEATURES, SOURCES, nightly
from dags.nightly import TABLES as MADE
from pipelines import sources
from pipelines.catalog import TABLES
from pipelines.producers import Companion
from tests.dags.stage import ROOT, Stage

FILES = sorted(path.name for path in (ROOT / "dags").glob("[!_]*.py"))
FORBIDDEN = "pipelines warehouse torch tensorflow keras dask distributed duckdb deltalake mlflow pyarrow"

# In a fresh process: Airflow itself first (some 3 s, paid once by its dag processor), then the file alone.
LOAD = """
import json, sys, time
import airflow.sdk, airflow.dag_processing.dagbag
before, start = set(sys.modules), time.perf_counter()
bag = airflow.dag_processing.dagbag.DagBag(sys.argv[1])
seconds = time.perf_counter() - start
def facts(dag):
    params = map(dag.params.get_param, dag.params)
    for param in params if dag.timetable.can_be_scheduled else (p for p in params if p.has_value):
        param.resolve()
    tasks = [{"id": t.task_id, "owner": t.owner, "retries": t.retries, "doc_md": t.doc_md,
              "delay": t.retry_delay.total_seconds(), "timeout": bool(t.execution_timeout),
              "downstream": sorted(t.downstream_task_ids)} for t in dag.tasks]
    return {"id": dag.dag_id, "doc_md": dag.doc_md, "tags": sorted(dag.tags), "tasks": tasks,
            "params": [p.schema | {"description": p.description} for p in map(dag.params.get_param, dag.params)]}
print(json.dumps({"seconds": seconds, "errors": bag.import_errors, "new": sorted(set(sys.modules) - before),
                  "dags": [facts(dag) for dag in bag.dags.values()]}))
"""


@pytest.fixture(scope="module", params=FILES)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one DAG file is like, once loaded by itself."""
    stage = Stage.build(tmp_path_factory.mktemp("load"))
    done = stage.python(LOAD, str(stage.root / "dags" / request.param))
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_it_loads_without_error_in_under_two_seconds(loaded: dict[str, Any]) -> None:
    assert loaded["errors"] == {}
    assert loaded["dags"]
    assert loaded["seconds"] < 2


def test_it_imports_nothing_of_ours_and_nothing_heavy(loaded: dict[str, Any]) -> None:
    heads = {name.partition(".")[0] for name in loaded["new"]}
    assert not heads & set(FORBIDDEN.split())


def test_it_says_what_it_is(loaded: dict[str, Any]) -> None:
    for dag in loaded["dags"]:
        assert dag["doc_md"]
        assert dag["tags"]
        for task in dag["tasks"]:
            assert task["owner"] == "tessera"
            assert task["doc_md"]


def test_every_task_is_tried_again_and_not_for_ever(loaded: dict[str, Any]) -> None:
    for task in (task for dag in loaded["dags"] for task in dag["tasks"]):
        assert task["retries"] == 2
        assert task["delay"] > 0
        assert task["timeout"]


def test_every_param_is_typed_titled_and_described(loaded: dict[str, Any]) -> None:
    for param in (param for dag in loaded["dags"] for param in dag["params"]):
        assert all(param[fact] for fact in ("type", "title", "description"))


def test_the_nights_edges() -> None:
    night = {task.task_id: task.downstream_task_ids for task in nightly.tasks}
    ingests = {name for name in night if name.startswith("ingest_")}
    assert ingests == {f"ingest_{name}" for name in SOURCES}
    assert all(night[name] == {"gate", "every_source"} for name in ingests)
    assert night["gate"] == set(FEATURES) - {"near_duplicates", "labels", "recommendations", "mosaics"}
    assert night["palettes"] == {"near_duplicates", "mosaics"}
    assert night["perceptual_hashes"] == {"near_duplicates"}
    assert night["label_scores"] == {"labels"}
    assert night["near_duplicates"] == night["labels"] == {"recommendations"}
    assert night["tags"] == night["tag_paths"] == {"tags_settled", "release"}
    assert night["tags_settled"] == {"mosaics"}
    last = ("thumbnails", "augmentations", "recommendations", "mosaics")
    assert all(night[table] == {"release"} for table in last)
    assert night["release"] == {"every_source"}


def test_the_night_makes_every_table_and_takes_every_source() -> None:
    made = [table for table in TABLES if table.produce and not isinstance(table.produce, Companion)]
    assert [table for task in FEATURES for table in MADE.get(task, [task])] == [table.name for table in made]
    assert list(SOURCES) == list(sources.SOURCES)
