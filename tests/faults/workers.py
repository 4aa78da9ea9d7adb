"""Kills the Dask workers of a night again and again, and compares the tables with those of an undisturbed one.

    python tests/faults/workers.py FOLDER [--images=N] [--every=SECONDS] [--kills=N] [--where=local] [--archive=ZIP]
    python tests/faults/workers.py FOLDER --poison=N ...

The first form kills all workers by SIGKILL some seconds after they have come up, while tables are made of generated
images, or of a real archive, which the champion scores too. In the second, N of the images kill whoever makes rows
of them: they alone may be rejected. Prints a JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.duplicates import perceptual_hashes
from pipelines.executor import open_executor
from pipelines.imaging import encode_jpeg
from pipelines.inference import embeddings, label_scores
from pipelines.ingest import fashion, images, intake
from pipelines.ingest.columns import IMAGE_ID
from pipelines.ingest.image_sources import Terms
from pipelines.ingest.intake import Item
from pipelines.lake import rejects
from pipelines.lake.recipe import Run
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.lake.table import Column, Table
from pipelines.palette import palettes
from pipelines.producers import Batch, Companion, Encoded, PerBatch, driver, materialize
from pipelines.serving import served
from pipelines.settings import Settings

SECONDS_AN_IMAGE = 0.002  # of waiting: so that there is something to kill


@dataclass(frozen=True)
class Sizing:
    """What the sizes are made of, and what they die of."""

    poison: tuple[str, ...] = ()


def sized(images: Iterable[Encoded], params: Sizing, place: None) -> Iterator[Batch]:
    """Yield how many bytes each image has, and in a second table its format. Poison kills in several ways."""
    for image in images:
        if image.image_id in params.poison:
            _die(params.poison.index(image.image_id))
        time.sleep(SECONDS_AN_IMAGE)
        sizes = pa.table({"image_id": [image.image_id], "bytes": [len(image.data)]})
        yield Batch({"sizes": sizes, "formats": pa.table({"image_id": [image.image_id], "format": [image.format]})})


def _die(way: int) -> None:
    if way % 3 == 0:
        os._exit(1)  # as a library that gives up
    os.kill(os.getpid(), (signal.SIGSEGV, signal.SIGKILL)[way % 2])  # a crash; the kernel, for its memory


def tables(poison: tuple[str, ...], home: Path | None = None) -> tuple[Table, ...]:
    """Return the tables to make: those of the night, and one with a companion; with a home, the champion's too."""
    made_of = {"grain": ("image_id",), "inputs": (images.TABLE,)}
    formats = Table(
        name="formats",
        description="The format of each image.",
        columns=(IMAGE_ID, Column("format", pa.string(), "It.")),
        produce=Companion(Sizing(), 1),
        **made_of,
    )
    sizes = Table(
        name="sizes",
        description="The size of each image.",
        columns=(IMAGE_ID, Column("bytes", pa.int64(), "It.")),
        produce=PerBatch(sized, Sizing(poison), 1, companions=(formats,)),
        **made_of,
    )
    if poison:
        return formats, sizes
    scores = (embeddings.TABLE, served(Settings(home=home), label_scores.TABLE)) if home else ()
    return (formats, sizes, palettes.TABLE, perceptual_hashes.TABLE, *scores)


def picture(i: int) -> bytes:
    """Draw a picture of its own for each number."""
    return encode_jpeg(np.random.default_rng(i).integers(0, 256, (16, 12, 3), dtype=np.uint8))


def fill(store: Store, count: int, archive: Path | None) -> None:
    """Take images in: drawn ones in small files, or those of an archive."""
    journal = Journal(store, Run())
    if archive:
        fashion.ingest(journal, archive, fashion.FashionParams())
        return
    intake._SHARD_BYTES = 200_000
    items = (Item(f"{i}.jpg", "1", lambda i=i: picture(i)) for i in range(count))  # type: ignore[misc]
    intake.ingest(journal, "fashion", Terms(allow_training=True), items)


