"""Commands that make models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from pipelines.cli.app import RunId, app, working
from pipelines.lake.errors import CannotRun


@app.command()
def train(
    task: Annotated[str, typer.Argument(help="What is to be learned: fashion-labels.")],
    epochs: Annotated[int | None, typer.Option(min=1, max=1_000, help="How often all samples are seen.")] = None,
    first: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A TFLite MobileNetV2 whose weights it begins with."),
    ] = None,
    ship: Annotated[
        Path | None, typer.Option(help="Also write the model's files to this folder, as they ship with Tessera.")
    ] = None,
    run_id: RunId = None,
) -> None:
    """Train a model on what the lake holds, judge it on what it never saw, and register it as the challenger."""
    if task != "fashion-labels":
        raise CannotRun(f"there is no task {task!r:.100} to train for. The tasks are: fashion-labels.")
    with working(f"train {task}", run_id) as (settings, journal, summary):
        from pipelines.registry import Registry
        from pipelines.training import fashion_labels, starting  # torch takes seconds to import

        params = fashion_labels.FashionLabelParams()
        if epochs:
            params = replace(params, fit=replace(params.fit, epochs=epochs))
        settings.scratch.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="training-", dir=settings.scratch) as aside:
            trained = fashion_labels.learn(journal, Path(aside), params, first)
        registry = Registry(settings.registry_uri, settings.registry_artifacts, settings.model_cache)
        version = starting.log(registry, trained, {"run_id": journal.run.run_id})
        registry.set_alias(version.name, "challenger", version.version)
        if ship:
            trained.write(ship)
        summary["model"] = {"name": version.name, "version": version.version, "held_out": trained.figures["held_out"]}
