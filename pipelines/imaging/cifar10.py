"""CIFAR-10: a picture as one row of its batch, without a header: what it is cannot be told from its bytes.

Red, then green, then blue, each plane row by row.
"""

import numpy as np

from pipelines.imaging.errors import Unreadable
from pipelines.imaging.stored import Samples, Stored

SIDE = 32  # pixels
ROW_BYTES = 3 * SIDE * SIDE


def read(data: bytes) -> Stored:
    """Take any bytes of the right number; raise `Unreadable` for all others."""
    if len(data) != ROW_BYTES:
        said = f"A CIFAR-10 row has {ROW_BYTES:,} bytes, this one has {len(data):,}."
        raise Unreadable("truncated" if len(data) < ROW_BYTES else "corrupt", said)
    return Stored("cifar10", SIDE, SIDE, "RGB", data)


def prove(stored: Stored) -> None:
    """Find nothing wrong: every row of the right length is a picture."""


def load(stored: Stored, factor: int) -> tuple[Samples, None]:
    """Return full-size RGB (32, 32, 3), a view of the row. `factor` is left to the caller."""
    del factor
    return np.frombuffer(stored.body, np.uint8).reshape(3, SIDE, SIDE).transpose(1, 2, 0), None
