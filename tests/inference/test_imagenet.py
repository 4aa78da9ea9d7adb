"""The usual tags model: Keras' own network out of a local file of weights; and plain words where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.inference import imagenet
from pipelines.inference.backends import load
from pipelines.lake.errors import CannotRun
from pipelines.registry import Registry

pytestmark = pytest.mark.timeout(600)


@pytest.mark.slow
def test_a_local_file_serves_as_keras_itself_does(registry: Registry, tmp_path: Path) -> None:
    import keras

    network, path = keras.applications.EfficientNetB0(weights=None), tmp_path / "drawn.weights.h5"
    network.save_weights(path)
    imagenet.register(registry, str(path))
    version = registry.resolve("generic-tags")
    assert len(version.spec.labels("tags")) == 1_000
    pixels = np.random.default_rng(1).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)
    said = load(registry.fetch(version), version.spec, "cpu", version.title).predict(pixels)["tags"]
    assert np.abs(said - network.predict(pixels.astype(np.float32), verbose=0)).max() <= 1e-5


def test_what_is_not_there_is_said_in_a_sentence(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(imagenet.NoWeights, match="get no tags"):
        imagenet.register(registry, "none")
    with pytest.raises(CannotRun, match="there is no such file"):
        imagenet.register(registry, str(tmp_path / "absent.h5"))
