"""Palettes beside their peers: speed and error on the same pixels and weights, in one run, one thread each.

    OMP_NUM_THREADS=1 python benchmarks/palette.py [--archive ZIP] [--count N] [--offset K] [--photos FOLDER]

Without an archive the pictures are drawn. Of an archive, `--offset` skips the first of its pictures in an order that
`--seed` decides: what the algorithm was tuned on lies among the first 8,000 of seed 2026. Errors are OKLab distances
of all pixels to their nearest swatch, weighted; a ratio is the error of an image over that of sklearn's best of ten.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _palette_peers import Method, by_sklearn, oklab, peers

from pipelines import imaging
from pipelines.imaging import inspect
from pipelines.ingest import sample
from pipelines.palette.background import without_background
from pipelines.palette.histogram import Scratch, binned
from pipelines.palette.palettes import TABLE, PaletteParams, center_weights
from pipelines.palette.quantize import quantize

SIZE = PaletteParams().size
ROUNDS, REPEATS, FEW = 15, 4, 60  # rounds, of our runs in each, and pictures for the other peers


class Picture(NamedTuple):
    """Pixels (h, w, 3), the weights (h, w) they are judged by, and their OKLab (n, 3)."""

    pixels: np.ndarray
    weights: np.ndarray
    lab: np.ndarray


def pictures(options: argparse.Namespace) -> list[np.ndarray]:
    """Return decoded pictures: a part of an archive in a drawn order, or drawn ones."""
    if options.archive is None:
        return [imaging.decode(piece.image).pixels for piece in sample.pieces(options.count)]
    with zipfile.ZipFile(options.archive) as held:
        names = sorted(name for name in held.namelist() if name.startswith("images/"))
        random.Random(options.seed).shuffle(names)
        return [imaging.decode(held.read(n)).pixels for n in names[options.offset :][: options.count]]


def ours(pixels: np.ndarray, weights: np.ndarray, size: int) -> np.ndarray:
    """What the product does."""
    return quantize(pixels, weights, size).lab


def error(picture: Picture, centres: np.ndarray) -> tuple[float, float]:
    """Return the weighted mean distance and its root mean square, × 100."""
    squared = np.square(picture.lab[:, None] - centres).sum(axis=2).min(axis=1)
    weights = picture.weights.reshape(-1).astype(np.float64)
    mean, square = np.average(np.sqrt(squared), weights=weights), np.average(squared, weights=weights)
    return 100 * float(mean), 100 * float(np.sqrt(square))


def seconds(work: Callable[[Picture], object], corpus: list[Picture], repeats: int = 1) -> float:
    """Return the CPU-seconds of this thread for one pass."""
    start = time.thread_time()
    for _ in range(repeats):
        for picture in corpus:
            work(picture)
    return (time.thread_time() - start) / repeats


def compare(corpus: list[Picture]) -> None:
    """Run both in turns; print how much faster ours is, and how near."""
    theirs: list[tuple[float, float]] = []
    count = partial(_count, table=Scratch().table)
    spent: dict[str, list[float]] = {"sklearn": [], "tessera": [], "histogram": []}
    step = max(1, len(corpus) // ROUNDS)
    for start in range(0, len(corpus), step):
        part = corpus[start : start + step]
        found: list[np.ndarray] = []
        fit = seconds(lambda p, found=found: found.append(by_sklearn(p.pixels, p.weights, SIZE)), part)
        theirs += [error(picture, centres) for picture, centres in zip(part, found, strict=True)]
        spent["sklearn"].append(fit / len(part))
        spent["tessera"].append(seconds(lambda p: ours(p.pixels, p.weights, SIZE), part, REPEATS) / len(part))
        spent["histogram"].append(seconds(count, part, REPEATS) / len(part))
    mine = [error(picture, ours(picture.pixels, picture.weights, SIZE)) for picture in corpus]
    faster = [fit / own for fit, own in zip(spent["sklearn"], spent["tessera"], strict=True)]
    own, fit, pass_ = (statistics.median(spent[name]) for name in ("tessera", "sklearn", "histogram"))
    print(f"  sklearn, best of 10   {fit * 1e3:8.2f} ms an image")
    print(f"  tessera               {own * 1e6:8.1f} µs, {1 / own:,.0f} images/s; histogram {pass_ / own:.2f} of it")
    print(f"  times sklearn         {statistics.median(faster):8.0f} (median; {min(faster):.0f} to {max(faster):.0f})")
    judge("tessera", mine, theirs)
    few = corpus[:FEW]
    for name, method in peers().items():
        try:
            run_peer(name, method, few, theirs[: len(few)], statistics.median(spent["sklearn"]))
        except Exception as refusal:  # a peer's own affair
            print(f"  {name:20} failed: {type(refusal).__name__}: {refusal}")


def error_of(method: Method, picture: Picture) -> tuple[float, float]:
    """Return the errors of what a method finds."""
    return error(picture, method(picture.pixels, picture.weights, SIZE))


def _count(picture: Picture, table: np.ndarray) -> object:
    return binned(picture.pixels.reshape(-1, 3), picture.weights.reshape(-1), table)


def run_peer(name: str, method: Method, few: list[Picture], theirs: list[tuple[float, float]], fit: float) -> None:
    """Print what another makes of the first few."""
    method(few[0].pixels, few[0].weights, SIZE)
    spent = seconds(lambda p: method(p.pixels, p.weights, SIZE), few) / len(few)
    print(f"  {name:20} {fit / spent:8.1f} times sklearn's best of 10, on {len(few)}:", end=" ")
    judge("", [error_of(method, picture) for picture in few], theirs)


def judge(name: str, mine: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> None:
    """Print mean and tail of the error against the reference's."""
    means, squares = ([np.mean([e[i] for e in them]) for them in (mine, theirs)] for i in (0, 1))
    ratios = np.sort([m[0] / t[0] for m, t in zip(mine, theirs, strict=True) if t[0] > 0.01])
    p95, p99, worst = (100 * (np.quantile(ratios, q) - 1) for q in (0.95, 0.99, 1))
    print(
        f"  {name:8} mean {100 * (means[0] / means[1] - 1):+.2f} %, RMS {100 * (squares[0] / squares[1] - 1):+.2f} %,",
        end=" ",
    )
    print(f"p95 {p95:+.2f} %, p99 {p99:+.2f} %, worst {worst:+.2f} % (of {len(ratios)})")


