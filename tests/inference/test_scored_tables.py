"""Tables that models make, on a real registry and lake: every image scored or rejected, by the version that serves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from pipelines import imaging
from pipelines.executor import open_executor
from pipelines.inference import embeddings, label_scores, tags
from pipelines.inference.scoring import ModelPlace, ScoreParams, scored
from pipelines.ingest import image_sources, images, intake
from pipelines.ingest.image_sources import Terms
from pipelines.ingest.intake import Item
from pipelines.lake.materialize import remove
from pipelines.lake.objects import sha256
from pipelines.lake.recipe import Run, recipe
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal, Step
from pipelines.lake.store import Store
from pipelines.lake.table import Table
from pipelines.producers import Encoded, bound, forget, materialize
from pipelines.registry import ModelVersion, Registry
from tests.registry.networks import COLOURS, SPEC, onnx_network

PURE = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250)}


def picture(colour: str, side: int = 20) -> bytes:
    return imaging.encode_png(np.full((side, side, 3), PURE[colour], np.uint8))


def logged(registry: Registry, name: str, shift: int = 0) -> ModelVersion:
    version = registry.log_onnx(name, onnx_network(shift).SerializeToString(), SPEC)
    registry.set_alias(name, "champion", version.version)
    return version


def of(table: Table, registry: Registry, model: ModelVersion) -> Table:
    """Return a table as a night binds it, over the images of every source."""
    params = ScoreParams(model.name, model.version, model.digest)
    return bound(table, params, ModelPlace(registry, model))


def put(lake: Store, pictures: dict[str, bytes], source: str = "fashion") -> None:
    items = [Item(key, "1", lambda data=data: data) for key, data in pictures.items()]
    intake.ingest(Journal(lake, Run()), source, Terms(allow_training=True), items)


def made(lake: Store, table: Table) -> Step:
    with open_executor("threads") as executor:
        journal = Journal(lake, Run())
        materialize(journal, table, executor, 1.0)
    return journal.steps[0]


def rows(lake: Store, table: Table) -> list[dict[str, Any]]:
    return lake.snapshot(table).read().to_pylist()


@pytest.fixture
def lake(tmp_path: Path) -> Store:
    lake = Store(str(tmp_path / "lake"))
    put(lake, {f"images/{colour}.png": picture(colour) for colour in PURE})
    return lake


def test_every_image_has_all_scores_and_an_embedding_of_one_pass(lake: Store, registry: Registry, name: str) -> None:
    model = logged(registry, name)
    step = made(lake, of(label_scores.TABLE, registry, model))
    assert (step.rows_in, step.new, step.rejected) == (3, 3, 0)
    found = {row["image_id"]: row for row in rows(lake, label_scores.TABLE)}
    for colour in PURE:
        row = found[sha256(picture(colour))]
        assert row["label_group"] == "colour"
        assert row["labels"] == list(COLOURS)
        assert row["labels"][int(np.argmax(row["scores"]))] == colour
        assert (row["model_name"], row["model_version"]) == (name, model.version)
    vectors = {row["image_id"]: row["embedding"] for row in rows(lake, embeddings.TABLE)}
    assert vectors.keys() == found.keys()
    assert {len(vector) for vector in vectors.values()} == {3}


def test_a_repeat_scores_nothing_and_a_moved_alias_everything(lake: Store, registry: Registry, name: str) -> None:
    first = logged(registry, name)
    made(lake, of(label_scores.TABLE, registry, first))
    again = made(lake, of(label_scores.TABLE, registry, registry.resolve(name)))
    assert (again.new, again.unchanged) == (0, 3)
    second = logged(registry, name, shift=1)
    moved = made(lake, of(label_scores.TABLE, registry, registry.resolve(name)))
    assert moved.new == 3
    assert {row["model_version"] for row in rows(lake, label_scores.TABLE)} == {second.version}
    assert {row["model_version"] for row in rows(lake, embeddings.TABLE)} == {second.version}
    red = next(row for row in rows(lake, label_scores.TABLE) if row["image_id"] == sha256(picture("red")))
    assert COLOURS[int(np.argmax(red["scores"]))] == "green"  # as the second model has it


def test_tags_are_ranked_and_as_probable_as_the_scores(lake: Store, registry: Registry, name: str) -> None:
    made(lake, of(tags.TABLE, registry, logged(registry, name)))
    for colour in PURE:
        found = [row for row in rows(lake, tags.TABLE) if row["image_id"] == sha256(picture(colour))]
        found.sort(key=lambda row: row["rank"])
        assert [row["rank"] for row in found] == [1, 2, 3]
        assert found[0]["tag"] == colour
        chances = [row["probability"] for row in found]
        assert chances == sorted(chances, reverse=True)
        assert sum(chances) == pytest.approx(1, abs=1e-5)


def test_an_image_that_cannot_be_read_costs_itself_only(lake: Store, registry: Registry, name: str) -> None:
    held = lake.snapshot(images.TABLE).read()
    model = logged(registry, name)
    given = [Encoded(row["image_id"], row["format"], row["data"]) for row in held.to_pylist()]
    given.insert(1, Encoded("f" * 64, "png", given[0].data[:40]))
    batches = list(scored(given, ModelPlace(registry, model)))
    assert [image_id for batch in batches for image_id in batch.image_ids] == held["image_id"].to_pylist()
    (reject,) = [reject for batch in batches for reject in batch.rejects]
    assert (reject.key, reject.reason) == ("f" * 64, "truncated")


def test_other_sources_are_not_labelled(lake: Store, registry: Registry, name: str) -> None:
    put(lake, {"poster.png": picture("red", 30)}, source="tmdb")
    put(lake, {"row": picture("red", 40)}, source="cifar10")
    model = logged(registry, name)
    assert made(lake, of(label_scores.TABLE, registry, model)).rows_in == 3
    assert made(lake, of(tags.TABLE, registry, model)).rows_in == 4  # all but CIFAR-10's


def test_threads_and_processes_give_the_same_rows(lake: Store, registry: Registry, name: str, tmp_path: Path) -> None:
    put(lake, {f"{side}.png": picture("green", side) for side in range(8, 40)})
    table = of(label_scores.TABLE, registry, logged(registry, name))
    made(lake, table)
    other = Store(str(tmp_path / "other"))
    put(other, {f"{side}.png": picture("green", side) for side in reversed(range(8, 40))})
    put(other, {f"images/{colour}.png": picture(colour) for colour in PURE})
    with open_executor("local") as executor:
        materialize(Journal(other, Run()), table, executor, 1.0)
    for each in (label_scores.TABLE, embeddings.TABLE):
        assert digest(each, lake.snapshot(each).read()) == digest(each, other.snapshot(each).read())


def test_a_changed_model_version_is_another_recipe(registry: Registry, name: str) -> None:
    model = logged(registry, name)
    one, two = (of(label_scores.TABLE, registry, replace(model, version=number)) for number in (1, 2))
    assert recipe(one) != recipe(two)
    assert recipe(one) == recipe(
        of(label_scores.TABLE, replace(registry, cache=Path("/elsewhere")), replace(model, version=1))
    )


def test_what_is_deleted_goes_even_where_no_model_can_be_had(lake: Store, registry: Registry, name: str) -> None:
    made(lake, of(tags.TABLE, registry, logged(registry, name)))
    doomed = sha256(picture("red"))
    for table in (images.TABLE, image_sources.TABLE):
        remove(lake, Run(), table, lambda held: pc.equal(held["image_id"], doomed))
    forget(Journal(lake, Run()), tags.TABLE)  # not bound: there is no model tonight
    assert {row["image_id"] for row in rows(lake, tags.TABLE)} == {sha256(picture(c)) for c in ("green", "blue")}
