"""Predicted labels: what a model's scores make of an image at a threshold. Pure; asks no model."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.inference.true_labels import PIECE
from pipelines.lake.errors import ContractBroken


def predicted_labels(scored: pa.Table, threshold: float) -> pa.Table:
    """Return rows of `label_scores` as one row per label: image_id, label_group, label, score, is_fallback, the model.

    Labels are those whose score lies above the threshold, not at it, as float32 holds both. Every image is some
    piece: where no score of the group `piece` does, its best one counts, of equals the first in the group's order,
    and is marked. Raises ContractBroken when a row has not one score per label.
    """
    scored = scored.combine_chunks()
    sizes = [pc.list_value_length(scored[name]) for name in ("labels", "scores")]
    if pc.any(pc.not_equal(*sizes)).as_py():
        raise ContractBroken("table label_scores holds a row that has not one score for each label. Score it anew.")
    scores = pc.list_flatten(scored["scores"]).to_numpy()
    of_row = pc.list_parent_indices(scored["scores"]).to_numpy()
    passes = scores > np.float32(threshold)
    is_best = _first_best(scores, of_row, scored.num_rows)
    is_piece = pc.equal(scored["label_group"], PIECE).to_numpy()
    is_silent = np.bincount(of_row[passes], minlength=scored.num_rows) == 0
    falls_back = is_best & (is_silent & is_piece)[of_row]
    chosen = np.flatnonzero(passes | falls_back)
    named = scored.select(["image_id", "label_group", "model_name", "model_version"]).take(pa.array(of_row[chosen]))
    columns = {
        "label": pc.list_flatten(scored["labels"]).take(pa.array(chosen)),
        "score": pa.array(scores[chosen]),
        "is_fallback": pa.array(falls_back[chosen]),
    }
    for name, values in columns.items():
        named = named.append_column(name, values)
    return named


def _first_best(scores: NDArray[np.float32], of_row: NDArray[np.int64], rows: int) -> NDArray[np.bool_]:
    """Return a mask of the first among the highest scores of each row; a score that is no number is never one."""
    best = np.full(rows, -np.inf, np.float32)
    np.fmax.at(best, of_row, scores)
    at = np.flatnonzero(scores == best[of_row])
    _, first = np.unique(of_row[at], return_index=True)
    mask = np.zeros(len(scores), np.bool_)
    mask[at[first]] = True
    return mask
