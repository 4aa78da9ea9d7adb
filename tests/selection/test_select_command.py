"""The command: everything at once, or on top of what a run selected."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.registry import Registry
from tests.selection.small_lake import jpeg, lake, product
from tests.selection.small_models import LABELS, register

METADATA = {"metadata.json", "metadata.parquet"}
SKIPPED = ["skipped"] * 2


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with three products, and a registry with a champion."""
    home = tmp_path_factory.mktemp("home")
    lake(home, *((product(i), {"thumbnail": jpeg(i)}) for i in range(3)))
    registry = Registry(f"sqlite:///{home / 'mlflow.db'}", str(home / "mlartifacts"), home / "models")
    register(registry, "fashion-labels", LABELS)
    return home


def select(home: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    environment = os.environ | {"TESSERA_HOME": str(home), "TESSERA_DEVICE": "cpu"}
    command = [sys.executable, "-m", "pipelines", "select", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return summary


def found(home: Path, run_id: str) -> dict[str, bytes]:
    folder = home / "runs" / run_id
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


def test_everything_at_once_or_one_after_the_other_is_the_same(home: Path) -> None:
    at_once = select(home, "--gender=Men", "--apply-model", "--apply-augmentation", "--run-id=at-once")
    assert (at_once["status"], at_once["predict"]["model"]) == ("done", "fashion-labels/1")
    assert [step["step"] for step in at_once["steps"]] == ["select", "select predict", "select augment"]
    select(home, "--gender=Men", "--run-id=in-turn")
    assert {path.partition("/")[0] for path in found(home, "in-turn")} == {"images", *METADATA}
    select(home, "--add-to=in-turn", "--apply-augmentation")
    select(home, "--add-to=in-turn", "--apply-model", "--model=fashion-labels@champion")
    assert found(home, "in-turn") == found(home, "at-once")
    told = select(home, "--status=in-turn")
    assert [told["status"], told["predict"]["status"], told["augment"]["status"]] == ["done"] * 3


def test_what_was_not_asked_for_is_skipped(home: Path) -> None:
    select(home, "--run-id=plain")
    assert select(home, "--add-to=plain")["status"] == "skipped"
    nothing = select(home, "--end-year=1950", "--apply-model", "--apply-augmentation", "--run-id=nothing")
    assert [nothing["status"], nothing["predict"]["status"], nothing["augment"]["status"]] == ["empty", *SKIPPED]
    assert found(home, "nothing").keys() == METADATA


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--model=fashion-labels",), "give both, or neither"),
        (("--add-to=plain", "--gender=Men"), "leave out what says what to select"),
        (("--add-to=plain", "--run-id=other"), "leave out what says what to select"),
        (("--add-to=nobody", "--apply-augmentation"), "no whole bundle"),
        (("--apply-model", "--model=nothing/1"), "no model nothing in the registry"),
    ],
)
def test_what_makes_no_sense_is_said(home: Path, arguments: tuple[str, ...], says: str) -> None:
    assert says in select(home, *arguments, code=2)["error"]
