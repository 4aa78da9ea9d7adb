"""CIFAR-10: drawn scenes in the layout of the python batches, `data_batch_1` … `test_batch` and `batches.meta`."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from pipelines.ingest.sample.pickles import Value, pickled
from pipelines.ingest.sample.scenes import draw_scene

LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_TRAINING = 5  # batches


def write_cifar10(folder: Path, per_batch: int = 100, seed: int = 7) -> Path:
    """Write six batches of `per_batch` pictures and their meta file into `folder`, made if need be; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for batch in range(1, _TRAINING + 1):
        words = f"training batch {batch} of {_TRAINING}"
        (folder / f"data_batch_{batch}").write_bytes(_batch(words, per_batch, seed))
    (folder / "test_batch").write_bytes(_batch("testing batch 1 of 1", per_batch, seed))
    names: list[Value] = [label.encode() for label in LABELS]
    meta: Value = {b"num_cases_per_batch": per_batch, b"label_names": names, b"num_vis": 3_072}
    (folder / "batches.meta").write_bytes(pickled(meta))
    return folder


def _batch(words: str, count: int, seed: int) -> bytes:
    rngs = [Random(f"tessera {seed} {words} {index}") for index in range(count)]
    labels = [rng.randrange(len(LABELS)) for rng in rngs]
    rows = [_row(draw_scene(label, rng)) for label, rng in zip(labels, rngs, strict=True)]
    names = [f"{LABELS[label]}_s_{index:06d}.png".encode() for index, label in enumerate(labels)]
    data = np.stack(rows) if rows else np.empty((0, 3_072), dtype=np.uint8)
    return pickled({b"batch_label": words.encode(), b"labels": [*labels], b"data": data, b"filenames": [*names]})


def _row(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return all of red, then green, then blue, each row by row."""
    return pixels.transpose(2, 0, 1).reshape(-1)
