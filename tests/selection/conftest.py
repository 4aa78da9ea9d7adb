"""A small lake, a place for bundles, and a registry of models."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.lake.objects import Objects
from pipelines.lake.store import Store
from pipelines.registry import Registry
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


@pytest.fixture(scope="session")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The addresses of a model registry and its artefacts, made once, for it takes seconds."""
    home = tmp_path_factory.mktemp("mlflow")
    uri, artifacts = f"sqlite:///{home / 'mlflow.db'}", str(home / "mlartifacts")
    assert Registry(uri, artifacts, home / "cache").versions("none") == {}
    return uri, artifacts


@pytest.fixture
def registry(addresses: tuple[str, str], tmp_path: Path) -> Registry:
    return Registry(*addresses, tmp_path / "models")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name for a model that no other test uses."""
    return "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
