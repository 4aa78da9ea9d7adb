"""A model that is a Python function, kept as source: its owner's code, which runs as part of Tessera.

Whoever may write to the registry may therefore run code; pickles are refused all the same (see `manifest`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pipelines.lake.errors import CannotRun
from pipelines.registry.manifest import Manifest
from pipelines.registry.vendor import mlflow


def load_function(folder: Path, title: str) -> Callable[[NDArray[Any]], Any]:
    """Return a Python model's predict. Raises CannotRun where it is no source, or its own code fails."""
    if Manifest.read(folder, title).kind != "pyfunc":
        raise CannotRun(f"{title} is not a Python function kept as source.")
    mlflow()
    from mlflow.pyfunc import load_model

    with redirect_stdout(sys.stderr):
        try:
            predict: Callable[[NDArray[Any]], Any] = load_model(str(folder)).predict
        except Exception as error:  # of whatever kind its owner's code raises
            raise CannotRun(f"{title} cannot be loaded: {type(error).__name__}: {error!s:.300}") from error
    return predict
