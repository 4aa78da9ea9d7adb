"""A real registry on SQLite: made once, for it takes seconds; each test names its own models."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest

from pipelines.registry import Registry


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The addresses of an MLflow registry and of its artefacts, as a user finds them."""
    home = tmp_path_factory.mktemp("mlflow")
    uri, artifacts = f"sqlite:///{home / 'mlflow.db'}", str(home / "mlartifacts")
    assert Registry(uri, artifacts, home / "cache").versions("none") == {}
    return uri, artifacts


@pytest.fixture
def registry(store: tuple[str, str], tmp_path: Path) -> Registry:
    """The registry with an empty cache; plain MLflow is set to it too."""
    mlflow.set_tracking_uri(store[0])
    mlflow.set_registry_uri(store[0])
    return Registry(*store, tmp_path / "models")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name for a model that no other test uses."""
    return "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
