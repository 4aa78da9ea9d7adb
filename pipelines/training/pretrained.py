"""Beginning from weights that have seen more pictures than a catalogue holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from pipelines.inference.backends import tflite
from pipelines.lake.errors import CannotRun
from pipelines.training.network import Network


def begin_from(network: Network, path: Path, pixels: Tensor) -> None:
    """Put the weights of a TFLite MobileNetV2 into a network's body, in place.

    They come with their norms folded in. `pixels` (N, H, W, 3), some hundred pictures of the kind to be learned, tell
    what each norm would have measured, and it is set so that the body answers as before, and can be trained.
    Raises CannotRun for a file of another network.
    """
    layers = tflite.convolutions(path)
    convolutions = [module for module in network.body.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in network.body.modules() if isinstance(module, nn.BatchNorm2d)]
    shapes = [tuple(convolution.weight.shape) for convolution in convolutions]
    if shapes != [kernel.shape for kernel, _ in layers]:
        raise CannotRun(f"{path} holds another network than a MobileNetV2 of full width: {len(layers)} layers.")
    biases = {}
    for (kernel, bias), convolution, norm in zip(layers, convolutions, norms, strict=True):
        convolution.weight.data = torch.from_numpy(kernel)
        biases[norm] = torch.from_numpy(bias)
    with _unfolding(biases), torch.no_grad():
        network.eval().embed(pixels)


@contextmanager
def _unfolding(biases: dict[nn.BatchNorm2d, Tensor]) -> Iterator[None]:
    """While it lasts, let each norm take what it is shown for its statistics, and so give its input plus its bias."""

    def set_norm(norm: nn.Module, shown: tuple[Tensor, ...]) -> None:
        if isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None:
            variance, mean = torch.var_mean(shown[0], dim=(0, 2, 3), correction=0)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.data = torch.sqrt(variance + norm.eps)
            norm.bias.data = biases[norm] + mean

    hooks = [norm.register_forward_pre_hook(set_norm) for norm in biases]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
