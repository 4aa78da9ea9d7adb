"""What each executor costs: processor time against a plain loop in one process, over the same shards, in one run.

    python benchmarks/executors.py [SHARD_IMAGES] [ROUNDS]     (default: the product's own shards, 5 rounds)

The work is that of a night: read a shard of the image files, decode, palette, check and write the rows. Pictures
are the real ones where TESSERA_REAL_DATA is set, else drawn. Processor time is that of this process and all below
it; the start of an executor (imports, compiled kernels) is told apart. The median of the rounds counts.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import psutil

from pipelines.executor import completed, cores, open_executor
from pipelines.ingest import fashion, images, sample
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.palette import palettes
from pipelines.producers import driver
from pipelines.producers.worker import Shard, make

PLAIN = "plain loop"
_versions = count(1_000)


def fill(store: Store, folder: Path) -> None:
    """Take the real archive in, or 4,000 drawn pieces."""
    real = os.environ.get("TESSERA_REAL_DATA")
    archive = Path(real) / "fashion-product-images-small.zip" if real else folder / "fashion.zip"
    if not real:
        sample.write_fashion_zip(archive, 4_000)
    fashion.ingest(Journal(store, Run()), archive, fashion.FashionParams())


def shards(store: Store, size: int) -> list[Shard]:
    """Return all shards of a table that was never made before, so that no file is there yet."""
    table = replace(palettes.TABLE, produce=replace(palettes.TABLE.produce, version=next(_versions)))
    cut: list[Shard] = []
    for path, rows in sorted(store.snapshot(images.TABLE).fragments(["image_id"])):
        ids = rows["image_id"].to_pylist()
        starts = range(0, len(ids), size)
        cut += [Shard(store, table, path, at, at + size, frozenset(ids[at : at + size])) for at in starts]
    return cut


def cpu_seconds() -> float:
    """Return the processor time of this process and of those below it that are alive."""
    below = (process.cpu_times() for process in psutil.Process().children(recursive=True))
    return time.process_time() + sum(times.user + times.system for times in below)


@contextmanager
def executor(name: str) -> Iterator[Executor | None]:
    """Open a contender, None for the plain loop."""
    if name == PLAIN:
        yield None
    else:
        with open_executor(name) as opened:
            yield opened


def run(place: Executor | None, work: list[Shard]) -> None:
    """Make all shards."""
    for _ in map(make, work) if place is None else completed(place, make, work):
        pass


def main(size: int, rounds: int) -> None:
    """Measure in turns and print."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"{folder}/lake")
        fill(store, Path(folder))
        work = shards(store, size)
        print(f"{sum(len(s.ids) for s in work):,} pictures in {len(work)} shards of up to {size}, {cores()} cores")
        found: dict[str, list[tuple[float, float]]] = {}
        starts: dict[str, float] = {}
        for turn in range(rounds):
            for name in (PLAIN, "threads", "local", "processes"):
                with executor(name) as place:
                    began = cpu_seconds()
                    run(place, shards(store, 8)[: 4 * cores()])  # every worker has met the code
                    starts.setdefault(name, cpu_seconds() - began)
                    cpu, wall = cpu_seconds(), time.perf_counter()
                    run(place, shards(store, size))
                    found.setdefault(name, []).append((cpu_seconds() - cpu, time.perf_counter() - wall))
            print(f"  round {turn + 1} of {rounds}", file=sys.stderr)
    print(f"{'':12}{'CPU-s':>8}{'x plain':>10}{'range':>14}{'wall s':>9}{'start CPU-s':>13}")
    plain = [cpu for cpu, _ in found[PLAIN]]
    for name, times in found.items():
        ratios = sorted(cpu / base for (cpu, _), base in zip(times, plain, strict=True))
        spread = f"{ratios[0]:.2f}-{ratios[-1]:.2f}"
        cpu, wall = (statistics.median(values) for values in zip(*times, strict=True))
        print(f"{name:12}{cpu:8.2f}{statistics.median(ratios):10.2f}{spread:>14}{wall:9.2f}{starts[name]:13.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else driver.SHARD_IMAGES, int(sys.argv[2]) if len(sys.argv) > 2 else 5)
