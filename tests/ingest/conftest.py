"""Makes `shop` importable, as pytest's importlib mode puts no test folder on the path; and an empty lake."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import shop

from pipelines.lake.store import Store


@pytest.fixture
def lake(tmp_path: Path) -> shop.Lake:
    return shop.Lake(Store(str(tmp_path / "lake")))
