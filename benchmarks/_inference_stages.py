"""Where the time of scoring goes, and what cannot be passed: measured piece by piece, on the pictures of a lake."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np

from pipelines import imaging
from pipelines.inference import label_scores
from pipelines.inference.scoring import ModelPlace, scored
from pipelines.ingest import images
from pipelines.lake.materialize import Keys, publish
from pipelines.lake.recipe import Run, recipe
from pipelines.lake.store import Store
from pipelines.lake.table import Table
from pipelines.producers import Encoded
from pipelines.producers.worker import Shard, staged

AT_ONCE = 64  # pictures, as the product scores them
SHARD = 1024
COLUMNS = ["image_id", "format", "data"]
Out = TypeVar("Out")
Rate = dict[str, float]  # items a second: `rate` of the clock, `cpu` of the processors' time
_SIDE = 2048  # of the matrices whose product is the machine's rate
_ROUNDS = 3


def encoded(store: Store, most: int) -> list[Encoded]:
    """Return pictures of a lake, undecoded."""
    held = store.snapshot(images.TABLE).read(COLUMNS).slice(0, most).to_pydict()
    return [Encoded(*each) for each in zip(*(held[name] for name in COLUMNS), strict=True)]


def rate(work: Callable[[int], object], tasks: int, each: int, threads: int) -> Rate:
    """Return the rates of `tasks` calls for `each` items on so many threads; the best of the rounds."""
    wall = cpu = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))  # warm
        for _ in range(_ROUNDS):
            start, used = time.perf_counter(), time.process_time()
            list(pool.map(work, range(tasks)))
            wall, cpu = min(wall, time.perf_counter() - start), min(cpu, time.process_time() - used)
    return {"rate": tasks * each / wall, "cpu": tasks * each / cpu}


def decode_limit(pictures: list[Encoded], place: ModelPlace, threads: int) -> Rate:
    """Return the rates of pictures decoded and brought to size, and nothing else."""
    shown, tasks = place.spec.preprocessing, max(1, len(pictures) // AT_ONCE)

    def work(part: int) -> None:
        for each in pictures[part * AT_ONCE : (part + 1) * AT_ONCE]:
            shown.apply(imaging.decode(each.data, shown.min_side, each.format).pixels)

    return rate(work, tasks, min(AT_ONCE, len(pictures)), threads)


def model_limit(pictures: list[Encoded], place: ModelPlace, threads: int, tasks: int) -> Rate:
    """Return the rates of the very session, fed with a batch that lies ready."""
    model, shown = place.load(), place.spec.preprocessing
    batch = np.stack([shown.apply(imaging.decode(each.data).pixels) for each in pictures[:AT_ONCE]])
    return rate(lambda _: model.predict(batch), tasks, len(batch), threads)


def gemm_flops(threads: int) -> float:
    """Return the machine's single-precision operations per second, in products of large matrices."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    left, right = torch.rand(_SIDE, _SIDE), torch.rand(_SIDE, _SIDE)
    best = float("inf")
    for _ in range(2 * _ROUNDS):
        start = time.perf_counter()
        torch.mm(left, right)
        best = min(best, time.perf_counter() - start)
    torch.set_num_threads(before)
    return 2 * _SIDE**3 / best


class Watch:
    """Seconds of this thread's processor time, by stage."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def __call__(self, stage: str, work: Callable[[], Out]) -> Out:
        """Do some work, and note what it cost."""
        start = time.thread_time()
        made = work()
        self.spent[stage] = self.spent.get(stage, 0.0) + time.thread_time() - start
        return made


def stages(store: Store, table: Table, place: ModelPlace) -> dict[str, float]:
    """Return the seconds for one picture that each stage takes on one thread, from a shard of them.

    The table's rows are written and committed.
    """
    model, shown, params = place.load(), place.spec.preprocessing, table.produce.params
    path = min(store.snapshot(images.TABLE).files)
    model.predict(np.zeros((AT_ONCE, shown.height, shown.width, 3), np.uint8))
    watch = Watch()
    taken = watch("read", lambda: _read(store, path))
    decoded = watch("decode", lambda: [imaging.decode(each.data, shown.min_side, each.format).pixels for each in taken])
    ready = watch("resize", lambda: [shown.apply(pixels) for pixels in decoded])
    parts = [ready[start : start + AT_ONCE] for start in range(0, len(ready), AT_ONCE)]
    batches = watch("stack", lambda: [np.stack(part) for part in parts])
    watch("model", lambda: [model.predict(batch) for batch in batches])
    answers = list(scored(taken, place))
    made = watch("rows", lambda: [label_scores.batch(some, params, place.spec) for some in answers])
    shard = Shard(store, table, path, 0, SHARD, frozenset(each.image_id for each in taken))
    files = watch("Parquet", lambda: staged(shard, made)).files
    for part, file in zip(shard.tables, files, strict=True):
        keys = Keys(part, folder=f"{recipe(part)}/")
        watch("commit", lambda file=file, keys=keys: publish(store, Run(), [(file, shard.ids)], keys))
    return {stage: seconds / len(taken) for stage, seconds in watch.spent.items()}


def _read(store: Store, path: str) -> list[Encoded]:
    parts = store.open(images.TABLE, path).iter_batches(AT_ONCE, columns=COLUMNS)
    columns = ([part.column(name).to_pylist() for name in COLUMNS] for part in parts)
    return [Encoded(*row) for row in islice((row for part in columns for row in zip(*part, strict=True)), SHARD)]
