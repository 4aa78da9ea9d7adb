"""Palettes beside sklearn: images per CPU-second and error, on the same pixels and weights, in one run.

    python benchmarks/palette.py [ZIP] [COUNT]     (default: 200 drawn pieces of the sample source)

Error is the weighted mean OKLab distance (× 100) of all pixels to their nearest swatch.
"""

from __future__ import annotations

import statistics
import sys
import time
import zipfile
from collections.abc import Callable, Iterator

import numpy as np
from sklearn.cluster import KMeans

from pipelines import imaging
from pipelines.ingest import sample
from pipelines.palette.color import to_oklab
from pipelines.palette.palettes import PaletteParams, center_weights
from pipelines.palette.quantize import quantize


def pictures(archive: str | None, count: int) -> Iterator[np.ndarray]:
    """Yield decoded pictures: every nth of an archive, or drawn ones."""
    if archive is None:
        yield from (imaging.decode(piece.image).pixels for piece in sample.pieces(count))
        return
    with zipfile.ZipFile(archive) as held:
        names = [name for name in held.namelist() if name.startswith("images/")]
        for name in names[:: max(1, len(names) // count)][:count]:
            yield imaging.decode(held.read(name)).pixels


def oklab(pixels: np.ndarray) -> np.ndarray:
    """Return the OKLab of each pixel, (n, 3)."""
    return np.array([to_oklab(*map(float, rgb)) for rgb in pixels.reshape(-1, 3)])


def by_sklearn(pixels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The peer: best of ten k-means fits on all pixels."""
    size = PaletteParams().size
    lab = oklab(pixels)
    return KMeans(size, n_init=10, random_state=1).fit(lab, sample_weight=weights.reshape(-1)).cluster_centers_


def ours(pixels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What the product does."""
    return quantize(pixels, weights, PaletteParams().size).lab


def error(pixels: np.ndarray, weights: np.ndarray, centres: np.ndarray) -> float:
    """Return the weighted mean OKLab distance × 100."""
    distance = np.linalg.norm(oklab(pixels)[:, None] - centres, axis=2).min(axis=1)
    return float(100 * np.average(distance, weights=weights.reshape(-1)))


def measure(name: str, method: Callable[..., np.ndarray], corpus: list[np.ndarray], sigma: float) -> list[float]:
    """Print one method's rate; return its errors."""
    fields = [center_weights(*pixels.shape[:2], sigma) for pixels in corpus]
    method(corpus[0], fields[0])  # compiled and warm
    start = time.process_time()
    found = [method(pixels, field) for pixels, field in zip(corpus, fields, strict=True)]
    rate = len(corpus) / (time.process_time() - start)
    print(f"  {name:10} {rate:10.1f} images per CPU-second")
    return [error(*each) for each in zip(corpus, fields, found, strict=True)]


def main(archive: str | None, count: int) -> None:
    """Compare, for the default Gaussian weights and for uniform ones."""
    corpus = list(pictures(archive, count))
    for sigma in (PaletteParams().center_sigma, 0.0):
        print(f"{len(corpus)} images, centre sigma {sigma} of the side:")
        mine = measure("tessera", ours, corpus, sigma)
        peer = measure("sklearn", by_sklearn, corpus, sigma)
        ratios = sorted(m / p for m, p in zip(mine, peer, strict=True) if p > 0.01)
        print(f"  mean error {statistics.mean(mine):.3f} against {statistics.mean(peer):.3f}; ratio p95", end=" ")
        print(f"{ratios[int(0.95 * len(ratios))]:.3f}, worst {ratios[-1]:.3f}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None, int(sys.argv[2]) if len(sys.argv) > 2 else 200)
