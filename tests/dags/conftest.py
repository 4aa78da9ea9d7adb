"""Airflow's home for these tests: set before anything imports Airflow, gone afterwards."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.dags.stage import Stage, airflow_settings

HOME = tempfile.mkdtemp(prefix="tessera-airflow-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ.update(airflow_settings(Path(HOME)))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A project folder of its own: our DAGs beside a CLI that only pretends."""
    return Stage.build(tmp_path)
