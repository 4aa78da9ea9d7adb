"""Evaluation: how good probabilities are, group by group, on samples nothing was learned or chosen from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, f1_score

from pipelines.training.samples import Samples

Scores = Mapping[str, npt.NDArray[np.float32]]  # group → (N, K) probabilities


@dataclass(frozen=True)
class Figures:
    """The figures of one group on the samples of which it is known.

    Attributes:
        samples: how many those are.
        classes: labels that at least one of them has; the means below are over these.
        average_precision: mean over the classes, each alone against the rest.
        macro_f1: mean over the classes, of what would be said: the likeliest label of an exclusive group, all labels
            above the threshold of the other.
        top1: share whose likeliest label is one of theirs; None where a sample may have no label at all.
    """

    samples: int
    classes: int
    average_precision: float
    macro_f1: float
    top1: float | None


def evaluate(
    scores: Scores, samples: Samples, groups: Mapping[str, Sequence[str]], threshold: float
) -> dict[str, Figures]:
    """Return the figures of each group; `threshold` is that of the groups that are not exclusive (`piece`)."""
    return {group: _figures(scores[group], samples.targets(group, labels), threshold, group == "piece")
            for group, labels in groups.items()}  # fmt: skip


def _figures(
    scores: npt.NDArray[np.float32], wanted: npt.NDArray[np.float32], threshold: float, is_multi: bool
) -> Figures:
    known = ~np.isnan(wanted).any(axis=1)
    scores, truth = scores[known], wanted[known] > 0
    present = truth.any(axis=0)
    if not present.any():
        return Figures(int(known.sum()), 0, 0.0, 0.0, None if is_multi else 0.0)
    best = scores.argmax(axis=1)
    said = scores > threshold if is_multi else np.eye(scores.shape[1], dtype=bool)[best]
    rows = np.arange(len(best))
    return Figures(
        samples=int(known.sum()),
        classes=int(present.sum()),
        average_precision=round(
            float(average_precision_score(truth[:, present], scores[:, present], average="macro")), 4
        ),
        macro_f1=round(float(f1_score(truth[:, present], said[:, present], average="macro", zero_division=0)), 4),
        top1=None if is_multi else round(float(truth[rows, best].mean()), 4),
    )


def as_rows(figures: Mapping[str, Figures]) -> dict[str, dict[str, object]]:
    """Return figures as JSON holds them."""
    return {group: asdict(of_group) for group, of_group in figures.items()}
