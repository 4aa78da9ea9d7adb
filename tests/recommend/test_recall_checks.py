"""Recall checks: on a quiet night nothing is read but logs, and a block of any size takes no more memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from wardrobe_lake import Wardrobe, held, image, step

from pipelines.lake.store import Store
from pipelines.palette import palettes
from pipelines.recommend import blocks, recall_checks, similar
from pipelines.recommend.attributes import Attributes
from pipelines.recommend.kernels import Excluded
from pipelines.recommend.pieces import Palettes, Pieces


@pytest.fixture
def wardrobe(tmp_path: Path) -> Wardrobe:
    """A lake of thirty products of one kind, and what is similar among them."""
    made = Wardrobe(Store(str(tmp_path)))
    chance = np.random.default_rng(1)
    with made.at_once():
        made.paint({image(n): [tuple(c) for c in chance.integers(0, 256, (5, 3)).tolist()] for n in range(30)})
        for number in range(30):
            made.sell(number, image(number), "Socks", "Men")
    step(made.store, similar.TABLE)
    return made


def break_files(store: Store) -> None:
    """Leave of palettes and recommendations their logs alone."""
    for table in (palettes.TABLE, similar.TABLE):
        for path in store.snapshot(table).files:
            store.objects.put(f"{table.name}/{path}", b"")


def test_a_quiet_night_reads_logs_alone(wardrobe: Wardrobe) -> None:
    assert step(wardrobe.store, recall_checks.TABLE).new == 1
    before = held(wardrobe.store, recall_checks.TABLE)
    break_files(wardrobe.store)
    again = step(wardrobe.store, recall_checks.TABLE)
    assert (again.rows_in, again.unchanged, again.new) == (1, 1, 0)
    assert held(wardrobe.store, recall_checks.TABLE) == before


def test_what_would_be_read_is_broken(wardrobe: Wardrobe) -> None:
    break_files(wardrobe.store)
    with pytest.raises((OSError, pa.ArrowInvalid)):
        step(wardrobe.store, recall_checks.TABLE)


def test_a_changed_input_is_checked_anew(wardrobe: Wardrobe) -> None:
    step(wardrobe.store, recall_checks.TABLE)
    wardrobe.drop(image(1))
    assert step(wardrobe.store, recall_checks.TABLE).rows_in == 0  # until the recommendations follow
    step(wardrobe.store, similar.TABLE)
    assert step(wardrobe.store, recall_checks.TABLE).new == 1
    assert [row["source_count"] for row in held(wardrobe.store, recall_checks.TABLE)] == [29]


def pieces_of_one_kind(count: int) -> Pieces:
    colours = np.random.default_rng(count).integers(0, 8, (count, 5, 3)).astype(np.uint8)
    counts, dominant = np.full(count, 5, np.int8), np.zeros(count, np.int8)
    seen = Palettes(colours, counts, np.full((count, 5), 0.2, np.float32), dominant)
    said = Attributes(
        np.ones(count, np.uint64), np.zeros(count, np.int32), np.zeros(count, np.uint64), (frozenset[str](),)
    )
    ids = pa.array([f"{number:064x}" for number in range(count)])
    alone = Excluded(np.zeros(count + 1, np.int64), np.empty(0, np.int32))
    return Pieces(ids, seen, said, np.ones(count, np.bool_), alone)


CHECK = recall_checks.Check(similar.TABLE, similar.rule_of(similar.SimilarParams()), recall_checks.by_matching_colours)


@pytest.mark.parametrize("score", [recall_checks.by_swatches, recall_checks.by_matching_colours])
def test_the_best_of_a_large_block_are_those_of_all_at_once(score: recall_checks.Score) -> None:
    held = pieces_of_one_kind(10_000)  # many of which are as near as others
    others = np.delete(np.arange(10_000), 17)
    scores = score(held, 17, others)
    expected = others[np.lexsort((others, scores))[:10]].tolist()
    check = replace(CHECK, score=score)
    assert check.best(held, check.rule(blocks.kinds(held.attributes)), 17) == expected


def test_memory_does_not_grow_with_the_block() -> None:
    peaks = []
    for count in (5_000, 25_000):
        held = pieces_of_one_kind(count)
        rule = CHECK.rule(blocks.kinds(held.attributes))
        tracemalloc.start()
        CHECK.best(held, rule, 0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
