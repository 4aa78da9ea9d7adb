"""Fitting: a network, samples and a recipe in, the weights at the end of each epoch out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # its usual name
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from pipelines.training.network import Network
from pipelines.training.samples import Samples, shuffled

Targets = Mapping[str, Tensor]
_SETTLING = 20  # batches over which the averaged weights' batch statistics are taken


@dataclass(frozen=True)
class FitParams:
    """How a network learns."""

    epochs: int = 8
    batch: int = 64
    learning_rate: float = 1e-3  # at its highest; it warms up over an epoch and falls as a cosine
    weight_decay: float = 0.05
    smoothing: float = 0.05  # of the exclusive groups' targets
    positive_weight: float = 2.0  # of a label that is there against one that is not, where several may be
    averaging: float = 0.997  # the weights that count are a running mean of those that learn
    small_share: float = 0.35  # of the epochs, the first, that see pictures
    small_scale: float = 0.75  # times as large: half the work, and little lost
    seed: int = 7


@dataclass(frozen=True)
class Epoch:
    """What stands at the end of an epoch: the losses, the seconds it took, and the averaged weights."""

    number: int
    train_loss: float
    validation_loss: float
    seconds: float
    weights: dict[str, Tensor]


@dataclass(frozen=True)
class Known:
    """Samples with the targets (N, K) of every group."""

    samples: Samples
    targets: Targets

    @staticmethod
    def of(samples: Samples, groups: Mapping[str, Sequence[str]]) -> Known:
        """Look the targets of each group's labels up."""
        return Known(samples, {group: torch.from_numpy(samples.targets(group, of)) for group, of in groups.items()})

    def batch(self, chosen: npt.NDArray[np.int64] | slice) -> tuple[Tensor, Targets]:
        """Return the pixels (n, H, W, 3) and targets of some samples."""
        targets = {group: known[chosen] for group, known in self.targets.items()}
        return torch.from_numpy(self.samples.pixels[chosen]), targets


def epochs(network: Network, train: Known, validation: Known, params: FitParams) -> Iterator[Epoch]:
    """Train, and yield each epoch as it ends. Deterministic on one machine and number of threads."""
    torch.manual_seed(params.seed)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # its stubs forget it
    averaged = AveragedModel(network, multi_avg_fn=_running_mean(params.averaging))
    optimizer = torch.optim.AdamW(_grouped(network, params.weight_decay), lr=params.learning_rate)
    count = len(train.samples.samples)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        params.learning_rate,
        total_steps=params.epochs * (count // params.batch),
        pct_start=1.5 / max(params.epochs, 2),
        cycle_momentum=False,
    )
    for epoch in range(params.epochs):
        began, losses = time.perf_counter(), []
        scale = params.small_scale if epoch < params.small_share * params.epochs else 1.0
        network.train()
        for chosen in shuffled(count, params.batch, params.seed * 1_000 + epoch):
            pixels, targets = train.batch(chosen)
            loss = loss_of(network, varied(pixels, scale), targets, params)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            averaged.update_parameters(network)
            losses.append(float(loss.detach()))
        settled = settle(cast(Network, averaged.module), train, params)
        held_out = mean_loss(settled, validation, params)
        weights = {name: value.clone() for name, value in settled.state_dict().items()}
        yield Epoch(epoch + 1, float(np.mean(losses)), held_out, time.perf_counter() - began, weights)


def settle(network: Network, train: Known, params: FitParams) -> Network:
    """Take the batch statistics anew: those of a mean of weights are not the mean of their statistics."""
    batches = islice(shuffled(len(train.samples.samples), params.batch, params.seed), _SETTLING)
    update_bn((varied(train.batch(chosen)[0]) for chosen in batches), network)
    return network


def _running_mean(decay: float) -> Any:
    return get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]


def _grouped(network: Network, decay: float) -> list[dict[str, object]]:
    """Decay the weights alone: norms and biases are left as they are."""
    weights = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    return [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def loss_of(network: Network, pixels: Tensor, targets: Targets, params: FitParams) -> Tensor:
    """Return the sum of the groups' mean losses; samples of which a group is not known count for nothing in it."""
    total = torch.zeros(())
    for group, logits in network.logits(pixels).items():
        known = ~targets[group].isnan().any(1)
        if known.any():
            total = total + _loss(logits[known], targets[group][known], group in network.exclusive, params)
    return total


def _loss(logits: Tensor, wanted: Tensor, is_exclusive: bool, params: FitParams) -> Tensor:
    if is_exclusive:
        shares = wanted / wanted.sum(1, keepdim=True)  # two pieces may share a picture, and disagree
        return F.cross_entropy(logits, shares, label_smoothing=params.smoothing)
    weight = torch.full_like(logits[0], params.positive_weight)
    loss: Tensor = logits.shape[1] * F.binary_cross_entropy_with_logits(logits, wanted, pos_weight=weight)
    return loss


@torch.no_grad()
def mean_loss(network: Network, known: Known, params: FitParams) -> float:
    """Return the loss of `loss_of` over all samples, without dropout or variation."""
    network.eval()
    count = len(known.samples.samples)
    parts = [slice(start, min(start + 256, count)) for start in range(0, count, 256)]
    losses = [float(loss_of(network, *known.batch(part), params)) * (part.stop - part.start) for part in parts]
    return sum(losses) / max(count, 1)


def varied(pixels: Tensor, scale: float = 1.0) -> Tensor:
    """Return (N, H, W, 3) pictures as float, each mirrored, moved, turned, lit and blurred by a little at random.

    They come back `scale` times as large.
    Hues stay: the colour is one of the things to be learned.
    """
    count = len(pixels)
    images = pixels.permute(0, 3, 1, 2).float()
    images = _moved(255 - images, scale)  # what comes in from outside the frame is white
    gain, shift = torch.empty(2, count, 1, 1, 1).uniform_(-0.1, 0.1)
    images = (255 - images) * (1 + gain) + 255 * shift * 0.3
    coarse = torch.rand(count) < 0.3
    if coarse.any():  # photos are sharper than thumbnails: learn not to mind
        size = images.shape[-2:]
        small = F.interpolate(images[coarse], scale_factor=0.6, mode="bilinear", antialias=True)
        images[coarse] = F.interpolate(small, size=size, mode="bilinear")
    return cast(Tensor, images.clamp(0, 255).permute(0, 2, 3, 1))


def _moved(images: Tensor, size: float) -> Tensor:
    count, channels, height, width = images.shape
    angle = torch.empty(count).uniform_(-0.12, 0.12)
    scale = torch.empty(count).uniform_(0.85, 1.15)
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    offset = torch.empty(count, 2).uniform_(-0.1, 0.1)
    ratio = height / width
    across = torch.stack([scale * mirror * angle.cos(), -scale * angle.sin() * ratio, offset[:, 0]], 1)
    down = torch.stack([scale * mirror * angle.sin() / ratio, scale * angle.cos(), offset[:, 1]], 1)
    shape = [count, channels, round(height * size), round(width * size)]
    grid = F.affine_grid(torch.stack([across, down], 1), shape, align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
