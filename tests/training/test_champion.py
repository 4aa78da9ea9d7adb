"""The champion that ships: it is what its card says, and knows the sample shop's garments without having met them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from pipelines import imaging
from pipelines.executor import open_executor
from pipelines.inference import labels
from pipelines.inference.true_labels import GROUPS, label_map, piece_labels, require_known
from pipelines.ingest import fashion
from pipelines.ingest.sample.pieces import pieces
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.producers import materialize
from pipelines.registry import Registry
from pipelines.training import starting
from pipelines.training.evaluation import as_rows, evaluate
from pipelines.training.fashion_labels import scores
from pipelines.training.labelled import gather
from pipelines.training.trained import Trained

SHIPPED = Trained.read(starting.FOLDER)


def test_it_is_small_and_has_all_groups_and_a_card() -> None:
    assert len(SHIPPED.onnx) < 6_000_000
    assert SHIPPED.spec.groups == GROUPS
    assert (starting.FOLDER / "card.md").read_text() == SHIPPED.card


def test_training_and_scoring_see_and_say_the_same() -> None:
    session, network = onnxruntime.InferenceSession(SHIPPED.onnx), SHIPPED.network
    sizes = ((80, 60), (75, 60), (1, 300), (500, 20), (7, 7))
    chance = np.random.default_rng(4)
    shown = [SHIPPED.spec.preprocessing.apply(chance.integers(0, 256, (*size, 3), np.uint8)) for size in sizes]
    answers = session.run(None, {"pixels": np.stack(shown)})
    with torch.no_grad():
        for own, theirs in zip(answers, network(torch.from_numpy(np.stack(shown))), strict=True):
            assert np.abs(own - theirs.numpy()).max() <= 1e-4 * max(1, np.abs(own).max())


def test_it_knows_garments_of_the_sample_shop() -> None:
    """Of another seed than it learned from; a piece counts as known if all its labels are said and no others."""
    session, spec = onnxruntime.InferenceSession(SHIPPED.onnx), SHIPPED.spec
    drawn, mapped = list(pieces(150, seed=7)), require_known(label_map())
    pixels = np.stack([spec.preprocessing.apply(imaging.decode(piece.image).pixels) for piece in drawn])
    found = dict(zip([*spec.groups, "embedding"], session.run(None, {"pixels": pixels}), strict=True))
    types = [spec.labels("article_type")[k] for k in found["article_type"].argmax(axis=1)]
    assert np.mean([said == piece.article_type for said, piece in zip(types, drawn, strict=True)]) > 0.97
    said = [{label for label, p in zip(spec.labels("piece"), row, strict=True) if p > 0.4} for row in found["piece"]]
    true = [piece_labels(piece.display_name, piece.article_type, mapped) for piece in drawn]
    assert np.mean([own == theirs for own, theirs in zip(said, true, strict=True)]) > 0.9


def test_a_registry_gets_it_once_with_its_card(store: tuple[str, str], tmp_path: Path) -> None:
    registry = Registry(*store, tmp_path / "models")
    starting.register(registry)
    version = registry.resolve("fashion-labels")
    assert dict(version.spec.outputs) == dict(SHIPPED.spec.outputs)  # MLflow keeps them in another order
    assert version.spec.preprocessing == SHIPPED.spec.preprocessing
    assert registry.versions("fashion-labels")[version.version]["origin"] == "shipped"


@pytest.mark.slow
def test_its_held_out_figures_are_those_of_its_card(real_data: Path, tmp_path: Path) -> None:
    lake = Store(str(tmp_path / "lake"))
    journal, photos = Journal(lake, Run()), real_data / "fashion-highres"
    fashion.ingest(journal, real_data / "fashion-product-images-small.zip", fashion.FashionParams(), photos=photos)
    with open_executor("threads") as executor:
        materialize(journal, labels.TABLE, executor, 1.0)
    test = gather(lake, SHIPPED.spec.preprocessing, 0, 11, tmp_path).of("test")
    groups = dict(SHIPPED.spec.outputs)
    found = as_rows(evaluate(scores(SHIPPED.network, test, groups), test, groups, 0.4))
    told = json.loads((starting.FOLDER / "figures.json").read_text())["held_out"]["model"]
    for group, figures in found.items():
        for measure in ("top1", "average_precision"):
            if told[group][measure] is not None:
                assert figures[measure] == pytest.approx(told[group][measure], abs=0.01), (group, measure)
