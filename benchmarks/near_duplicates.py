"""Near duplicates beside their peers: looks per CPU-second, pairs per second, and what a night costs.

    python benchmarks/near_duplicates.py [ZIP]     (default: 1,500 drawn pieces of the sample source)

The peer of the hash is pHash as the usual Python packages make it (Pillow's grey and Lanczos, a DCT of 32x32 by
scipy); that of the scan is numpy's bitwise_count, in blocks. The last pictures come on a second night.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import scipy.fft
import simplejpeg
from PIL import Image

from pipelines import imaging
from pipelines.duplicates import near_duplicates, perceptual_hashes
from pipelines.duplicates.hashing import look
from pipelines.duplicates.near_duplicates import NearDuplicateParams
from pipelines.duplicates.pairs import Evidence, scan
from pipelines.ingest import intake, sample
from pipelines.ingest.image_sources import Terms
from pipelines.ingest.intake import Item
from pipelines.lake.objects import sha256
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal, Step
from pipelines.lake.store import Store
from pipelines.lake.table import Table
from pipelines.palette import palettes
from pipelines.producers import materialize

MORE, DRAWN, ROUNDS = 100, 1_500, 3


def pictures(archive: str | None) -> list[bytes]:
    """Return the distinct JPEGs of an archive, or drawn ones."""
    if archive is None:
        found = [piece.image for piece in sample.pieces(DRAWN)]
    else:
        with zipfile.ZipFile(archive) as held:
            found = [held.read(name) for name in held.namelist() if name.endswith(".jpg")]
    return [data for data in dict.fromkeys(found) if data.startswith(b"\xff\xd8")]


def by_packages(data: bytes) -> int:
    """Hash one file as the usual packages do."""
    small = np.asarray(Image.open(io.BytesIO(data)).convert("L").resize((32, 32), Image.Resampling.LANCZOS))
    low = scipy.fft.dct(scipy.fft.dct(small, axis=0), axis=1)[:8, :8]
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def ours(data: bytes) -> int:
    """Hash one file as the product does."""
    return look(imaging.decode(data, 64).pixels).bits


def per_second(work: Callable[..., object], items: Sequence[object]) -> float:
    """Return items per CPU-second: the best of some rounds."""
    work(items[0])  # compiled and warm
    spent = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for item in items:
            work(item)
        spent.append(time.process_time() - start)
    return len(items) / min(spent)


def hashes(files: list[bytes]) -> np.ndarray:
    """Compare the hashes; return ours."""
    pixels = [imaging.decode(data, 64).pixels for data in files]
    grey = per_second(lambda data: simplejpeg.decode_jpeg(data, "gray"), files)
    rates = {
        "grey decode alone": grey,
        "decode as the producer does": per_second(lambda data: imaging.decode(data, 64), files),
        "look, of pixels": per_second(look, pixels),
        "decode and look": per_second(ours, files),
        "the packages' way, with decode": per_second(by_packages, files),
    }
    rates["grey decode and look (reckoned)"] = 1 / (1 / grey + 1 / rates["look, of pixels"])
    print(f"{len(files):,} pictures\n{'':34}{'img/CPU-s':>12}{'x grey decode':>15}")
    for name, rate in rates.items():
        print(f"{name:34}{rate:12,.0f}{rate / grey:15.2f}")
    codes = [ours(data) for data in files]
    differing = np.mean([(mine ^ by_packages(data)).bit_count() for mine, data in zip(codes, files, strict=True)])
    print(f"bits equal to the packages': {1 - differing / 64:.2%}\n")
    return np.array(codes, np.uint64)


def by_numpy(codes: np.ndarray, rows: np.ndarray, limit: int) -> int:
    """Count the near pairs of some rows with all."""
    blocks = (rows[first : first + 16] for first in range(0, len(rows), 16))
    return sum(int(np.count_nonzero(np.bitwise_count(codes[b, None] ^ codes) <= limit)) - len(b) for b in blocks)


def by_ours(codes: np.ndarray, rows: np.ndarray, limit: int) -> int:
    """The same with the product's scan, palettes and layouts being one colour."""
    count = len(codes)
    evidence = Evidence(codes, np.ones((count, 5, 4)), np.zeros((count, 64, 3), np.float32))
    limits = NearDuplicateParams(hash_distance=limit, partners=count).limits
    return len(scan(rows, np.arange(count), codes, evidence, limits, np.zeros(count, np.bool_))[0])


def pairs(codes: np.ndarray) -> None:
    """Compare the scans over all pairs."""
    blocks = np.array_split(np.arange(len(codes)), max(1, len(codes) // 1024))
    for name, method in (("tessera", by_ours), ("numpy", by_numpy)):
        method(codes, blocks[0][:1], 2)
        start = time.process_time()
        found = sum(method(codes, block, 2) for block in blocks)
        spent = time.process_time() - start
        print(f"scan, {name:8} {len(codes) ** 2 / spent / 1e9:8.2f} G pairs/CPU-s, {found // 2:,} pairs within 2")
    print()


def step(store: Store, table: Table) -> Step:
    """Bring one table up to date."""
    journal = Journal(store, Run())
    with ThreadPoolExecutor(2) as pool:
        materialize(journal, table, pool, 0.1)
    return journal.steps[0]


def night(name: str, store: Store, files: list[bytes]) -> None:
    """Take pictures in, make all that pairs are made of, and print what each table costs."""
    items = [Item(f"images/{sha256(data)}.jpg", "1", lambda data=data: data) for data in files]
    intake.ingest(Journal(store, Run()), "fashion", Terms(allow_training=True), items)
    for table in (palettes.TABLE, perceptual_hashes.TABLE, near_duplicates.TABLE):
        done = step(store, table)
        print(
            f"{name:12}{table.name:20}{done.rows_in:8,} in {done.new:8,} new "
            f"{done.seconds:8.2f} s {done.cpu_seconds:8.2f} CPU-s {done.peak_memory_bytes / 2**20:6.0f} MiB at most"
        )


def main(archive: str | None) -> None:
    """Measure and print."""
    files = pictures(archive)
    pairs(hashes(files))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(str(Path(folder) / "lake"))
        night("compiling", Store(str(Path(folder) / "other")), files[:3])
        night("first", store, files[:-MORE])
        night(f"{MORE} more", store, files[-MORE:])
        night("quiet", store, [])


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
