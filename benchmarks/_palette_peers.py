"""What others make palettes with, each behind one call: pixels (h, w, 3) and weights (h, w) in, OKLab centres out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec

import numpy as np
from sklearn.cluster import KMeans

from pipelines.compiled import compiled
from pipelines.imaging.opencv import opencv
from pipelines.palette.color import to_oklab

Method = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


@compiled
def _converted(pixels: np.ndarray) -> np.ndarray:
    lab = np.empty((len(pixels), 3))
    for i in range(len(pixels)):
        lab[i, 0], lab[i, 1], lab[i, 2] = to_oklab(float(pixels[i, 0]), float(pixels[i, 1]), float(pixels[i, 2]))
    return lab


def oklab(pixels: np.ndarray) -> np.ndarray:
    """Return the OKLab of each sRGB pixel, (n, 3), in double precision."""
    return _converted(np.ascontiguousarray(pixels).reshape(-1, 3))


def by_sklearn(pixels: np.ndarray, weights: np.ndarray, size: int) -> np.ndarray:
    """Best of ten fits on all pixels: the peer that everything is measured against."""
    return (
        KMeans(size, n_init=10, random_state=1).fit(oklab(pixels), sample_weight=weights.reshape(-1)).cluster_centers_
    )


def by_sklearn_once(pixels: np.ndarray, weights: np.ndarray, size: int) -> np.ndarray:
    """One fit."""
    return KMeans(size, n_init=1, random_state=1).fit(oklab(pixels), sample_weight=weights.reshape(-1)).cluster_centers_


def by_opencv(pixels: np.ndarray, _: np.ndarray, size: int) -> np.ndarray:
    """Five attempts; it knows no weights."""
    cv2 = opencv()
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 50, 1e-4)
    return cv2.kmeans(oklab(pixels).astype(np.float32), size, None, stop, 5, cv2.KMEANS_PP_CENTERS)[2]


def by_faiss(pixels: np.ndarray, weights: np.ndarray, size: int) -> np.ndarray:
    """One run of 20 iterations."""
    import faiss

    faiss.omp_set_num_threads(1)
    found = faiss.Kmeans(3, size, niter=20, seed=1, min_points_per_centroid=1, max_points_per_centroid=10**9)
    found.train(oklab(pixels).astype(np.float32), weights=weights.reshape(-1).astype(np.float32))
    return found.centroids


def by_colorthief(pixels: np.ndarray, _: np.ndarray, size: int) -> np.ndarray:
    """Median cut over all pixels; it drops what is nearly white."""
    import fast_colorthief

    opaque = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    return oklab(np.array(fast_colorthief.get_palette(np.ascontiguousarray(opaque), size, 1), np.uint8))


def by_pylette(pixels: np.ndarray, _: np.ndarray, size: int) -> np.ndarray:
    """Its k-means, on the picture as it is."""
    import pylette

    found = pylette.extract_colors(pixels, palette_size=size, resize=False)
    return oklab(np.array([colour.rgb for colour in found.colors], np.uint8))


def by_libimagequant(pixels: np.ndarray, _: np.ndarray, size: int) -> np.ndarray:
    """Its defaults."""
    import libimagequant

    height, width = pixels.shape[:2]
    opaque = np.dstack([pixels, np.full((height, width), 255, np.uint8)])
    attributes = libimagequant.Attr()
    attributes.max_colors = size
    found = attributes.create_rgba(opaque.tobytes(), width, height, 0).quantize(attributes)
    return oklab(np.array([(c.r, c.g, c.b) for c in found.get_palette()], np.uint8))


_PEERS: Mapping[str, tuple[str, Method]] = {
    "sklearn, 1 start": ("sklearn", by_sklearn_once),
    "OpenCV, 5 attempts": ("cv2", by_opencv),
    "faiss, 1 run": ("faiss", by_faiss),
    "fast-colorthief": ("fast_colorthief", by_colorthief),
    "Pylette": ("pylette", by_pylette),
    "libimagequant": ("libimagequant", by_libimagequant),
}


def peers() -> dict[str, Method]:
    """Return those that are installed; say which are not."""
    missing = [name for name, (module, _) in _PEERS.items() if find_spec(module) is None]
    if missing:
        print(f"not installed, so left out: {', '.join(missing)}")
    return {name: method for name, (module, method) in _PEERS.items() if find_spec(module)}
