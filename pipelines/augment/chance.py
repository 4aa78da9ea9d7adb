"""Where randomness comes from: the hash of run seed, image and copy, and nothing else.

No generator is shared, kept or advanced, so that workers, order and batches cannot matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Uniforms = npt.NDArray[np.float64]

_BYTES = 8  # of a hash for one number


def seed_of(run_seed: int, image_id: str, copy: int) -> int:
    """Return the seed of one copy, 63 bits, from SHA-256."""
    digest = hashlib.sha256(f"{run_seed}/{image_id}/{copy}".encode()).digest()
    return int.from_bytes(digest[:_BYTES], "big") >> 1


def uniforms(seeds: Iterable[int], count: int) -> Uniforms:
    """Return (n, count) independent numbers in [0, 1), one row per seed, from SHAKE-128."""
    drawn = b"".join(hashlib.shake_128(seed.to_bytes(_BYTES, "big")).digest(count * _BYTES) for seed in seeds)
    whole = np.frombuffer(drawn, ">u8").reshape(-1, count) >> 11  # as many bits as a float holds
    return whole.astype(np.float64) * 2.0**-53