class Killer:
    """Kills every worker of a cluster, again and again: some seconds after it has come up."""

    def __init__(self, executor: Any, every: float, most: int, seed: int) -> None:
        self.executor, self.every, self.most, self.draw = executor, every, most, random.Random(seed)
        self.kills, self._ended = 0, threading.Event()

    def __call__(self) -> None:
        while self.kills < self.most and not self._ended.wait(self.every * self.draw.uniform(0.2, 1.8)):
            for nanny in list(self.executor.cluster.client.cluster.workers.values()):
                if nanny.process and nanny.process.status.name == "running":
                    os.kill(nanny.pid, signal.SIGKILL)
                    self.kills += 1
            while not self._ended.wait(0.05) and not self.executor.cluster.client.scheduler_info()["workers"]:
                pass

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self.executor.submit(int, "1").result()  # the cluster is there from here on
        thread = threading.Thread(target=self)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()


def night(store: Store, where: str, wanted: tuple[Table, ...], **killing: Any) -> dict[str, Any]:
    """Make the tables; return what is in them, and how often a worker was killed."""
    journal, start = Journal(store, Run()), time.perf_counter()
    with open_executor(where) as executor:
        killer = Killer(executor, **killing) if killing else None
        with killer.at_work() if killer else nullcontext():
            for table in wanted:
                materialize(journal, table, executor, 1.0)
    for step in journal.steps:
        step.balance()
    seconds = round(time.perf_counter() - start, 1)
    held = {table.name: store.snapshot(table).read() for table in (*wanted, rejects.TABLE)}
    digests = {table.name: digest(table, held[table.name]) for table in (*wanted, rejects.TABLE)}
    return {"kills": killer.kills if killer else 0, "seconds": seconds, "digests": digests, "rows": held}


def killed(given: argparse.Namespace) -> dict[str, Any]:
    """Compare a night whose workers are killed with one that is left alone."""
    clean, stricken = (Store(str(given.folder / name)) for name in ("clean", "stricken"))
    fill(clean, given.images, given.archive)
    shutil.copytree(clean.uri, stricken.uri)
    wanted = tables((), given.folder if given.archive else None)
    expected = night(clean, "threads", wanted)
    found = night(stricken, given.where, wanted, every=given.every, most=given.kills, seed=given.seed)
    differing = [name for name, rows in found["digests"].items() if rows != expected["digests"][name]]
    seconds = {"seconds": found["seconds"], "seconds_left_alone": expected["seconds"]}
    rows = {name: found["rows"][name].num_rows for name in found["digests"]}
    return {"kills": found["kills"], "differing": differing, "rows": rows} | seconds


def poisoned(given: argparse.Namespace) -> dict[str, Any]:
    """Make rows of images of which some kill their worker; say who was rejected, and who is missing."""
    store = Store(str(given.folder / "poisoned"))
    fill(store, given.images, given.archive)
    ids = store.snapshot(images.TABLE).read(["image_id"])["image_id"].to_pylist()
    poison = tuple(random.Random(given.seed).sample(sorted(ids), given.poison))
    found = night(store, given.where, tables(poison))
    refused = {row["key"] for row in found["rows"]["rejects"].to_pylist() if row["reason"] == "kills_worker"}
    missing = {
        name: len(set(ids) - set(poison) ^ set(found["rows"][name]["image_id"].to_pylist()))
        for name in ("sizes", "formats")
    }
    others = len(set(poison) ^ refused) + found["rows"]["rejects"].num_rows - len(refused)
    return {"poison": len(poison), "wrongly_judged": others, "missing_or_surplus": missing, "seconds": found["seconds"]}


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--every", type=float, default=2.0)
    parser.add_argument("--kills", type=int, default=1_000_000)
    parser.add_argument("--where", default="local", choices=("local", "processes"))
    parser.add_argument("--archive", type=Path)
    parser.add_argument("--poison", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if not given.archive:
        driver.SHARD_IMAGES = 100
    print(json.dumps((poisoned if given.poison else killed)(given) | {"images": given.images, "seed": given.seed}))


if __name__ == "__main__":
    main()
