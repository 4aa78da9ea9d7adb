"""Fitting: it learns what can be learned, leaves alone what is not known, and says the same twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from pipelines.lake.objects import sha256
from pipelines.training.fit import FitParams, Known, epochs, loss_of, varied
from pipelines.training.network import Network, NetworkParams
from pipelines.training.samples import Sample, Samples

GROUPS = {"piece": ("Tee", "Jeans"), "gender": ("Men", "Women")}
PARAMS = FitParams(epochs=4, batch=16, learning_rate=5e-3, averaging=0.8)


def samples(count: int) -> Samples:
    """Red pictures are tees for men, blue ones jeans for women; of every third the gender is not known."""
    chance = np.random.default_rng(5)
    pixels = chance.integers(0, 60, (count, 32, 32, 3), dtype=np.uint8)
    made = []
    for k in range(count):
        is_red = bool(chance.integers(2))
        pixels[k, ..., 0 if is_red else 2] += 180
        labels = {"piece": ("Tee",) if is_red else ("Jeans",)}
        if k % 3:
            labels["gender"] = ("Men",) if is_red else ("Women",)
        made.append(Sample(sha256(pixels[k].tobytes()), labels))
    return Samples(made, pixels)


def network() -> Network:
    torch.manual_seed(1)
    return Network({group: len(labels) for group, labels in GROUPS.items()}, frozenset({"gender"}), NetworkParams(0.1))


def test_it_learns_colours_and_says_the_same_twice() -> None:
    train, validation = (Known.of(samples(count), GROUPS) for count in (160, 64))
    first = list(epochs(network(), train, validation, PARAMS))
    assert [epoch.number for epoch in first] == [1, 2, 3, 4]
    again = list(epochs(network(), train, validation, PARAMS))
    assert [epoch.train_loss for epoch in first] == [epoch.train_loss for epoch in again]
    best = network()
    best.load_state_dict(first[-1].weights)
    best.eval()
    with torch.no_grad():
        piece, gender, _ = best(torch.from_numpy(validation.samples.pixels))
    assert (piece.argmax(1) == validation.targets["piece"].argmax(1)).float().mean() > 0.95
    known = ~validation.targets["gender"].isnan().any(1)
    assert (gender.argmax(1) == validation.targets["gender"].argmax(1))[known].float().mean() > 0.95


def test_what_is_not_known_teaches_nothing() -> None:
    of_some = samples(12)
    unknown = Samples([replace(sample, labels={}) for sample in of_some.samples], of_some.pixels)
    pixels, targets = Known.of(unknown, GROUPS).batch(slice(0, 12))
    loss = loss_of(network(), pixels, targets, PARAMS)
    assert float(loss) == 0


def test_variations_keep_the_size_that_is_asked_for_and_white_ground() -> None:
    torch.manual_seed(2)
    white = torch.full((8, 112, 84, 3), 255, dtype=torch.uint8)
    assert varied(white, 0.7).shape == (8, 78, 59, 3)
    assert varied(white).min() > 200  # lit a little, but nothing dark came in from outside
