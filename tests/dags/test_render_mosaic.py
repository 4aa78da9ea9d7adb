"""The DAG that makes a mosaic, run by Airflow's own `dag.test()`: over a CLI that only pretends, and once over ours."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from airflow.sdk.exceptions import ParamValidationError

import warehouse
from dags.render_mosaic import FAMILIES, FORMATS, MODES, OPTIONS, render_mosaic
from pipelines.imaging import decode
from pipelines.ingest import image_sources, images
from pipelines.ingest.inbox import mosaic_requests
from pipelines.lake.materialize import upsert
from pipelines.lake.recipe import Run
from pipelines.palette.colour_names import colour_names
from tests.dags.stage import INITDB, ROOT, Stage, airflow_settings, ended, run_of
from tests.selection.small_lake import jpeg, lake, product

# Each configuration is one run; the state, tries and summary of its tasks are one line of output.
RUN = run_of("dags.render_mosaic", "render_mosaic")
NASTY = ["; rm -rf / #", "$(touch pwned)`touch pwned`", "{{ run_id }}", " ", "é'\"\\", "=1+1", "a=", "upload/a b/0f"]
USUAL = {name: param.value for name, param in OPTIONS.items()}
GIVEN = ["--apart=0", "--tile-px=32", "--tint=0.0", "--format=jpeg", "--mode=cells_3x3"]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A project whose Airflow has its database."""
    return Stage.prepared(tmp_path_factory.mktemp("mosaic"))


def runs(stage: Stage, *confs: dict[str, Any]) -> list[dict[str, list[Any]]]:
    """Run the DAG once for each configuration; return state, tries and summary of each run's tasks."""
    return stage.runs(RUN, *(USUAL | conf for conf in confs))


def checked(**conf: Any) -> None:
    """Validate params as a trigger does."""
    copy.deepcopy(render_mosaic.params).update({"picture": "1"} | conf)


def test_there_is_a_param_for_every_option_with_its_usual_value() -> None:
    assert set(OPTIONS) == {*mosaic_requests.OPTIONS, "user"}
    told = vars(mosaic_requests.Options())
    assert told | dict.fromkeys(("sources", "families", "user")) == USUAL


def test_the_lists_are_those_of_the_command() -> None:
    assert (FORMATS, MODES) == (mosaic_requests.FORMATS, mosaic_requests.MODES)
    assert set(FAMILIES) == {colour.family for colour in colour_names()}


def test_a_mosaic_is_released() -> None:
    tasks = {task.task_id: task for task in render_mosaic.tasks}
    assert tasks.keys() == {"mosaic", "release"}
    assert tasks["release"].upstream_task_ids == {"mosaic"}


@pytest.mark.parametrize(
    "conf",
    [
        {"picture": "upload/ana b./0f"},
        {"columns": 2_000, "max_uses": 1, "apart": 100, "tile_px": 256, "tint": 1},
        {"sources": ["cifar10", "elsewhere"], "families": ["blue"], "tag_path": "/animal/fourlegs", "user": "-é b"},
        dict.fromkeys(("columns", "sources", "families", "max_uses", "apart", "tile_px", "tint", "tag_path", "user")),
    ],
    ids=str,
)
def test_what_can_be_asked_is_taken(conf: dict[str, Any]) -> None:
    checked(**conf)


