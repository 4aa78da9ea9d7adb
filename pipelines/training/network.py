"""The network of the image tasks: a MobileNetV2 body, and one linear head per group of labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from transformers import MobileNetV2Config, MobileNetV2Model

from pipelines.inference.true_labels import PIECE

_MIDDLE = 127.5  # pixels 0..255 are shown as -1..1, as MobileNets are
_MOMENTUM = 0.1  # transformers sets 0.997 after TensorFlow's word for it, which in torch means "the last batch alone"


@dataclass(frozen=True)
class NetworkParams:
    """The shape of the body."""

    width: float = 1.0  # times MobileNetV2's channels
    dropout: float = 0.2


class Network(nn.Module):
    """uint8 pictures (N, H, W, 3) to the probabilities of each group's labels and an embedding.

    `exclusive` groups give one softmax, the others a sigmoid per label.
    """

    def __init__(self, groups: Mapping[str, int], exclusive: frozenset[str], params: NetworkParams) -> None:
        super().__init__()
        config = MobileNetV2Config(depth_multiplier=params.width, tf_padding=True, finegrained_output=False)
        self.body = MobileNetV2Model(config)
        for module in self.body.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = _MOMENTUM
        self.embedding_size = int(self.body.conv_1x1.convolution.out_channels)
        self.dropout = nn.Dropout(params.dropout)
        self.heads = nn.ModuleDict({group: nn.Linear(self.embedding_size, size) for group, size in groups.items()})
        self.exclusive = exclusive

    def embed(self, pixels: Tensor) -> Tensor:
        """Return the embeddings (N, D) of pictures (N, H, W, 3), uint8 or float 0..255."""
        images = pixels.permute(0, 3, 1, 2).to(torch.float32) / _MIDDLE - 1
        return cast(Tensor, self.body(images).pooler_output)

    def logits(self, pixels: Tensor) -> dict[str, Tensor]:
        """Return (N, K) logits by group, as training wants them."""
        features = self.dropout(self.embed(pixels))
        return {group: head(features) for group, head in self.heads.items()}

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Return the probabilities (N, K) of each group in order, then the embeddings (N, D)."""
        features = self.embed(pixels)
        found = [self._probabilities(group, head(features)) for group, head in self.heads.items()]
        return (*found, features)

    def _probabilities(self, group: str, logits: Tensor) -> Tensor:
        return logits.softmax(1) if group in self.exclusive else logits.sigmoid()


def network_of(groups: Mapping[str, tuple[str, ...]], params: NetworkParams) -> Network:
    """Return an untrained network for these groups; a piece may have several labels, of the others one."""
    sizes = {group: len(labels) for group, labels in groups.items()}
    return Network(sizes, frozenset(groups) - {PIECE}, params)
