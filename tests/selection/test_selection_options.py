"""What is applied to a selection: predictions and changed copies, on request only, each of every distinct image."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipelines import imaging
from pipelines.augment.augmentations import MIN_SIDE, AugmentParams, copies
from pipelines.inference import label_scores
from pipelines.inference.scoring import ModelPlace, ScoreParams
from pipelines.ingest import image_sources, images, products
from pipelines.lake import rejects
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.materialize import remove, upsert
from pipelines.lake.objects import Objects, sha256
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.producers import Image, bound, materialize
from pipelines.registry import Registry
from pipelines.selection import augment, predict, status
from tests.selection.small_lake import Row, ask, files, jpeg, lake, product
from tests.selection.small_models import ATTRIBUTES, LABELS, place, register

TORN = b"\xff\xd8\xff\xe0 this was a picture once"


def predicted(store: Store, bundles: Objects, registry: Registry, reference: str, run_id: str = "r1") -> Row:
    """Predict as the command does, and write the account."""
    return done(store, run_id, lambda journal: predict(journal, bundles, lambda: place(registry, reference), reference))


def augmented(store: Store, bundles: Objects, run_id: str = "r1") -> Row:
    return done(store, run_id, lambda journal: augment(journal, bundles))


def done(store: Store, run_id: str, work: Any) -> Row:
    journal = Journal(store, Run(run_id))
    try:
        summary: Row = work(journal)
        return summary
    finally:
        journal.write()


def entries(bundles: Objects, run_id: str = "r1") -> list[Row]:
    found: list[Row] = json.loads(files(bundles, run_id)["predictions.json"])
    return found


def unreachable() -> ModelPlace:
    raise AssertionError("nobody needs a model here")


def add_torn(store: Store) -> str:
    """Put in a product whose picture cannot be decoded; return its image."""
    row = {"image_id": sha256(TORN), "format": "jpeg", "width_px": 1, "height_px": 1, "mode": "RGB"}
    join = {"product_id": 40, "kind": "thumbnail", "image_id": sha256(TORN)}
    for table, value in (
        (images.TABLE, row | {"byte_count": len(TORN), "data": TORN}),
        (products.TABLE, product(40)),
        (products.PRODUCT_IMAGES, join),
    ):
        upsert(store, Run(), table, pa.Table.from_pylist([value], table.schema))
    return sha256(TORN)


def score_in_the_lake(store: Store, registry: Registry, reference: str, only: int | None = None) -> None:
    """Bring `label_scores` up to date with a model, as a night does, for all images or the first few."""
    ids = sorted(store.snapshot(images.TABLE).read(["image_id"])["image_id"].to_pylist())[:only]
    rows = [
        {"source": "sample", "key": i, "image_id": i, "stamp": "", "allow_training": True, "attribution": None}
        for i in ids
    ]
    upsert(store, Run(), image_sources.TABLE, pa.Table.from_pylist(rows, image_sources.TABLE.schema))
    with ThreadPoolExecutor(1) as pool:
        materialize(Journal(store, Run()), in_lake(registry, reference), pool, 0.0)


def in_lake(registry: Registry, reference: str) -> Any:
    found = place(registry, reference)
    return bound(label_scores.TABLE, ScoreParams(found.model.name, found.model.version, found.model.digest), found)


def test_with_both_options_a_bundle_holds_exactly_their_files_too(place: str, registry: Registry, name: str) -> None:
    png = imaging.encode_png(np.random.default_rng(5).integers(0, 256, (700, 900, 3), dtype=np.uint8))
    pieces = [(product(i), {"thumbnail": jpeg(i)}) for i in range(3)]
    store = lake(place, *pieces, (product(8), {"photo": png}), (product(9), {"thumbnail": jpeg(1)}))
    bundles, version = Objects(place), register(registry, name, LABELS)
    ask(store, bundles, "r1")
    before = files(bundles, "r1")
    assert not [path for path in before if path.startswith(("augmentation", "predictions"))]
    summary = predicted(store, bundles, registry, name)
    assert summary == {"status": "done", "counts": {"images": 4, "left_out": 0}, "model": version.title}
    assert augmented(store, bundles) == {"status": "done", "counts": {"images": 4, "left_out": 0}}
    found = files(bundles, "r1")
    originals = {sha256(data): data for data in (png, *map(jpeg, range(3)))}
    assert found.keys() - before.keys() == {
        "predictions.json",
        "predictions.parquet",
        *(f"augmentation/{image_id}.jpg" for image_id in originals),
    }
    for image_id, data in originals.items():
        row = next(copies(Image(image_id, imaging.decode(data, MIN_SIDE).pixels, None), AugmentParams()))
        assert found[f"augmentation/{image_id}.jpg"] == row["data"]
    rows = entries(bundles)
    assert [list(row) for row in rows] == [["image_id", "model_name", "model_version", "piece", "season"]] * 4
    assert [row["image_id"] for row in rows] == sorted(originals)
    assert {(row["model_name"], row["model_version"]) for row in rows} == {(name, 1)}
    assert {row["image_id"] for row in rows} == {row["image_id"] for row in json.loads(found["metadata.json"])}
    assert [tuple(row["season"]) for row in rows] == [LABELS["season"]] * 4
    table = pq.read_table(io.BytesIO(found["predictions.parquet"])).to_pylist(maps_as_pydicts="strict")
    for row, exact in zip(rows, table, strict=True):
        assert list(row) == list(exact)
        assert {label: np.float32(score) for label, score in row["season"].items()} == exact["season"]
        assert all(0 <= score <= 1 and len(str(score)) < 16 for score in row["season"].values())


def test_a_model_of_attributes_gives_entries_with_its_own_keys(
    store: Store, bundles: Objects, registry: Registry
) -> None:
    register(registry, "fashion-attributes", ATTRIBUTES)
    ask(store, bundles, "r1", gender="Men")
    predicted(store, bundles, registry, "fashion-attributes/1")
    rows = entries(bundles)
    assert len(rows) == 10
    for row in rows:
        assert row.keys() - {"image_id", "model_name", "model_version"} == {"massive_attr", "categories"}
        assert (len(row["massive_attr"]), len(row["categories"])) == (1000, 50)


def test_nothing_selected_is_nothing_to_apply(store: Store, bundles: Objects) -> None:
    ask(store, bundles, "r1", gender="Women", start_year=2013)
    summary = done(store, "r1", lambda journal: predict(journal, bundles, unreachable))
    assert summary == augmented(store, bundles)
    assert (summary["status"], "empty" in summary["reason"]) == ("skipped", True)
    assert files(bundles, "r1").keys() == {"metadata.json", "metadata.parquet"}
    told = status(store, bundles, "r1")
    assert (told["status"], told["predict"]["status"], told["augment"]["status"]) == ("empty", "skipped", "skipped")


def test_a_model_that_is_not_registered_is_refused_and_another_may_follow(
    store: Store, bundles: Objects, registry: Registry, name: str
) -> None:
    ask(store, bundles, "r1")
    before = files(bundles, "r1")
    with pytest.raises(CannotRun, match=f"no model {name}-none in the registry"):
        predicted(store, bundles, registry, f"{name}-none@champion")
    assert files(bundles, "r1") == before
    told = status(store, bundles, "r1")
    assert (told["status"], told["predict"]["status"], told["augment"]) == ("done", "failed", None)
    assert f"no model {name}-none" in told["predict"]["error"]
    assert told["predict"]["params"] == {"model": f"{name}-none"}
    register(registry, name, LABELS)
    predicted(store, bundles, registry, name)
    told = status(store, bundles, "r1")["predict"]
    assert (told["status"], told["counts"], told["error"]) == ("done", {"images": 11, "left_out": 0}, None)


@pytest.mark.parametrize("labels", [{}, {"image_id": ("a", "b")}], ids=["embedding", "clash"])
def test_a_model_whose_outputs_make_no_entries_is_refused(
    store: Store, bundles: Objects, registry: Registry, name: str, labels: dict[str, tuple[str, ...]]
) -> None:
    register(registry, name, labels)
    ask(store, bundles, "r1")
    with pytest.raises(CannotRun, match="no predictions can be made"):
        predicted(store, bundles, registry, name)
    assert "predictions.parquet" not in files(bundles, "r1")


@pytest.mark.parametrize("run_id", ["nobody", "half"])
def test_what_is_not_whole_is_not_added_to(store: Store, bundles: Objects, run_id: str) -> None:
    ask(store, bundles, "half")
    bundles.delete("runs/half/metadata.json")
    for work in (augment, lambda journal, bundles: predict(journal, bundles, unreachable)):
        with pytest.raises(CannotRun, match="no whole bundle"):
            done(store, run_id, lambda journal, work=work: work(journal, bundles))
    assert not [path for path in files(bundles, run_id) if path.startswith(("augmentation", "predictions"))]


def test_scores_come_from_the_lake_where_it_holds_them_of_this_very_model(
    store: Store, bundles: Objects, registry: Registry, name: str
) -> None:
    first, _ = register(registry, name, LABELS), register(registry, name, LABELS, seed=2)
    score_in_the_lake(store, registry, first.title)
    table = in_lake(registry, first.title)
    held = store.snapshot(table).read().to_pylist()
    marked = [row | {"scores": [0.125] * len(row["scores"])} for row in held]
    upsert(store, Run(), table, pa.Table.from_pylist(marked, table.schema))
    for reference in ("1", "2"):
        ask(store, bundles, reference)
        predicted(store, bundles, registry, f"{name}/{reference}", reference)
    scores = [{score for row in entries(bundles, run) for score in row["piece"].values()} for run in ("1", "2")]
    assert scores[0] == {0.125}
    assert 0.125 not in scores[1]


def test_what_an_image_gets_depends_on_no_other_and_not_on_where_it_was_scored(
    store: Store, bundles: Objects, registry: Registry, name: str
) -> None:
    register(registry, name, LABELS)
    for run_id, asked in (("all", {}), ("one", {"gender": "Women"})):
        ask(store, bundles, run_id, **asked)
        predicted(store, bundles, registry, name, run_id)
        augmented(store, bundles, run_id)
    score_in_the_lake(store, registry, name, only=5)
    ask(store, bundles, "mixed")
    predicted(store, bundles, registry, name, "mixed")
    whole, (alone,) = entries(bundles, "all"), entries(bundles, "one")
    assert alone in whole
    path = f"augmentation/{alone['image_id']}.jpg"
    assert files(bundles, "one")[path] == files(bundles, "all")[path]
    assert files(bundles, "mixed")["predictions.json"] == files(bundles, "all")["predictions.json"]


def test_a_picture_that_cannot_be_decoded_is_left_out_and_said(
    store: Store, bundles: Objects, registry: Registry, name: str
) -> None:
    torn = add_torn(store)
    register(registry, name, LABELS)
    ask(store, bundles, "r1")
    for _ in range(2):
        assert predicted(store, bundles, registry, name)["counts"] == {"images": 11, "left_out": 1}
        assert augmented(store, bundles)["counts"] == {"images": 11, "left_out": 1}
        found = {step: rejects.standing(store, step) for step in ("select predict", "select augment")}
        assert [[one.key for one in standing] for standing in found.values()] == [[torn], [torn]]
    assert torn not in {row["image_id"] for row in entries(bundles)}
    assert f"augmentation/{torn}.jpg" not in files(bundles, "r1")
    assert status(store, bundles, "r1")["augment"]["counts"] == {"images": 11, "left_out": 1}
    ask(store, bundles, "r2", gender="Women")
    augmented(store, bundles, "r2")
    assert rejects.standing(store, "select augment")  # nobody looked at it


def test_a_picture_that_was_deleted_since_is_left_out_and_said(store: Store, bundles: Objects) -> None:
    ask(store, bundles, "r1")
    store.unpin(Run("r1"))  # cleaning does so after a while
    gone = sha256(jpeg(3))
    remove(store, Run(), images.TABLE, lambda rows: pc.equal(rows["image_id"], gone))
    assert augmented(store, bundles)["counts"] == {"images": 10, "left_out": 1}
    assert [(one.key, one.reason) for one in rejects.standing(store, "select augment")] == [(gone, "image_gone")]


def test_an_id_names_one_model_for_good(store: Store, bundles: Objects, registry: Registry, name: str) -> None:
    register(registry, name, LABELS)
    ask(store, bundles, "r1")
    predicted(store, bundles, registry, name)
    before = files(bundles, "r1")
    register(registry, name, LABELS, seed=2)
    for same in (name, f"{name}@champion", f"{name}/1"):
        assert predicted(store, bundles, registry, same)["model"] == f"{name}/1"
    for other in (f"{name}/2", f"{name}@challenger", "another"):
        with pytest.raises(ContractBroken, match=f"holds the predictions of {name}/1"):
            predicted(store, bundles, registry, other)
    assert files(bundles, "r1") == before
