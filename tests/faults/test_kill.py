"""A night killed anywhere and started again equals an undisturbed one; a naive night, killed alike, does not.

`TESSERA_FAULTS=all` kills before and after every single store call and at 200 random moments; the size here is a
part of that, spread over the whole night.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NIGHTS = Path(__file__).with_name("nights.py")
ALL = os.environ.get("TESSERA_FAULTS") == "all"

pytestmark = [pytest.mark.slow(50), pytest.mark.timeout(7200 if ALL else 600)]


def run(writer: str, folder: Path, **schedule: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    options = [f"--{name}={value}" for name, value in schedule.items()]
    done = subprocess.run(
        [sys.executable, str(NIGHTS), writer, str(folder), *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    print(json.dumps(lines[-1]))
    return lines[:-1], lines[-1]


def test_a_killed_night_converges_and_never_shows_half_of_itself(tmp_path: Path) -> None:
    schedule = {"every": 1, "random": 200} if ALL else {"every": 29, "random": 4}
    trials, summary = run("tessera", tmp_path, **schedule)
    assert [trial for trial in trials if trial["violations"]] == []
    assert summary["delivered"] >= 0.8 * summary["trials"], "too few kills landed to prove anything"


def test_the_naive_night_fails_the_same_test(tmp_path: Path) -> None:
    trials, _ = run("naive", tmp_path, every=1)
    violations = " ".join(violation for trial in trials for violation in trial["violations"])
    assert "doubled" in violations
    assert "a reader saw half a night" in violations
