"""Samples: pictures with the labels that are known of them, and which side of the split each is on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
SIDES = ("train", "validation", "test")
_PARTS = 10  # one for testing, one for choosing, the rest for learning


@dataclass(frozen=True)
class Sample:
    """One picture's identity and its labels by group; a group that is not there is not known, and teaches nothing."""

    image_id: str
    labels: Mapping[str, tuple[str, ...]]
    is_drawn: bool = False  # by the sample shop, not photographed

    @property
    def side(self) -> str:
        """`train`, `validation` or `test`: said by the identity alone, so that a picture never changes side."""
        part = int(self.image_id[-8:], 16) % _PARTS
        return {0: "test", 1: "validation"}.get(part, "train")


@dataclass(frozen=True)
class Samples:
    """Pictures (N, H, W, 3) uint8 beside what is known of them."""

    samples: Sequence[Sample]
    pixels: Pixels

    def of(self, side: str) -> Samples:
        """Return those on one side of the split."""
        return self._where([sample.side == side for sample in self.samples])

    @property
    def photographed(self) -> Samples:
        return self._where([not sample.is_drawn for sample in self.samples])

    @property
    def drawn(self) -> Samples:
        return self._where([sample.is_drawn for sample in self.samples])

    def _where(self, is_chosen: Sequence[bool]) -> Samples:
        chosen = [place for place, wanted in enumerate(is_chosen) if wanted]
        return Samples([self.samples[place] for place in chosen], self.pixels[chosen])

    def targets(self, group: str, labels: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return (N, K): 1 where a sample has the label, 0 where not; rows of NaN where the group is not known."""
        column = {label: k for k, label in enumerate(labels)}
        found = np.full((len(self.samples), len(labels)), np.nan, np.float32)
        for row, sample in zip(found, self.samples, strict=True):
            if group in sample.labels:
                row[:] = 0
                row[[column[label] for label in sample.labels[group]]] = 1
        return found


def vocabulary(samples: Sequence[Sample], group: str) -> tuple[str, ...]:
    """Return the labels of a group that any sample has, in alphabetical order."""
    return tuple(sorted({label for sample in samples for label in sample.labels.get(group, ())}))


def shuffled(count: int, size: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the positions 0..count-1 in random batches; a last one that is not full is left out."""
    order = np.random.default_rng(seed).permutation(count)
    yield from (order[start : start + size] for start in range(0, count - size + 1, size))
