"""The starting champion: a fashion-label model that ships with the project, so that a first night needs no training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines.inference.backends import chosen
from pipelines.inference.label_scores import NAME
from pipelines.registry import CHAMPION, ModelVersion, Registry
from pipelines.training.trained import Trained

FOLDER = Path(__file__).with_name("champion")


def register(registry: Registry) -> None:
    """Register the shipped model as the champion."""
    version = log(registry, Trained.read(FOLDER), {"origin": "shipped"})
    registry.set_alias(version.name, CHAMPION, version.version)


def log(registry: Registry, trained: Trained, tags: Mapping[str, str]) -> ModelVersion:
    """Register a trained model as a new version; on a machine with a GPU, with the twin that runs there."""
    twin = _twin(trained) if chosen("auto") == "cuda" else None
    return registry.log_onnx(NAME, trained.onnx, trained.spec, twin=twin, tags=tags, card=trained.card)


def _twin(trained: Trained) -> bytes:
    from pipelines.training import export  # torch takes seconds to import, and most machines have no GPU

    shown = trained.spec.preprocessing
    return export.twin(trained.network, shown.width, shown.height)
