"""A tiny lake and a place for releases, made once and copied for each test."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # children of a fork server import tiny_lake by its name

from tiny_lake import Night, fill, night_in


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    fill(night_in(folder).store)
    return folder


@pytest.fixture(scope="session")
def released(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("released")
    shutil.copytree(filled, folder, dirs_exist_ok=True)
    night_in(folder).release("first")
    return folder


@pytest.fixture
def night(filled: Path, tmp_path: Path) -> Night:
    """A lake with a few rows in every table, nothing released yet."""
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    return night_in(tmp_path)


@pytest.fixture
def later(released: Path, tmp_path: Path) -> Night:
    """The same, one night later: a release is published."""
    shutil.copytree(released, tmp_path, dirs_exist_ok=True)
    return night_in(tmp_path)
