"""Recommendations beside their peers: pairs per second, the share of the machine's limit, growth, what a night costs.

    python benchmarks/recommend.py LAKE [SECTION ...]     (sections: kernels, growth, nights; default: all)

LAKE holds palettes, labels, products and product_images; catalogues of other sizes are copies of its pieces, each
channel moved by ±2 by a seed. Peers: a numpy loop over queries, as one would write it, and DuckDB computing the same
score over all pairs; both on some queries, and compared by pairs. One thread throughout, but for the nights.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread for sgemm, as for all else here
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import duckdb
import numpy as np
import pyarrow as pa
from _recommend_catalogue import grown, multiplied, without

from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal, Step, peak_memory_bytes
from pipelines.lake.store import Store
from pipelines.producers import materialize
from pipelines.recommend import (
    blocks,
    complementary,
    complements,
    label_aliases,
    match_labels,
    matching_colours,
    outfits,
    pieces,
    ranking,
    similar,
)
from pipelines.recommend.attributes import Attributes
from pipelines.recommend.blocks import Rule
from pipelines.recommend.kernels import nothing
from pipelines.recommend.pieces import Pieces
from pipelines.recommend.ranking import Complementary, Field, Method, Similar

SIZE = 44_000
INSTRUCTIONS = {"similar": 190, "complementary": 455}  # vector instructions for a pair, without a trick
NIGHTS = (16_000, SIZE, 200_000)
SECONDS = 90.0  # that one size of the growth may take
SAMPLE = 4_096  # pieces that ask, of those all are compared with


def best_of(work: Callable[[], object], rounds: int = 3) -> float:
    """Return the fewest CPU-seconds of some rounds."""
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


def flops() -> float:
    """Return what one core does in a product of 2048 x 2048 float32."""
    square = np.random.default_rng(0).random((2048, 2048), np.float32)
    square @ square
    return 2 * 2048**3 / best_of(lambda: square @ square, 5)


def read(store: Store) -> Pieces:
    return pieces.read([store.snapshot(table) for table in pieces.INPUTS], match_labels.SEED.pairs)


def rules(held: Pieces) -> list[tuple[str, Method, Rule]]:
    kinds = blocks.kinds(held.attributes)
    return [
        ("similar", Similar(), blocks.resembling(kinds, label_aliases.SEED.pairs)),
        ("complementary", Complementary(), blocks.completing(kinds, complements.SEED.pairs, outfits.SEED.pairs)),
    ]


def unblocked(held: Pieces) -> list[tuple[str, Method, Rule]]:
    """Return rules by which everything is compared with everything."""
    alike = Attributes(
        np.full(len(held), 1, np.uint64), np.zeros(len(held), np.int32), np.zeros(len(held), np.uint64), (frozenset(),)
    )
    kinds = blocks.kinds(alike)
    rule = Rule(kinds, np.ones(1, np.uint64), (), np.zeros((1, 0), np.bool_), "none", by_gender=False)
    return [("similar", Similar(), rule), ("complementary", Complementary(), rule)]


def searched(method: Method, field: Field, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Search as a night does, in this thread; yield the best of each part."""
    kinds = field.rule.kinds.of
    rows = rows[np.argsort(kinds[rows], kind="stable")]
    for chunk in np.split(rows, range(1024, len(rows), 1024)):
        best = nothing(len(chunk))
        method.search(field, chunk, best)
        yield best.pieces


def by_numpy(name: str, field: Field, query: int) -> np.ndarray:
    """Score one piece with all, in float64, and take the best ten."""
    theirs = field.ground.colours.astype(np.float64)
    if name == "similar":
        own = theirs[query]
        squares = ((theirs[:, :, None, :] - own) ** 2).sum(axis=3).min(axis=1)
        weights = np.ones(own.shape[0]) / own.shape[0]
        scores = (np.sqrt(squares) * weights).sum(axis=1)
    else:
        own = ranking.matching_colours(field.pieces, np.array([query], np.int32))[0].astype(np.float64)
        scores = np.sqrt(((theirs[:, :, None, :] - own) ** 2).sum(axis=3).min(axis=(1, 2)))
    scores[query] = np.inf
    ten = np.argpartition(scores, 10)[:10]
    return ten[np.argsort(scores[ten], kind="stable")]


def by_duckdb(name: str, field: Field, queries: np.ndarray) -> Callable[[], object]:
    """Return the query that computes the same: swatches are columns, so that it never joins them."""
    count = field.ground.colours.shape[1]
    columns = {f"c{i}{c}": field.ground.colours[:, i, k] for i in range(count) for k, c in enumerate("rgb")}
    frame = {"id": np.arange(len(field.pieces))} | {each: values.astype(np.float32) for each, values in columns.items()}
    if name == "similar":
        asked, matching = {k: v[queries] for k, v in frame.items()}, count
    else:
        colours = ranking.matching_colours(field.pieces, queries.astype(np.int32))
        matching = colours.shape[1]
        turned = colours.astype(np.float32)
        asked = {f"c{i}{c}": turned[:, i, k] for i in range(matching) for k, c in enumerate("rgb")}
        asked["id"] = queries

    def apart(j: int, i: int) -> str:
        return "+".join(f"(t.c{i}{c}-s.c{j}{c})*(t.c{i}{c}-s.c{j}{c})" for c in "rgb")

    nearest = [f"sqrt(least({','.join(apart(j, i) for i in range(count))}))" for j in range(matching)]
    score = "+".join(f"{1 / count}*{one}" for one in nearest) if name == "similar" else f"least({','.join(nearest)})"
    connection = duckdb.connect(config={"threads": 1})
    for table, values in (("t", frame), ("s", asked)):
        connection.from_arrow(pa.table(values)).create(table)
    sql = f"SELECT s.id, arg_min(t.id, {score}, 10) FROM s, t WHERE s.id <> t.id GROUP BY s.id"
    return lambda: connection.sql(sql).fetchall()