@pytest.mark.parametrize(
    "conf",
    [
        *({"picture": ""}, {"picture": None}, {"picture": "--help"}, {"picture": "1\n2"}, {"picture": "1\x00"}),
        *({"columns": 0}, {"columns": 2_001}, {"columns": 1.5}, {"columns": "9"}, {"max_uses": 0}, {"max_uses": 2**31}),
        *({"apart": -1}, {"apart": 101}, {"tile_px": 0}, {"tile_px": 257}, {"tint": -0.1}, {"tint": 1.1}),
        *({"sources": "cifar10"}, {"sources": ["a,b"]}, {"sources": ["--x"]}, {"families": ["Blue"]}),
        *({"tag_path": "animal"}, {"tag_path": "/a//b"}, {"tag_path": "/a;b"}, {"user": ""}, {"user": "a\nb"}),
        *({"format": "gif"}, {"format": None}, {"mode": "rgb"}),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_when_it_is_triggered(conf: dict[str, Any]) -> None:
    with pytest.raises(ParamValidationError):
        checked(**conf)


@pytest.mark.slow
def test_params_become_arguments_and_nothing_else(stage: Stage) -> None:
    whole = {"columns": 60, "sources": ["fashion", "uploads"], "tag_path": "/animal", "families": ["blue"]}
    whole |= {"max_uses": 3, "apart": 2, "tile_px": 16, "tint": 0.25, "format": "dzi", "mode": "mean_rgb", "user": "-a"}
    unset = dict.fromkeys(("apart", "tile_px", "tint")) | {"sources": []}
    stage.behave()
    nasty = [{"picture": text, "user": text} for text in NASTY]
    found = runs(stage, {"picture": "1"}, whole | {"picture": "0f"}, unset | {"picture": "2"}, *nasty)
    assert all(task[:2] == ["success", 1] for run in found for task in run.values())
    calls = [call["arguments"] for call in stage.calls()]
    mosaics = [call for call in calls if call[0] == "mosaic"]
    assert [call[-3] for call in mosaics] == [call[-1] for call in calls if call[0] == "release"]
    assert all(call[-3].startswith("--run-id=manual__") for call in mosaics)
    given = [(call[1:-3], call[-2:]) for call in mosaics]
    assert given[0] == (GIVEN, ["--", "1"])
    assert given[1] == (
        [
            *("--columns=60", "--user=-a", "--sources=fashion,uploads", "--tag-path=/animal", "--families=blue"),
            *("--max-uses=3", "--apart=2", "--tile-px=16", "--tint=0.25", "--format=dzi", "--mode=mean_rgb"),
        ],
        ["--", "0f"],
    )
    assert given[2] == (["--format=jpeg", "--mode=cells_3x3"], ["--", "2"])
    assert given[3:] == [([f"--user={text}", *GIVEN], ["--", text]) for text in NASTY]
    assert not (stage.root / "pwned").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("code", "tries"), [(1, 1), (2, 3)], ids=["broken data", "could not run"])
def test_what_was_not_made_is_not_released(stage: Stage, code: int, tries: int) -> None:
    stage.behave(mosaic={"code": code})
    [run] = runs(stage, {"picture": "1"})
    assert run["mosaic"] == ["failed", tries, None]
    assert run["release"][0] == "upstream_failed"


@pytest.mark.slow
def test_a_mosaic_with_the_real_cli(tmp_path: Path) -> None:
    """Of one of four products, of which the other three are its tiles; and of one that there is not."""
    environment = os.environ | airflow_settings(tmp_path / "airflow") | {"TESSERA_HOME": str(tmp_path)}

    def python(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    store = lake(tmp_path, *((product(number), {"thumbnail": jpeg(number)}) for number in range(1, 5)))
    ids = store.snapshot(images.TABLE).read(["image_id"])["image_id"].to_pylist()
    met = [image_sources.row("sample", image_id, "1", image_id, image_sources.Terms(True)) for image_id in ids]
    upsert(store, Run(), image_sources.TABLE, pa.Table.from_pylist(met, image_sources.TABLE.schema))
    python("-c", INITDB)
    confs = [{"picture": "1", "columns": 3, "max_uses": 99, "tile_px": 8}, {"picture": "9"}]
    made, unknown = ended(python("-c", RUN, *(json.dumps(USUAL | conf) for conf in confs)))
    assert [made[name][0] for name in ("mosaic", "release")] == ["success", "success"]
    assert [unknown[name][0] for name in ("mosaic", "release")] == ["failed", "upstream_failed"]
    told = made["mosaic"][2]
    assert told["picture"] == f"{tmp_path}/lake/{told['mosaic']['picture']}"
    picture = decode(Path(told["picture"]).read_bytes()).pixels
    assert picture.shape == (told["mosaic"]["height_px"], told["mosaic"]["width_px"], 3)
    with warehouse.connect(releases=str(tmp_path / "releases")) as connection:
        asked = connection.execute('SELECT mosaic_id, "columns", max_uses, picture FROM mosaics_of(NULL)').fetchall()
        assert asked == [(told["mosaic_id"], 3, 99, told["mosaic"]["picture"])]
        tiles = connection.execute("SELECT source, use_count FROM mosaic_tiles_of(?)", asked[0][:1]).fetchall()
    assert sum(count for _, count in tiles) == told["mosaic"]["columns"] * told["mosaic"]["rows"]
