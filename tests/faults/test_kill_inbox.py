"""A night over the inbox killed at any store call and started again ends in the rows of an undisturbed one.

`TESSERA_FAULTS=all` kills before and after every single call.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ALL = os.environ.get("TESSERA_FAULTS") == "all"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if ALL else 300)]


def test_a_killed_inbox_night_converges(tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).with_name("inbox.py")), "inbox", str(tmp_path)]
    done = subprocess.run([*command, f"--every={1 if ALL else 7}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    *trials, summary = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    print(json.dumps(summary))
    assert [trial for trial in trials if trial["violations"]] == []
    assert summary["delivered"] >= 0.8 * summary["trials"] > 5
