"""The starting champion: a fashion-label model that ships with the project, so that a first night needs no training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines.inference.backends import chosen
from pipelines.inference.label_scores import NAME
from pipelines.registry import CHAMPION, ModelVersion, Registry
from pipelines.training.export import twin
from pipelines.training.fashion_labels import Trained

FOLDER = Path(__file__).with_name("champion")


def register(registry: Registry) -> None:
    """Register the shipped model as the champion."""
    version = log(registry, Trained.read(FOLDER), {"origin": "shipped"})
    registry.set_alias(version.name, CHAMPION, version.version)


def log(registry: Registry, trained: Trained, tags: Mapping[str, str]) -> ModelVersion:
    """Register a trained model as a new version; on a machine with a GPU, with the twin that runs there."""
    shown = trained.spec.preprocessing
    made = twin(trained.network, shown.width, shown.height) if chosen("auto") == "cuda" else None
    return registry.log_onnx(NAME, trained.onnx, trained.spec, twin=made, tags=tags, card=trained.card)
