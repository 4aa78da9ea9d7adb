"""Makes `boxes` importable, as pytest's importlib mode puts no test folder on the path; and an empty inbox."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import boxes


@pytest.fixture
def box(tmp_path: Path) -> boxes.Box:
    return boxes.Box(tmp_path / "lake")
