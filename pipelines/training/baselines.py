"""Baselines: what colours and gradients alone tell, by the nearest neighbours and by a linear model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from pipelines.training.evaluation import Scores
from pipelines.training.samples import Pixels, Samples

_ROWS, _COLUMNS, _ANGLES = 8, 6, 9  # cells of a picture, and directions of its edges, as HOG takes them
_NEIGHBOURS = 10
_STEPS = 100  # of the linear solver; more of them change nothing in the third digit

Features = npt.NDArray[np.float32]


def features(pixels: Pixels) -> Features:
    """Return (N, 576): the mean colour and the histogram of edge directions of each of 8 x 6 cells."""
    parts = [_of_part(pixels[start : start + 512]) for start in range(0, len(pixels), 512)]
    return np.concatenate(parts)


def _of_part(pixels: Pixels) -> Features:
    images = pixels.astype(np.float32) / 255
    down, across = np.gradient(images @ np.array([0.299, 0.587, 0.114], np.float32), axis=(1, 2))
    strength: npt.NDArray[np.float32] = np.hypot(down, across).astype(np.float32)
    angle = (np.arctan2(down, across) % np.pi / np.pi * _ANGLES).astype(np.int64) % _ANGLES
    edges = np.stack([_cells(strength * (angle == k)) for k in range(_ANGLES)], axis=-1)
    edges = np.sqrt(edges / (edges.sum(axis=-1, keepdims=True) + 1e-2))
    colours = np.stack([_cells(images[..., channel]) for channel in range(3)], axis=-1)
    return np.concatenate([edges.reshape(len(pixels), -1), colours.reshape(len(pixels), -1)], axis=1)


def _cells(field: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Return the mean (N, 8, 6) over the cells of (N, H, W); what is left over at the edges is cut off."""
    high, wide = field.shape[1] // _ROWS, field.shape[2] // _COLUMNS
    cut = field[:, : high * _ROWS, : wide * _COLUMNS]
    means: npt.NDArray[np.float32] = cut.reshape(len(field), _ROWS, high, _COLUMNS, wide).mean(
        axis=(2, 4), dtype=np.float32
    )
    return means


def neighbours(train: Samples, test: Samples, groups: Mapping[str, Sequence[str]]) -> Scores:
    """Score by the labels of the ten nearest samples, the nearer the more."""
    scaler = StandardScaler().fit(features(train.pixels))
    index = NearestNeighbors(n_neighbors=_NEIGHBOURS).fit(scaler.transform(features(train.pixels)))
    distance, found = index.kneighbors(scaler.transform(features(test.pixels)))
    weight = 1 / (distance + 1e-6)
    return {group: _votes(train.targets(group, labels), found, weight) for group, labels in groups.items()}


def _votes(
    targets: npt.NDArray[np.float32], found: npt.NDArray[np.int64], weight: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    known = ~np.isnan(targets[found]).any(axis=2)
    counted = weight * known
    votes = np.einsum("nk,nkc->nc", counted, np.nan_to_num(targets)[found])
    shares: npt.NDArray[np.float32] = (votes / np.maximum(counted.sum(axis=1, keepdims=True), 1e-12)).astype(np.float32)
    return shares


def linear(train: Samples, test: Samples, groups: Mapping[str, Sequence[str]]) -> Scores:
    """Score by one logistic model per exclusive group, and one per label of `piece`."""
    scaler = StandardScaler().fit(features(train.pixels))
    seen, shown = scaler.transform(features(train.pixels)), scaler.transform(features(test.pixels))
    return {
        group: (_each if group == "piece" else _exclusive)(seen, train.targets(group, labels), shown)
        for group, labels in groups.items()
    }


def _exclusive(seen: Features, targets: npt.NDArray[np.float32], shown: Features) -> npt.NDArray[np.float32]:
    known = ~np.isnan(targets).any(axis=1)
    model = LogisticRegression(max_iter=_STEPS, C=0.01).fit(seen[known], targets[known].argmax(axis=1))
    scores = np.zeros((len(shown), targets.shape[1]), np.float32)
    scores[:, model.classes_] = model.predict_proba(shown)
    return scores


def _each(seen: Features, targets: npt.NDArray[np.float32], shown: Features) -> npt.NDArray[np.float32]:
    scores = np.zeros((len(shown), targets.shape[1]), np.float32)
    for label, wanted in enumerate(targets.T):
        if wanted.any():
            model = LogisticRegression(max_iter=_STEPS, C=0.01).fit(seen, wanted)
            scores[:, label] = model.predict_proba(shown)[:, 1]
    return scores
