"""The networks that the inference benchmarks run: built here from published shapes, their weights drawn.

Each takes uint8 (N, height, width, 3) and gives probabilities, as a registered model does.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pipelines.registry.spec import ModelSpec, Preprocessing

CLASSES = 1_000
_SETTLING = 32  # pictures


@dataclass(frozen=True)
class Built:
    """A network ready to run, and what its pictures and outputs are."""

    network: nn.Module
    spec: ModelSpec

    @property
    def names(self) -> list[str]:
        """The outputs, in the network's order."""
        return list(self.spec.widths)

    def example(self, count: int) -> Tensor:
        """Return pictures of noise, (count, height, width, 3) uint8."""
        shown = self.spec.preprocessing
        drawn = np.random.default_rng(1).integers(0, 256, (count, shown.height, shown.width, 3), dtype=np.uint8)
        return torch.from_numpy(drawn)

    def flop(self) -> int:
        """Return the floating-point operations for one picture: two for each multiplication that is added."""
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            self.network(self.example(1))
        return int(counter.get_total_flops())

    def activations(self) -> int:
        """Return how many numbers the convolutions and linear layers put out for one picture."""
        sizes: list[int] = []

        def count(_module: nn.Module, _given: object, out: Tensor) -> None:
            sizes.append(out.numel())

        layers = [each for each in self.network.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
        hooks = [each.register_forward_hook(count) for each in layers]
        with torch.no_grad():
            self.network(self.example(1))
        for hook in hooks:
            hook.remove()
        return sum(sizes)

    def onnx(self) -> bytes:
        """Return the network as ONNX, folded as far as the exporter can."""
        with quiet(), torch.no_grad():
            found = torch.onnx.export(
                self.network,
                (self.example(2),),
                input_names=["pixels"],
                output_names=self.names,
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("n")},),
            )
        return bytes(found.model_proto.SerializeToString())

    def twin(self) -> bytes:
        """Return the network as a torch program, which a GPU runs."""
        sink = io.BytesIO()
        with quiet(), torch.no_grad():
            program = torch.export.export(
                self.network, (self.example(2),), dynamic_shapes=({0: torch.export.Dim("n")},)
            )
            torch.export.save(program, sink)
        return sink.getvalue()


class Classifier(nn.Module):
    """A network of ImageNet's classes behind its normalisation; `logits` gets (N, 3, H, W) float32."""

    def __init__(self, network: nn.Module, logits: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.network, self._logits = network, logits
        self.register_buffer("mean", 255 * torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1))

    def forward(self, pixels: Tensor) -> tuple[Tensor]:
        """Return the probabilities (N, 1000)."""
        images = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std
        return (self._logits(self.network, images).softmax(1),)


def fashion() -> Built:
    """Return the network of the fashion labels: the shipped one where there is one, else with drawn weights."""
    from pipelines.training import export
    from pipelines.training.fashion_labels import FashionLabelParams
    from pipelines.training.network import network_of
    from pipelines.training.starting import FOLDER
    from pipelines.training.trained import Trained

    params = FashionLabelParams()
    if (FOLDER / "model.onnx").is_file():
        shipped = Trained.read(FOLDER)
        network = export.load_weights(network_of(dict(shipped.spec.outputs), params.network), shipped.onnx)
        return Built(network.eval(), shipped.spec)
    sizes = {"piece": 21, "article_type": 141, "base_colour": 46, "gender": 5, "season": 4, "usage": 8}
    groups = {group: tuple(f"{group} {i}" for i in range(size)) for group, size in sizes.items()}
    network = network_of(groups, params.network)
    spec = ModelSpec(params.preprocessing, tuple(groups.items()), network.embedding_size)
    return drawn(Built(network, spec))


def mobilenet_v2() -> Built:
    """Return MobileNetV2 1.0 as transformers builds it."""
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

    config = MobileNetV2Config(tf_padding=False, num_labels=CLASSES)
    return _classifier(MobileNetV2ForImageClassification(config), _of_transformers)


def efficientnet_b0() -> Built:
    """Return EfficientNet-B0 as transformers builds it."""
    from transformers import EfficientNetConfig, EfficientNetForImageClassification

    config = EfficientNetConfig(
        width_coefficient=1.0,
        depth_coefficient=1.0,
        dropout_rate=0.2,
        hidden_dim=1280,
        image_size=224,
        num_labels=CLASSES,
    )
    return _classifier(EfficientNetForImageClassification(config), _of_transformers)


def mobilenet_v3() -> Built:
    """Return MobileNetV3-Large, see `_inference_mobilenet_v3`."""
    from _inference_mobilenet_v3 import MobileNetV3Large

    return _classifier(MobileNetV3Large(CLASSES), _plain)


NETWORKS: dict[str, Callable[[], Built]] = {
    "fashion-labels": fashion,
    "mobilenet-v2": mobilenet_v2,
    "mobilenet-v3-large": mobilenet_v3,
    "efficientnet-b0": efficientnet_b0,
}


def build(name: str) -> Built:
    """Return a network, the same weights every time."""
    torch.manual_seed(1)
    return NETWORKS[name]()


def drawn(built: Built) -> Built:
    """Draw a network's weights so that its numbers keep their size from layer to layer, as those of a trained one do.

    Those that shrink down to the smallest there are would be slow on a processor, and agree by being all alike.
    """
    norms = [each for each in built.network.modules() if isinstance(each, nn.BatchNorm2d)]
    for each in built.network.modules():
        if isinstance(each, nn.Conv2d):
            nn.init.kaiming_normal_(each.weight)
        elif isinstance(each, nn.Linear):
            nn.init.normal_(each.weight, std=2 / each.in_features**0.5)
        elif isinstance(each, nn.BatchNorm2d):
            nn.init.ones_(each.weight)
            each.momentum = 1.0  # takes over what it meets first
    with torch.no_grad():
        built.network.train()(built.example(_SETTLING))
    for each in norms:
        each.momentum = 0.1
    built.network.eval()
    return built


def _classifier(network: nn.Module, logits: Callable[[nn.Module, Tensor], Tensor]) -> Built:
    labels = tuple(f"class {i}" for i in range(CLASSES))
    spec = ModelSpec(Preprocessing(224, 224, "stretch"), (("tags", labels),))
    return drawn(Built(Classifier(network, logits), spec))


def _of_transformers(network: nn.Module, images: Tensor) -> Tensor:
    found: Tensor = network(pixel_values=images).logits
    return found


def _plain(network: nn.Module, images: Tensor) -> Tensor:
    found: Tensor = network(images)
    return found


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the exporter's chatter away."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
