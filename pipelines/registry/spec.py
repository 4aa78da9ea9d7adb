"""What a model promises: the picture it is shown and the outputs it gives, as stored with it.

Training and scoring both show a model its pictures through `Preprocessing.apply`, so that they agree to the last bit.
Where models are kept and how they run does not belong here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipelines.imaging import padded, resized
from pipelines.lake.errors import ContractBroken

Pixels = NDArray[np.uint8]  # (h, w, 3), sRGB 0..255
Fit = Literal["pad", "stretch"]

EMBEDDING = "embedding"  # the name of the one output that is no group of probabilities
_MOST_PX = 4096
_MARGIN = 1.5  # a scaled decode keeps this many times the final size, so that the last step averages whole pixels


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes a model's input: its size in pixels, and whether its aspect is kept on a white sheet."""

    width: int
    height: int
    fit: Fit = "pad"

    def __post_init__(self) -> None:
        for name, side in (("width", self.width), ("height", self.height)):
            if type(side) is not int or not 1 <= side <= _MOST_PX:
                raise ContractBroken(f"a model's {name} is a whole number from 1 to {_MOST_PX}, not {side!r}.")
        if self.fit not in get_args(Fit):
            raise ContractBroken(f"a model's fit is one of {', '.join(get_args(Fit))}, not {self.fit!r}.")

    def apply(self, pixels: Pixels) -> Pixels:
        """Return (h, w, 3) uint8 of any size as (height, width, 3) uint8."""
        return (padded if self.fit == "pad" else resized)(pixels, self.width, self.height)

    @property
    def min_side(self) -> int:
        """How long, in pixels, the shorter side of a scaled decode must at least be."""
        # A padded picture's shorter side ends no longer than the sheet's; a stretched one's may fill the longer.
        side = min(self.width, self.height) if self.fit == "pad" else max(self.width, self.height)
        return int(np.ceil(_MARGIN * side))


@dataclass(frozen=True)
class ModelSpec:
    """What goes into a model and what comes out.

    A model takes uint8 (N, height, width, 3). `outputs` holds each group of probabilities with its labels in the
    order of the output's columns; `embedding` is the length of the output of that name, None where there is none.
    Raises ContractBroken for what no model can promise.
    """

    preprocessing: Preprocessing
    outputs: tuple[tuple[str, tuple[str, ...]], ...]
    embedding: int | None = None

    def __post_init__(self) -> None:
        if not self.outputs and self.embedding is None:
            raise ContractBroken("a model without outputs says nothing: name at least one, or the embedding.")
        _check_names("outputs", [EMBEDDING, *self.groups])
        for group, labels in self.outputs:
            _check_names(f"labels of {group}", labels)
        if self.embedding is not None and (type(self.embedding) is not int or self.embedding < 1):
            raise ContractBroken(f"an embedding's length is a whole number above 0, not {self.embedding!r}.")

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(group for group, _ in self.outputs)

    @property
    def widths(self) -> dict[str, int]:
        """How many numbers each output has for one picture."""
        widths = {group: len(labels) for group, labels in self.outputs}
        return widths if self.embedding is None else {**widths, EMBEDDING: self.embedding}

    def labels(self, group: str) -> tuple[str, ...]:
        """Return a group's labels in the order of its scores. Raises KeyError."""
        return dict(self.outputs)[group]

    def as_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes back, as it stands in a model's metadata under `tessera`."""
        shown = self.preprocessing
        return {
            "preprocessing": {"width": shown.width, "height": shown.height, "fit": shown.fit},
            "outputs": {group: list(labels) for group, labels in self.outputs},
            "embedding": self.embedding,
        }

    @staticmethod
    def from_dict(given: object) -> ModelSpec:
        """Return the spec that JSON describes. Raises ContractBroken, saying what is wrong with it."""
        whole = _mapping("a model's spec", given, ("preprocessing",), ("outputs", "embedding"))
        shown = _mapping("its preprocessing", whole["preprocessing"], ("width", "height"), ("fit",))
        outputs = whole.get("outputs", {})
        if not isinstance(outputs, Mapping) or not all(isinstance(labels, list) for labels in outputs.values()):
            raise ContractBroken("a model's outputs are an object that gives each group's labels as a list.")
        groups = tuple((group, tuple(labels)) for group, labels in outputs.items())
        return ModelSpec(Preprocessing(**shown), groups, whole.get("embedding"))


def _mapping(what: str, given: object, needed: Iterable[str], possible: Iterable[str]) -> dict[str, Any]:
    """Return a JSON object that has the needed keys and no unknown ones. Raises ContractBroken."""
    if not isinstance(given, Mapping):
        raise ContractBroken(f"{what} is an object, not {given!r:.80}.")
    if missing := sorted(set(needed) - set(given)):
        raise ContractBroken(f"{what} lacks {', '.join(missing)}.")
    if unknown := sorted(map(str, set(given) - set(needed) - set(possible))):
        raise ContractBroken(f"{what} has unknown keys: {', '.join(unknown)}.")
    return dict(given)


def _check_names(what: str, names: Iterable[object]) -> None:
    held = list(names)
    if not held or not all(isinstance(name, str) and name.strip() for name in held):
        raise ContractBroken(f"the {what} are texts, at least one, and none of them empty.")
    if repeated := sorted(str(name) for name, times in Counter(held).items() if times > 1):
        raise ContractBroken(f"the {what} repeat {', '.join(repeated)}.")
