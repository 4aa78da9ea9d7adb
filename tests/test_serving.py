"""Which model serves: the usual one is put into service once, whatever happened before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.inference import label_scores, tags
from pipelines.inference.imagenet import NoWeights
from pipelines.lake.errors import CannotRun
from pipelines.palette import palettes
from pipelines.registry import Registry
from pipelines.serving import place_of, served
from pipelines.settings import Settings
from pipelines.training import starting


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("TESSERA_MLFLOW_URI", raising=False)
    return Settings(home=tmp_path, tag_weights="none")


def test_a_first_night_finds_the_shipped_champion_and_only_once(settings: Settings) -> None:
    first = served(settings, label_scores.TABLE).produce.params
    assert (first.model_name, first.model_version) == ("fashion-labels", 1)
    assert served(settings, label_scores.TABLE).produce.params == first
    assert place_of(settings, "fashion-labels@champion").model.version == 1
    (settings.model_cache / "answers.json").write_text("[]")  # a damaged note costs seconds
    assert served(settings, label_scores.TABLE).produce.params == first


def test_a_registration_that_was_cut_short_is_made_good(settings: Settings) -> None:
    registry = Registry(settings.registry_uri, settings.registry_artifacts, settings.model_cache)
    starting.log(registry, starting.Trained.read(starting.FOLDER), {})  # and killed before it became the champion
    assert place_of(settings, "fashion-labels").model.version == 2


def test_what_cannot_serve_says_why(settings: Settings) -> None:
    with pytest.raises(NoWeights, match="TESSERA_TAG_WEIGHTS is none"):
        served(settings, tags.TABLE)
    with pytest.raises(CannotRun, match="not made by a model"):
        served(settings, palettes.TABLE, "nosuch/7")
    with pytest.raises(CannotRun, match="there is no model nosuch"):
        place_of(settings, "nosuch/7")
    assert served(settings, palettes.TABLE) is palettes.TABLE
    assert "TESSERA_MLFLOW_URI" not in os.environ
