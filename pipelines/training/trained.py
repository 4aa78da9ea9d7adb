"""A trained model as a value: what is registered, and what ships with the project. Nothing here needs torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.inference.label_scores import NAME
from pipelines.registry.spec import ModelSpec
from pipelines.training.card import card

if TYPE_CHECKING:
    from pipelines.training.network import Network


@dataclass(frozen=True)
class Trained:
    """A model as it is registered or shipped: ONNX with half-precision weights, its spec, its figures and its card."""

    onnx: bytes
    spec: ModelSpec
    figures: Mapping[str, Any]

    @property
    def card(self) -> str:
        return card(NAME, self.spec, self.figures)

    @property
    def network(self) -> Network:
        """The network with its weights, to go on from or to run in torch."""
        from pipelines.training import export, network  # torch takes seconds to import

        params = network.NetworkParams(**self.figures["params"]["network"])
        return export.load_weights(network.network_of(dict(self.spec.outputs), params), self.onnx)

    def write(self, folder: Path) -> None:
        """Write the files that ship with the project."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.onnx").write_bytes(self.onnx)
        (folder / "spec.json").write_text(json.dumps(self.spec.as_dict(), indent=1, ensure_ascii=False) + "\n")
        (folder / "figures.json").write_text(json.dumps(self.figures, indent=1) + "\n")
        (folder / "card.md").write_text(self.card)

    @staticmethod
    def read(folder: Path) -> Trained:
        """Return what `write` wrote."""
        spec = ModelSpec.from_dict(json.loads((folder / "spec.json").read_text()))
        return Trained((folder / "model.onnx").read_bytes(), spec, json.loads((folder / "figures.json").read_text()))
