"""What a model promises: JSON both ways, nonsense refused in a sentence, pictures brought to one size."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.lake.errors import ContractBroken
from pipelines.registry.spec import ModelSpec, Preprocessing

NAMES = st.text(min_size=1, max_size=9).filter(lambda text: text.strip() and text != "embedding")
LABELS = st.lists(NAMES, min_size=1, max_size=9, unique=True).map(tuple)
PICTURES = st.builds(Preprocessing, st.integers(1, 4096), st.integers(1, 4096), st.sampled_from(["pad", "stretch"]))
SPECS = st.builds(
    ModelSpec,
    PICTURES,
    st.dictionaries(NAMES, LABELS, min_size=1, max_size=4).map(lambda groups: tuple(groups.items())),
    st.none() | st.integers(1, 4096),
)
GOOD: dict[str, Any] = {
    "preprocessing": {"width": 84, "height": 112, "fit": "pad"},
    "outputs": {"piece": ["Tee", "Shoe"]},
    "embedding": None,
}


@given(SPECS)
def test_a_spec_survives_json(spec: ModelSpec) -> None:
    again = ModelSpec.from_dict(json.loads(json.dumps(spec.as_dict())))
    assert again == spec
    assert hash(again) == hash(spec)
    assert [*again.groups] == [group for group in again.widths if group != "embedding"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"preprocessing": {"width": 84}}, "lacks height"),
        ({"preprocessing": {"width": 0, "height": 1}}, "from 1 to 4096, not 0"),
        ({"preprocessing": {"width": 4097, "height": 1}}, "not 4097"),
        ({"preprocessing": {"width": True, "height": 1}}, "not True"),
        ({"preprocessing": {"width": 84.0, "height": 1}}, "not 84.0"),
        ({"preprocessing": {"width": 1, "height": 1, "fit": "crop"}}, "one of pad, stretch, not 'crop'"),
        ({"preprocessing": {"width": 1, "height": 1, "mean": 0}}, "unknown keys: mean"),
        ({"preprocessing": [84, 112]}, "is an object"),
        ({"outputs": ["Tee"]}, "labels as a list"),
        ({"outputs": {"piece": "Tee"}}, "labels as a list"),
        ({"outputs": {"piece": []}}, "at least one"),
        ({"outputs": {"piece": ["Tee", "Shoe", "Tee"]}}, "repeat Tee"),
        ({"outputs": {"piece": ["Tee", None]}}, "texts"),
        ({"outputs": {"embedding": ["Tee"]}}, "repeat embedding"),
        ({"outputs": {}}, "says nothing"),
        ({"embedding": 0}, "length"),
        ({"embedding": "960"}, "length"),
        ({"threshold": 0.4}, "unknown keys: threshold"),
    ],
)
def test_what_no_model_can_promise(change: dict[str, Any], says: str) -> None:
    assert ModelSpec.from_dict(GOOD)
    with pytest.raises(ContractBroken, match=says):
        ModelSpec.from_dict(GOOD | change)


@given(PICTURES.filter(lambda p: p.width * p.height < 1 << 16), st.integers(1, 99), st.integers(1, 99))
def test_any_picture_comes_to_size(preprocessing: Preprocessing, high: int, wide: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (high, wide, 3), dtype=np.uint8)
    shown = preprocessing.apply(pixels)
    assert shown.shape == (preprocessing.height, preprocessing.width, 3)
    assert shown.dtype == np.uint8


def test_padding_keeps_the_aspect_and_stretching_does_not() -> None:
    black = np.zeros((40, 10, 3), np.uint8)
    assert Preprocessing(40, 40, "pad").apply(black).mean() == pytest.approx(255 * 0.75)
    assert Preprocessing(40, 40, "stretch").apply(black).mean() == 0


def test_a_scaled_decode_keeps_more_pixels_than_are_shown() -> None:
    assert Preprocessing(84, 112, "pad").min_side == 126
    assert Preprocessing(84, 112, "stretch").min_side == 168
