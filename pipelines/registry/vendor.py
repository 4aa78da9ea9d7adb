"""MLflow, imported where it is first needed (it takes seconds) and kept quiet: stdout's last line is for machines."""

from __future__ import annotations

import fcntl
import importlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipelines.lake.errors import CannotRun

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SQLITE = "sqlite:///"
_SERVED = "mlflow-artifacts:"  # what a server calls the artefacts it keeps
_EXPERIMENT = "tessera"
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}  # unless the operator has more
_ENVIRONMENT = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "False",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


@lru_cache(maxsize=1)
def mlflow() -> ModuleType:
    """Return MLflow, which from now on unpickles nothing, calls nobody, and logs no more than warnings."""
    os.environ.update(_ENVIRONMENT | {name: os.environ.get(name, value) for name, value in _PATIENCE.items()})
    module = importlib.import_module("mlflow")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return module


def client(uri: str, artifacts: str) -> MlflowClient:
    """Return a client of the store at `uri`, which is made where it is a local file that is not there yet."""
    with plainly(uri):
        module = mlflow()
        if uri.startswith(_SQLITE):
            _make_store(uri, artifacts)
        module.set_tracking_uri(uri)
        module.set_registry_uri(uri)
        found: MlflowClient = module.MlflowClient(uri, uri)
        return found


def experiment(client: MlflowClient, uri: str, artifacts: str) -> str:
    """Return the id of the experiment that Tessera's own runs belong to."""
    held = client.get_experiment_by_name(_EXPERIMENT)
    if held is None:
        from mlflow.exceptions import MlflowException

        place = f"{artifacts}/{_EXPERIMENT}" if uri.startswith(_SQLITE) else None
        try:
            return str(client.create_experiment(_EXPERIMENT, artifact_location=place))
        except MlflowException:  # somebody else made it meanwhile
            held = client.get_experiment_by_name(_EXPERIMENT)
    if held is None or held.lifecycle_stage != "active":
        raise CannotRun(
            f"the experiment {_EXPERIMENT} of {shown(uri)} is deleted. Restore it: mlflow experiments restore."
        )
    return str(held.experiment_id)


def download(source: str, uri: str, artifacts: str, into: Path) -> Path:
    """Copy a model's files into a folder and return where they lie in it."""
    if source.startswith(_SERVED) and uri.startswith(_SQLITE):  # logged through the server beside this very store
        source = str(Path(artifacts, source.removeprefix(_SERVED).lstrip("/")).resolve())
        if not Path(source).is_relative_to(Path(artifacts).resolve()):
            raise CannotRun(f"a model's files are said to lie outside {artifacts}. Register it anew.")
    return Path(mlflow().artifacts.download_artifacts(artifact_uri=source, dst_path=str(into)))


def shown(uri: str) -> str:
    """Return an address without the password in it."""
    parts = urlsplit(uri)
    return uri if "@" not in parts.netloc else uri.replace(parts.netloc, parts.netloc.rpartition("@")[2], 1)


@contextmanager
def plainly(uri: str) -> Iterator[None]:
    """Turn MLflow's failures into a sentence."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        first_line = (str(error).strip().splitlines() or [type(error).__name__])[0].replace(uri, shown(uri))
        raise CannotRun(
            f"the model registry {shown(uri)} did not do what was asked: {first_line:.300} "
            "Check TESSERA_MLFLOW_URI and its rights."
        ) from error


@lru_cache(maxsize=8)  # once in a process: it takes a second even where all is there
def _make_store(uri: str, artifacts: str) -> None:
    """Make the tables of a local store, one process at a time: MLflow's migrations fail beside each other."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path = Path(uri.removeprefix(_SQLITE).partition("?")[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{path}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # It also remembers where the artefacts of plain MLflow's runs go by default.
        SqlAlchemyStore(uri, artifacts)  # type: ignore[no-untyped-call]