def kernels(folder: Path, lake: Store) -> None:
    """Compare the searches over pairs that no block rules out."""
    held = read(grown(lake, folder / "kernels", SIZE)[0])
    rows = np.arange(0, len(held), len(held) // SAMPLE, dtype=np.int32)
    rate = flops()
    print(f"{len(held):,} pieces, all candidates of {len(rows):,}; sgemm {rate / 1e9:.0f} GFLOP/s a core")
    print(f"{'':16}{'M pairs/s':>12}{'limit':>8}{'share':>8}{'x numpy':>10}{'x DuckDB':>10}")
    for name, method, rule in unblocked(held):
        _compare(name, method, ranking.field_of(held, rule, held.is_candidate, rows), rows, rate)
    print()


def _compare(name: str, method: Method, field: Field, rows: np.ndarray, rate: float) -> None:
    count = len(field.pieces)
    list(searched(method, field, rows[:2]))
    ours = len(rows) * count / best_of(lambda: list(searched(method, field, rows)))
    numpy = 12 * count / best_of(lambda: [by_numpy(name, field, int(query)) for query in rows[:12]], 1)
    asked = by_duckdb(name, field, rows[:24])
    sql = 24 * count / best_of(asked, 2)
    limit = rate / (2 * INSTRUCTIONS[name])
    shares = f"{ours / limit:8.2f}{ours / numpy:10.0f}{ours / sql:10.1f}"
    print(f"{name:16}{ours / 1e6:12.0f}{limit / 1e6:8.0f}{shares}")


def growth(folder: Path, lake: Store) -> None:
    """Measure both searches, blocked, at one size after the other; where it takes too long, a part of the pieces."""
    print(f"{'pieces':>10}{'table':>16}{'M pairs':>12}{'CPU-s':>10}{'M pairs/s':>12}{'of the pieces':>15}")
    some = read(grown(lake, folder / "growth", 15_000)[0])
    for count in (1_000, 4_000, 16_000, SIZE, 200_000, 1_000_000):
        held = multiplied(some, count)
        for name, method, rule in rules(held):
            _grow(name, method, ranking.field_of(held, rule, held.is_candidate, np.arange(len(held))))
    print(f"{peak_memory_bytes() >> 20:,} MiB at most\n")


def _grow(name: str, method: Method, field: Field) -> None:
    everyone = np.arange(len(field.pieces), dtype=np.int32)
    pairs = ranking.pair_count(field, everyone)
    chosen = np.random.default_rng(1).permutation(everyone)
    list(searched(method, field, chosen[:100]))
    start = time.process_time()
    list(searched(method, field, chosen[:1000]))
    part = min(1.0, SECONDS / 4 / ((time.process_time() - start) * len(everyone) / 1000 + 1e-9))
    some = chosen[: max(1000, int(part * len(everyone)))]
    start = time.process_time()
    list(searched(method, field, some))
    spent = (time.process_time() - start) * len(everyone) / len(some)
    measured = "all" if len(some) == len(everyone) else f"{len(some) / len(everyone):.1%}, scaled"
    rate = pairs / spent / 1e6
    print(f"{len(everyone):10,}{name:>16}{pairs / 1e6:12,.1f}{spent:10,.2f}{rate:12.0f}{measured:>15}")


def night(store: Store, module: ModuleType) -> Step:
    """Bring one table up to date."""
    journal = Journal(store, Run())
    with ThreadPoolExecutor(2) as pool:
        materialize(journal, module.TABLE, pool, 0.1)
    return journal.steps[0]


def nights(folder: Path, lake: Store) -> None:
    """Compare a night after 1 % of the pieces came with one that starts from nothing."""
    print(
        f"{'pieces':>10}{'table':>20}{'first':>10}{'+ 1 %':>10}{'share':>8}{'changed':>10}{'quiet':>8}{'MiB':>7}  CPU-s"
    )
    for count in NIGHTS:
        store, ids = grown(lake, folder / "nights", count)
        fewer = Store(str(folder / "fewer"))
        shutil.copytree(store.uri, fewer.uri)
        without(fewer, np.random.default_rng(1).choice(ids, count // 100, replace=False).tolist())
        for module in (matching_colours, similar, complementary):
            night(fewer, module)
            first = night(store, module)
            name = module.TABLE.name
            for each in (name, "_bookmarks"):  # what was made of fewer pieces, beside all of them
                shutil.rmtree(Path(store.uri) / each)
                shutil.copytree(Path(fewer.uri) / each, Path(store.uri) / each)
            more, quiet = night(store, module), night(store, module)
            share = more.cpu_seconds / first.cpu_seconds
            spent = f"{first.cpu_seconds:10.2f}{more.cpu_seconds:10.2f}{share:8.0%}{more.new:10,}"
            print(f"{count:10,}{name:>20}{spent}{quiet.cpu_seconds:8.2f}{first.peak_memory_bytes >> 20:7}")
        for path in (store.uri, fewer.uri):
            shutil.rmtree(path)


def main(lake: str, *sections: str) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        for section in (kernels, growth, nights):
            if not sections or section.__name__ in sections:
                section(Path(folder), Store(lake))


if __name__ == "__main__":
    main(*sys.argv[1:])
