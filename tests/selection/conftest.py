"""A small lake, and a place for bundles."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.lake.objects import Objects
from pipelines.lake.store import Store
from tests.selection.small_lake import jpeg, lake, product


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address, local and in a bucket."""
    return str(tmp_path) if request.param == "folder" else str(request.getfixturevalue("bucket"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Twelve products in two files of images: ten alike, one of another kind, one that shares a picture."""
    store = lake(tmp_path, *((product(i), {"thumbnail": jpeg(i)}) for i in range(6)))
    lake(tmp_path, *((product(i), {"thumbnail": jpeg(i)}) for i in range(6, 10)))
    lake(tmp_path, (product(10), {"thumbnail": jpeg(1)}), (product(11, gender="Women"), {"thumbnail": jpeg(11)}))
    return store


@pytest.fixture
def bundles(tmp_path: Path) -> Objects:
    return Objects(str(tmp_path / "bundles"))
