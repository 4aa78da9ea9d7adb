"""MobileNetV3-Large, from table 1 of the paper that published it (Howard et al., 2019)."""

from __future__ import annotations

from torch import Tensor, nn

# kernel, expanded channels, output channels, squeeze-and-excite, h-swish, stride
BLOCKS = (
    (3, 16, 16, False, False, 1),
    (3, 64, 24, False, False, 2),
    (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1),
    (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1),
    (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1),
    (5, 960, 160, True, True, 1),
)


def layer(
    wide: int, out: int, kernel: int, stride: int = 1, groups: int = 1, act: type[nn.Module] | None = None
) -> nn.Module:
    """Return a convolution with its normalisation and activation."""
    parts: list[nn.Module] = [
        nn.Conv2d(wide, out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out, eps=0.001),
    ]
    return nn.Sequential(*parts, *([act()] if act else []))


class Squeeze(nn.Module):
    """Weigh the channels by what the whole picture shows."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = -(-channels // 4 // 8) * 8
        self.weights = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, inner, 1),
            nn.ReLU(),
            nn.Conv2d(inner, channels, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return images of the same shape."""
        found: Tensor = images * self.weights(images)
        return found


class Block(nn.Module):
    """An inverted residual."""

    def __init__(
        self, wide: int, kernel: int, inner: int, out: int, squeezes: bool, swishes: bool, stride: int
    ) -> None:
        super().__init__()
        act = nn.Hardswish if swishes else nn.ReLU
        self.layers = nn.Sequential(
            *([layer(wide, inner, 1, act=act)] if inner != wide else []),
            layer(inner, inner, kernel, stride, inner, act),
            *([Squeeze(inner)] if squeezes else []),
            layer(inner, out, 1),
        )
        self.adds = stride == 1 and wide == out

    def forward(self, images: Tensor) -> Tensor:
        """Return images of the block's output size."""
        found: Tensor = self.layers(images)
        return images + found if self.adds else found


class MobileNetV3Large(nn.Module):
    """(N, 3, 224, 224) float32 to (N, classes) logits."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        wide, blocks = 16, []
        for kernel, inner, out, squeezes, swishes, stride in BLOCKS:
            blocks.append(Block(wide, kernel, inner, out, squeezes, swishes, stride))
            wide = out
        self.body = nn.Sequential(layer(3, 16, 3, 2, act=nn.Hardswish), *blocks, layer(wide, 960, 1, act=nn.Hardswish))
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(960, 1280), nn.Hardswish(), nn.Linear(1280, classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        found: Tensor = self.head(self.body(images))
        return found
