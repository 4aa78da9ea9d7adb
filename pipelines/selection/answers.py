"""Answers: what a model says of each image, gathered from wherever it is known, in any order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipelines.lake.errors import CannotRun
from pipelines.registry import ModelVersion

Scores = npt.NDArray[np.float32]  # (n, labels of a group), 0..1

FIXED = ("image_id", "model_name", "model_version")  # what an entry says beside its groups


class Answers:
    """The scores of some images, `image_ids`, by one model; memory holds four bytes a score.

    Raises CannotRun for a model whose outputs cannot be told in an entry each.
    """

    def __init__(self, model: ModelVersion, image_ids: Sequence[str]) -> None:
        groups = model.spec.groups
        if not groups or set(groups) & set(FIXED):
            given = f"outputs called {', '.join(groups)}" if groups else "no probabilities"
            raise CannotRun(f"{model.title} gives {given}, of which no predictions can be made. Name another model.")
        self.model, self.image_ids = model, image_ids
        self.scores = {
            group: np.zeros((len(image_ids), len(labels)), np.float32) for group, labels in model.spec.outputs
        }
        self._rows = {image_id: row for row, image_id in enumerate(image_ids)}
        self._known = {group: np.zeros(len(image_ids), bool) for group in groups}

    def take(self, group: str, image_ids: Sequence[str], scores: Scores) -> None:
        """Take in the scores of one group for some of the images."""
        rows = [self._rows[image_id] for image_id in image_ids]
        self.scores[group][rows] = scores
        self._known[group][rows] = True

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """The places of the images of which every group is known."""
        return np.flatnonzero(np.logical_and.reduce(list(self._known.values())))

    @property
    def there(self) -> set[str]:
        """The images of which every group is known."""
        return {self.image_ids[row] for row in self.rows}
