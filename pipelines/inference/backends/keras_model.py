"""Keras: a `.keras` file as one compiled TensorFlow function, each pass on the thread that asks for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.inference.backends.batches import Batch, Network
from pipelines.lake.errors import CannotRun


def opened(path: Path, title: str, *, floats: bool) -> Network:
    """Return the network of a `.keras` file, whose own Python (Lambda layers) is never run. Raises CannotRun."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf

    with suppress(RuntimeError):  # TensorFlow was at work before
        tf.config.threading.set_intra_op_parallelism_threads(1)  # the executor has a thread for every core
        tf.config.threading.set_inter_op_parallelism_threads(1)
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # whatever an unknown file makes of it
        raise CannotRun(f"{title} is no model that Keras can load safely: {error!s:.300}") from error
    (shape,) = {tuple(given.shape) for given in model.inputs}
    dtype = tf.float32 if floats else tf.uint8
    wanted = model.inputs[0].dtype

    @tf.function(input_signature=[tf.TensorSpec((None, *shape[1:]), dtype)])  # type: ignore[untyped-decorator]
    def function(pixels: Any) -> Any:
        return model(tf.cast(pixels, wanted), training=False)

    return _network(function, np.float32 if floats else np.uint8)


def _network(function: Callable[[Any], Any], dtype: type[np.generic]) -> Network:
    def network(batch: Batch) -> Any:
        found = function(batch.astype(dtype, copy=False))
        if isinstance(found, dict):
            return {name: value.numpy() for name, value in found.items()}
        return [value.numpy() for value in found] if isinstance(found, (list, tuple)) else found.numpy()

    return network
