"""Workers that are killed again and again lose and double nothing; an image that kills them is rejected, and no other.

`TESSERA_FAULTS=all` does it for longer, and on the real archive where it is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ALL = os.environ.get("TESSERA_FAULTS") == "all"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 if ALL else 200)]


def run(folder: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).with_name("workers.py")), str(folder), *options]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    print(done.stdout)
    found: dict[str, Any] = json.loads(done.stdout)  # nothing else: what workers print goes elsewhere
    return found


def test_a_night_whose_workers_are_killed_equals_one_that_is_left_alone(tmp_path: Path) -> None:
    found = run(tmp_path, *(("--images=20000", "--every=3") if ALL else ("--images=1600", "--every=1", "--kills=4")))
    assert found["differing"] == []
    assert found["kills"] >= 2


def test_images_that_kill_their_worker_are_rejected_and_no_others(tmp_path: Path) -> None:
    size = ("--images=20000", "--poison=20") if ALL else ("--images=800", "--poison=2")
    found = run(tmp_path, *size)
    assert found["wrongly_judged"] == 0
    assert set(found["missing_or_surplus"].values()) == {0}


@pytest.mark.skipif(not ALL, reason="TESSERA_FAULTS is not all")
@pytest.mark.parametrize("where", ["local", "processes"])
def test_the_real_archive(real_data: Path, tmp_path: Path, where: str) -> None:
    archive = real_data / "fashion-product-images-small.zip"
    found = run(tmp_path, f"--archive={archive}", "--every=3", f"--where={where}")
    assert found["differing"] == []
    assert found["kills"] >= 2
