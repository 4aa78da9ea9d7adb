"""Reference: the three-colour form of an earlier system, for those who must reproduce its numbers.

A picture is brought to 224 x 224, 200 of its pixels are drawn by their weight, with replacement, and k-means finds
the centres in plain RGB; what follows the point is cut off.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SIDE = 224  # px
_DRAWS = 200

Colours = npt.NDArray[np.int64]


class Drawn(NamedTuple):
    """`rgb` (k, 3) colours and `share` (k,) of the draws nearest to each."""

    rgb: Colours
    share: npt.NDArray[np.float64]


def drawn_colours(pixels: npt.NDArray[np.uint8], weights: npt.NDArray[np.float64], size: int, seed: int) -> Drawn:
    """Return `size` colours of `pixels` (n, 3), drawn by `weights` (n,), which sum to 1.

    Where no more than `size` colours were drawn, these are they, the last of them repeated with share 0.
    """
    draws = np.random.default_rng(seed).choice(len(pixels), _DRAWS, p=weights)
    sample = pixels[draws].astype(np.float64)
    distinct, counts = np.unique(sample, axis=0, return_counts=True)
    if len(distinct) <= size:
        repeated = np.minimum(np.arange(size), len(distinct) - 1)
        share = np.where(np.arange(size) < len(distinct), counts[repeated], 0) / _DRAWS
        return Drawn(distinct[repeated].astype(np.int64), share)
    from sklearn.cluster import KMeans  # slow to import

    found = KMeans(size, n_init=10, random_state=42).fit(sample)
    return Drawn(found.cluster_centers_.astype(np.int64), np.bincount(found.labels_, minlength=size) / _DRAWS)
