"""The network: what is exported answers as what was trained, and can be trained on."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

from pipelines.training.export import load_weights, rounded, to_onnx, twin
from pipelines.training.network import Network, NetworkParams

GROUPS = {"piece": 3, "gender": 2}
TINY = NetworkParams(width=0.1)
WIDTH, HEIGHT = 24, 32


def network(seed: int = 1) -> Network:
    torch.manual_seed(seed)
    made = Network(GROUPS, frozenset({"gender"}), TINY)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after some training
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return rounded(made.eval())


@pytest.fixture(scope="module")
def model() -> bytes:
    return to_onnx(network(), WIDTH, HEIGHT)


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, HEIGHT, WIDTH, 3), dtype=np.uint8)


def test_the_exported_file_answers_as_the_network_does(model: bytes) -> None:
    session = onnxruntime.InferenceSession(model)
    assert [output.name for output in session.get_outputs()] == ["piece", "gender", "embedding"]
    for count in (1, 5):
        pixels = pictures(count)
        with torch.no_grad():
            expected = network()(torch.from_numpy(pixels))
        for own, theirs in zip(session.run(None, {"pixels": pixels}), expected, strict=True):
            assert np.abs(own - theirs.numpy()).max() <= 1e-5


def test_training_can_go_on_from_the_exported_file(model: bytes) -> None:
    again = load_weights(Network(GROUPS, frozenset({"gender"}), TINY), model)
    held = network().state_dict()
    assert all(
        torch.equal(value, held[name]) for name, value in again.state_dict().items() if value.is_floating_point()
    )


def test_weights_of_another_network_are_refused(model: bytes) -> None:
    with pytest.raises(RuntimeError, match="another network"):
        load_weights(Network({"season": 4}, frozenset(), TINY), model)


def test_the_twin_answers_as_the_network_does(tmp_path) -> None:
    path = tmp_path / "network.pt2"
    path.write_bytes(twin(network(), WIDTH, HEIGHT))
    pixels = torch.from_numpy(pictures(3))
    with torch.no_grad():
        for own, theirs in zip(torch.export.load(path).module()(pixels), network()(pixels), strict=True):
            assert (own - theirs).abs().max() <= 1e-5


def test_groups_are_exclusive_or_not_as_they_are_told() -> None:
    with torch.no_grad():
        piece, gender, embedding = network()(torch.from_numpy(pictures(4)))
    assert torch.allclose(gender.sum(1), torch.ones(4))
    assert ((piece >= 0) & (piece <= 1)).all()
    assert embedding.shape == (4, network().embedding_size)
