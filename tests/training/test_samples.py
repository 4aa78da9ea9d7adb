"""Samples: the split is said by identity alone; evaluation says what a person would count by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.executor import open_executor
from pipelines.inference import labels
from pipelines.ingest import fashion, sample
from pipelines.lake.objects import sha256
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.producers import materialize
from pipelines.registry.spec import Preprocessing
from pipelines.training import baselines
from pipelines.training.evaluation import evaluate
from pipelines.training.labelled import gather
from pipelines.training.samples import SIDES, Sample, Samples, vocabulary

IDENTITIES = st.binary(min_size=1, max_size=20).map(sha256)


@given(IDENTITIES, st.booleans())
def test_a_picture_never_changes_side(image_id: str, is_drawn: bool) -> None:
    sides = {Sample(image_id, labels, is_drawn).side for labels in ({}, {"gender": ("Men",)})}
    assert len(sides) == 1
    assert sides <= set(SIDES)


def test_a_tenth_is_for_testing_and_a_tenth_for_choosing() -> None:
    sides = [Sample(sha256(str(k).encode()), {}).side for k in range(10_000)]
    assert 900 < sides.count("test") < 1_100
    assert 900 < sides.count("validation") < 1_100


def small() -> Samples:
    labels = [{"piece": ("Tee", "Striped"), "gender": ("Men",)}, {"piece": ()}, {"gender": ("Women",)}]
    named = [Sample(sha256(str(k).encode()), known) for k, known in enumerate(labels)]
    return Samples(named, np.zeros((3, 16, 12, 3), np.uint8))


def test_targets_tell_none_from_not_known() -> None:
    assert small().targets("piece", ("Tee", "Striped", "Polka")).tolist()[:2] == [[1, 1, 0], [0, 0, 0]]
    assert np.isnan(small().targets("piece", ("Tee", "Striped", "Polka"))[2]).all()
    assert vocabulary(small().samples, "piece") == ("Striped", "Tee")


def test_figures_are_those_of_a_count_by_hand() -> None:
    labels = [{"gender": ("Men",)}, {"gender": ("Men",)}, {"gender": ("Women",)}, {"piece": ("Tee",)}]
    held = Samples([Sample(sha256(str(k).encode()), known) for k, known in enumerate(labels)], np.zeros((4, 8, 6, 3)))
    scores = {
        "gender": np.array([[0.9, 0.1], [0.3, 0.7], [0.2, 0.8], [0.5, 0.5]], np.float32),
        "piece": np.array([[0.1], [0.1], [0.1], [0.41]], np.float32),
    }
    found = evaluate(scores, held, {"gender": ("Men", "Women"), "piece": ("Tee",)}, 0.4)
    assert (found["gender"].samples, found["gender"].top1) == (3, pytest.approx(2 / 3, abs=1e-4))
    assert found["gender"].macro_f1 == pytest.approx((2 / 3 + 2 / 3) / 2, abs=1e-4)
    assert (found["piece"].samples, found["piece"].macro_f1, found["piece"].top1) == (1, 1.0, None)


def test_baselines_tell_colours_apart() -> None:
    chance = np.random.default_rng(2)
    pixels = chance.integers(0, 40, (80, 32, 24, 3), dtype=np.uint8)
    pixels[::2, ..., 0] += 200
    named = [
        Sample(sha256(str(k).encode()), {"gender": ("Women" if k % 2 else "Men",), "piece": ()}) for k in range(80)
    ]
    train, test = Samples(named[:60], pixels[:60]), Samples(named[60:], pixels[60:])
    groups = {"gender": ("Men", "Women"), "piece": ("Tee",)}
    for baseline in (baselines.neighbours, baselines.linear):
        assert evaluate(baseline(train, test, groups), test, groups, 0.4)["gender"].top1 == 1.0


def test_pictures_without_labels_are_no_samples(tmp_path: Path) -> None:
    store, archive = Store(str(tmp_path / "lake")), tmp_path / "fashion.zip"
    sample.write_fashion_zip(archive, 30)
    journal = Journal(store, Run())
    fashion.ingest(journal, archive, fashion.FashionParams())
    shown = Preprocessing(24, 32)
    assert gather(store, shown, 0, 1, tmp_path).samples == []
    with open_executor("threads") as executor:
        materialize(journal, labels.TABLE, executor, 1.0)
    labelled = gather(store, shown, 0, 1, tmp_path).samples
    assert len(labelled) > 20
    assert all("article_type" in one.labels for one in labelled)