def photos(folder: Path) -> None:
    """Print what a palette of a large photo costs beside its decoding, as the product does both."""
    params, side = PaletteParams(), TABLE.produce.min_side
    measured: list[tuple[int, float, float]] = []
    for path in sorted(folder.glob("*.jpg")):
        data = path.read_bytes()
        header = inspect(data)
        if header.width * header.height < 1e6:
            continue
        decoding, making = [], []
        for _ in range(5):
            start = time.thread_time()
            pixels = imaging.decode(data, min_side=side).pixels
            decoded = time.thread_time()
            weights = without_background(pixels, center_weights(*pixels.shape[:2], params.center_sigma))
            quantize(pixels, weights, params.size)
            decoding.append(decoded - start)
            making.append(time.thread_time() - decoded)
        measured.append((header.width * header.height, min(decoding), min(making)))
    shares = [making / decoding for _, decoding, making in measured]
    print(f"{len(measured)} photos of {min(measured)[0] / 1e6:.1f} to {max(measured)[0] / 1e6:.1f} megapixels:")
    print(f"  decode {1e3 * statistics.median(p[1] for p in measured):.2f} ms,", end=" ")
    print(f"palette with its background {1e3 * statistics.median(p[2] for p in measured):.2f} ms (medians);", end=" ")
    print(f"palette over decode {statistics.median(shares):.2f} (median), {max(shares):.2f} (worst)")


def main(options: argparse.Namespace) -> None:
    """Compare for each way of weighing pixels."""
    loaded = pictures(options)
    labs = [oklab(pixels) for pixels in loaded]
    for sigma in options.sigma:
        for is_removed in {False, options.without_background}:
            fields = [center_weights(*pixels.shape[:2], sigma) for pixels in loaded]
            if is_removed:
                fields = [without_background(*each) for each in zip(loaded, fields, strict=True)]
            print(
                f"{len(loaded)} images, sigma {sigma} of the side, background {'removed' if is_removed else 'counted'}:"
            )
            corpus = [Picture(*each) for each in zip(loaded, fields, labs, strict=True)]
            ours(corpus[0].pixels, corpus[0].weights, SIZE)
            compare(corpus)
    removing = [Picture(p, center_weights(*p.shape[:2], 0.1), labs[0]) for p in loaded]
    spent = seconds(lambda p: without_background(p.pixels, p.weights), removing, REPEATS) / len(loaded)
    print(f"background: {spent * 1e6:.1f} µs an image")
    if options.photos:
        photos(options.photos)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--offset", type=int, default=8_000)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--sigma", type=float, nargs="+", default=[PaletteParams().center_sigma, 0.0])
    parser.add_argument("--without-background", action="store_true", help="compare once more with it removed")
    main(parser.parse_args())
