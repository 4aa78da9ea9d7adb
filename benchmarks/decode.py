"""How fast bytes become pixels: `inspect` and `decode` beside their peers, in one run on one core.

    python benchmarks/decode.py [pictures]

Thumbnails are the real ones where TESSERA_REAL_DATA is set, else generated (60x80, quality 90). Every
round runs each contender on the same pictures; the best round counts, in pictures per CPU-second.
"""

import io
import os
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image

from pipelines.imaging import decode, encode_jpeg, inspect

ROUNDS = 7
PEER = "simplejpeg, bare"


def generated(count: int) -> list[bytes]:
    """Return `count` smooth 60x80 JPEGs."""
    chance = np.random.default_rng(0)
    coarse = chance.integers(0, 256, (count, 8, 6, 3), dtype=np.uint8)
    return [encode_jpeg(np.asarray(Image.fromarray(one).resize((60, 80), Image.Resampling.BICUBIC))) for one in coarse]


def real(folder: str, count: int) -> list[bytes]:
    """Return `count` of the real thumbnails, spread over the archive."""
    with zipfile.ZipFile(Path(folder) / "fashion-product-images-small.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        return [archive.read(name) for name in names[:: max(1, len(names) // count)][:count]]


def by_pillow(data: bytes) -> None:
    """Decode as most programs do."""
    np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


CONTENDERS: dict[str, Callable[[bytes], object]] = {
    PEER: simplejpeg.decode_jpeg,
    "decode": decode,
    "inspect": inspect,
    "simplejpeg, 1/8 grey": lambda data: simplejpeg.decode_jpeg(data, "gray", min_height=1, min_width=1),
    "Pillow": by_pillow,
}


def rate(work: Callable[[bytes], object], files: list[bytes]) -> float:
    """Return pictures per CPU-second."""
    start = time.process_time()
    for data in files:
        work(data)
    return len(files) / (time.process_time() - start)


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    folder = os.environ.get("TESSERA_REAL_DATA")
    files = real(folder, count) if folder else generated(count)
    best = dict.fromkeys(CONTENDERS, 0.0)
    for _ in range(ROUNDS):
        for name, work in CONTENDERS.items():
            best[name] = max(best[name], rate(work, files))
    print(
        f"{len(files):,} {'real' if folder else 'generated'} thumbnails, mean {np.mean([*map(len, files)]):,.0f} bytes"
    )
    print(f"{'':22}{'img/CPU-s':>12}{'x bare':>10}{'x Pillow':>10}")
    for name, value in best.items():
        print(f"{name:22}{value:12,.0f}{value / best[PEER]:10.2f}{value / best['Pillow']:10.2f}")


if __name__ == "__main__":
    main()
