"""Serving: which version of which model a night's tables are made with."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from pipelines.inference import imagenet, label_scores, tags
from pipelines.inference.backends import chosen
from pipelines.inference.scoring import ModelPlace, ScoreParams
from pipelines.lake.errors import CannotRun
from pipelines.lake.table import Table
from pipelines.producers import PerBatch, WholeTable, bound
from pipelines.registry import CHAMPION, ModelVersion, NoModel, Registry
from pipelines.settings import Settings

Register = Callable[[Registry], None]


def served(settings: Settings, table: Table, reference: str | None = None) -> Table:
    """Return a table bound to the version of its model that serves now, and the device it runs on; others as they are.

    `reference` (`name@alias` or `name/3`) asks for another model than the champion. Raises as `place_of`.
    """
    produce = table.produce
    if not isinstance(produce, PerBatch) or not isinstance(produce.params, ScoreParams):
        if reference:
            raise CannotRun(f"table {table.name} is not made by a model, so --model says nothing. Leave it out.")
        if isinstance(produce, WholeTable) and produce.device:
            return replace(table, produce=replace(produce, device=chosen(settings.device)))
        return table
    place = place_of(settings, reference or produce.params.model_name)
    return bound(table, ScoreParams(place.model.name, place.model.version, place.model.digest), place)


def place_of(settings: Settings, reference: str) -> ModelPlace:
    """Return the version that `name@alias`, `name/3` or `name` (its champion) stands for, and where it runs.

    Of the usual models a registry that holds none yet is given the first version. Raises NoWeights where there is none
    to give, CannotRun where the model is not there or cannot serve.
    """
    registry = Registry(settings.registry_uri, settings.registry_artifacts, settings.model_cache)
    try:
        model = registry.resolve(reference)
    except NoModel:
        model = _first(settings, registry, reference)
    return ModelPlace(registry, model, chosen(settings.device))


def _first(settings: Settings, registry: Registry, reference: str) -> ModelVersion:
    """Put the first version of a usual model into service, and return it; one process of this machine at a time."""
    name = reference.removesuffix(f"@{CHAMPION}")
    settings.root.mkdir(parents=True, exist_ok=True)
    with (settings.root / "first-models.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return registry.resolve(reference)  # somebody else was first
        except NoModel:
            if name not in (label_scores.NAME, tags.NAME):
                raise
        _starting(settings)[name](registry)
        return registry.resolve(reference)


def _shipped(registry: Registry) -> None:
    from pipelines.training import starting  # most nights do not need it

    starting.register(registry)


def _starting(settings: Settings) -> Mapping[str, Register]:
    """Return what puts the first version of each model into an empty registry."""
    return {
        label_scores.NAME: _shipped,
        tags.NAME: partial(imagenet.register, weights=settings.tag_weights),
    }
