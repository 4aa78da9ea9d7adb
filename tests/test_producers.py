"""Rows made of images: resumed after a kill, replaced whole, gated, and the same however they were made."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipelines.executor import open_executor
from pipelines.imaging import encode_jpeg
from pipelines.ingest import images, intake
from pipelines.ingest.columns import IMAGE_ID
from pipelines.ingest.image_sources import Terms
from pipelines.ingest.intake import Item
from pipelines.lake import rejects
from pipelines.lake.errors import CannotRun, ContractBroken, Rejected
from pipelines.lake.materialize import upsert
from pipelines.lake.objects import sha256
from pipelines.lake.recipe import Run
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal, Step
from pipelines.lake.store import Store
from pipelines.lake.table import Column, Table
from pipelines.palette import palettes
from pipelines.producers import Image, PerImage, Row, materialize

SHARDS, EACH = 7, 4


def picture(i: int) -> bytes:
    return encode_jpeg(np.random.default_rng(i).integers(0, 256, (12, 10, 3), dtype=np.uint8))


IDS = [sha256(picture(i)) for i in range(SHARDS * EACH)]


@dataclass(frozen=True)
class Scale:
    factor: int = 1


@dataclass
class Maker:
    """A producer's function that counts its calls, and fails as it is told."""

    fails: dict[str, Exception] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)

    def __call__(self, image: Image, params: Scale) -> Iterator[Row]:
        self.made[image.image_id] += 1
        for channel in range(3):
            if channel == 1 and image.image_id in self.fails:  # after a row was given already
                raise self.fails[image.image_id]
            mean = float(image.pixels[..., channel].mean()) * params.factor
            yield {"image_id": image.image_id, "channel": channel, "mean": mean}


def means(maker: Callable[..., Any], version: int = 1, params: Scale | None = None) -> Table:
    return Table(
        name="means",
        description="The mean of each channel.",
        grain=("image_id", "channel"),
        inputs=(images.TABLE,),
        columns=(
            IMAGE_ID,
            Column("channel", pa.int16(), "Which.", bounds=(0, 2)),
            Column("mean", pa.float64(), "Its mean.", bounds=(0, 255)),
        ),
        produce=PerImage(maker, params or Scale(), version),
    )


class Inline(Executor):
    """Runs each task as it is given; from the nth on the tasks are killed, as with the process they run in."""

    def __init__(self, killed_from: int | None = None) -> None:
        self.tasks, self.killed_from = 0, killed_from

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.tasks += 1
        future: Future[Any] = Future()
        if self.killed_from is not None and self.tasks >= self.killed_from:
            future.set_exception(CannotRun("killed"))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


def fill(store: Store, order: Sequence[int] = range(SHARDS * EACH), each: int = EACH) -> None:
    """Put pictures into the lake, `each` in one file."""
    for first in range(0, len(order), each):
        chosen = order[first : first + each]
        items = [Item(f"images/{i}.jpg", "1", lambda i=i: picture(i)) for i in chosen]
        intake.ingest(Journal(store, Run()), "fashion", Terms(allow_training=True), items)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path / "lake"))
    fill(store)
    return store


def run(store: Store, table: Table, executor: Executor | None = None, share: float = 0.1) -> Step:
    journal = Journal(store, Run())
    materialize(journal, table, executor or Inline(), share)
    journal.steps[0].balance()
    return journal.steps[0]


def counts(step: Step) -> tuple[int, int, int, int]:
    return step.rows_in, step.new, step.unchanged, step.rejected


def held(store: Store, table: Table) -> list[Row]:
    rows = store.snapshot(table).read().to_pylist()
    assert len({(row["image_id"], row["channel"]) for row in rows}) == len(rows), "a row is doubled"
    assert set(Counter(row["image_id"] for row in rows).values()) <= {3}, "an image has part of its rows"
    return rows


def made_of(store: Store, table: Table) -> set[str]:
    return {row["image_id"] for row in held(store, table)}


def open_rejects(store: Store) -> dict[str, Row]:
    return {row["key"]: row for row in store.snapshot(rejects.TABLE).read().to_pylist() if row["is_open"]}


ALL = SHARDS * EACH


def test_every_image_gets_its_rows_once_and_a_repeat_makes_and_commits_nothing(store: Store) -> None:
    maker = Maker()
    assert counts(run(store, means(maker))) == (ALL, ALL, 0, 0)
    assert made_of(store, means(maker)) == set(IDS)
    version = store.snapshot(means(maker)).version
    assert counts(run(store, means(maker))) == (ALL, 0, ALL, 0)
    assert store.snapshot(means(maker)).version == version
    assert set(maker.made.values()) == {1}


@pytest.mark.parametrize("killed_from", range(1, SHARDS + 1))
def test_a_killed_run_resumes_and_makes_nothing_twice(store: Store, tmp_path: Path, killed_from: int) -> None:
    maker = Maker()
    with pytest.raises(CannotRun, match="killed"):
        run(store, means(maker), Inline(killed_from))
    assert len(made_of(store, means(maker))) <= (killed_from - 1) * EACH
    run(store, means(maker))
    assert made_of(store, means(maker)) == set(IDS)
    assert set(maker.made.values()) == {1}  # finished shards were taken as they lay
    clean = Store(str(tmp_path / "clean"))
    fill(clean)
    run(clean, means(Maker()))
    assert digest(means(maker), store.snapshot(means(maker)).read()) == digest(
        means(maker), clean.snapshot(means(maker)).read()
    )


def test_of_many_shards_the_finished_ones_are_committed_before_the_kill(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "lake"))
    fill(store, range(24), each=1)
    with ThreadPoolExecutor(1) as pool:
        seen: list[int] = []
        journal = Journal(store, Run(), lambda step, done, total: seen.append(len(made_of(store, means(Maker())))))
        materialize(journal, means(Maker()), pool, 0.1)
    assert max(seen[:-1]) > 0  # readers saw rows while others were still to be made
    assert sorted(seen) == seen


def test_new_images_are_the_only_ones_made(store: Store) -> None:
    maker = Maker()
    run(store, means(maker))
    fill(store, range(ALL, ALL + 2))
    assert counts(run(store, means(maker))) == (ALL + 2, 2, ALL, 0)
    assert set(maker.made.values()) == {1}


def test_images_that_come_after_the_pin_wait_for_the_next_run(store: Store) -> None:
    first = Run()
    store.pin(first, images.TABLE, "means")
    fill(store, range(ALL, ALL + 2))
    journal = Journal(store, first)
    materialize(journal, means(Maker()), Inline(), 0.1)
    assert counts(journal.steps[0]) == (ALL, ALL, 0, 0)


def test_another_recipe_replaces_all_rows_in_one_commit(store: Store) -> None:
    one, two = means(Maker()), means(Maker(), version=2, params=Scale(0))
    run(store, one)
    before = store.snapshot(one).version, held(store, one)
    watched: list[bool] = []

    def unchanged(step: str, done: int, total: int | None) -> None:
        watched.append((store.snapshot(one).version, held(store, one)) == before)

    journal = Journal(store, Run(), unchanged)
    materialize(journal, two, Inline(), 0.1)
    assert watched == [True] * SHARDS
    assert store.snapshot(two).version == before[0] + 1
    assert {row["mean"] for row in held(store, two)} == {0.0}
    assert made_of(store, two) == set(IDS)
    assert counts(run(store, two)) == (ALL, 0, ALL, 0)


def test_the_old_rows_stay_until_a_killed_replacement_is_finished(store: Store) -> None:
    one, maker = means(Maker()), Maker()
    two = means(maker, version=2)
    run(store, one)
    before = store.snapshot(one).version
    for killed_from in (1, 3, SHARDS):
        with pytest.raises(CannotRun):
            run(store, two, Inline(killed_from))
        assert store.snapshot(two).version == before
    run(store, two)
    assert store.snapshot(two).version == before + 1
    assert set(maker.made.values()) == {1}


def test_a_replacement_that_mostly_fails_replaces_nothing(store: Store) -> None:
    one = means(Maker())
    run(store, one)
    before = store.snapshot(one).version, held(store, one)
    two = means(Maker({image_id: ValueError("broken") for image_id in IDS[:20]}), version=2)
    with pytest.raises(ContractBroken, match=f"means: 20 of {ALL} items are defects"):
        run(store, two)
    assert (store.snapshot(two).version, held(store, two)) == before
    assert open_rejects(store).keys() == set(IDS[:20])
    with pytest.raises(ContractBroken):  # and so the next night
        run(store, two)
    assert (store.snapshot(two).version, held(store, two)) == before
    run(store, two, share=1)  # unless that is said to be fine
    assert made_of(store, two) == set(IDS[20:])


def test_an_image_that_a_function_fails_on_costs_itself_only(store: Store) -> None:
    maker = Maker({IDS[5]: ZeroDivisionError("float division by zero")})
    table = means(maker)
    assert counts(run(store, table)) == (ALL, ALL - 1, 0, 1)
    assert made_of(store, table) == set(IDS) - {IDS[5]}
    reject = open_rejects(store)[IDS[5]]
    assert (reject["source"], reject["reason"]) == ("means", "producer_failed")
    assert reject["detail"] == "means could not be made: ZeroDivisionError: float division by zero"
    versions = store.snapshot(table).version, store.snapshot(rejects.TABLE).version
    assert counts(run(store, table)) == (ALL, 0, ALL - 1, 1)
    assert maker.made[IDS[5]] == 2  # the code failed, not the image: it may be mended by the next night
    assert (store.snapshot(table).version, store.snapshot(rejects.TABLE).version) == versions
    assert counts(run(store, means(Maker(), version=2))) == (ALL, ALL, 0, 0)
    assert open_rejects(store) == {}


def test_a_function_may_reject_an_image_with_its_own_reason(store: Store) -> None:
    run(store, means(Maker({IDS[0]: Rejected("too_dull", "the image has one colour only.")})))
    assert open_rejects(store)[IDS[0]]["reason"] == "too_dull"


def test_an_image_without_rows_is_a_reject_and_not_pending_for_ever(store: Store) -> None:
    def silent_on_the_first(image: Image, params: Scale) -> list[Row]:
        return [] if image.image_id == IDS[0] else list(Maker()(image, params))

    table = means(silent_on_the_first)
    assert counts(run(store, table)) == (ALL, ALL - 1, 0, 1)
    assert open_rejects(store)[IDS[0]]["reason"] == "no_rows"
    assert counts(run(store, table)) == (ALL, 0, ALL - 1, 1)


def test_bytes_that_cannot_be_decoded_are_a_reject(store: Store) -> None:
    row = {"image_id": "0" * 64, "format": "jpeg", "width_px": 1, "height_px": 1, "mode": "RGB", "byte_count": 3}
    upsert(store, Run(), images.TABLE, pa.Table.from_pylist([row | {"data": b"jpg"}], images.TABLE.schema))
    assert counts(run(store, means(Maker()))) == (ALL + 1, ALL, 0, 1)
    assert open_rejects(store)["0" * 64]["reason"] == "not_an_image"


def test_many_failures_trip_the_gate_and_what_is_good_is_kept(store: Store) -> None:
    table = means(Maker({image_id: ValueError("broken") for image_id in IDS[::2]}))
    with pytest.raises(ContractBroken, match=f"means: {ALL // 2} of {ALL} items are defects, more than the limit"):
        run(store, table)
    assert made_of(store, table) == set(IDS[1::2])
    assert open_rejects(store).keys() == set(IDS[::2])


@pytest.mark.parametrize("value", [-1.0, 256.0, float("nan"), None])
def test_a_row_that_breaks_the_contract_stops_the_run_before_its_shard_is_committed(store: Store, value: Any) -> None:
    def wrong(image: Image, params: Scale) -> list[Row]:
        return [row | {"mean": value} if image.image_id == IDS[0] else row for row in Maker()(image, params)]

    with pytest.raises(ContractBroken, match=r"table means, mean: .*Nothing of this batch was committed"):
        run(store, means(wrong))
    assert IDS[0] not in made_of(store, means(wrong))


def palette_digest(store: Store, executor: Executor) -> str:
    run(store, palettes.TABLE, executor)
    return digest(palettes.TABLE, store.snapshot(palettes.TABLE).read())


def test_rows_do_not_depend_on_workers_files_or_order(tmp_path: Path) -> None:
    shuffled = [int(i) for i in np.random.default_rng(0).permutation(ALL)]
    orders = [(range(ALL), 4), (range(ALL), 9), (shuffled, 4), (shuffled[::-1], ALL)]
    found = set()
    for place, (order, each) in enumerate(orders):
        store = Store(str(tmp_path / str(place)))
        fill(store, order, each)
        with ThreadPoolExecutor((1, 4)[place % 2]) as pool:
            found.add(palette_digest(store, pool))
    assert len(found) == 1


def test_rows_do_not_depend_on_what_else_is_in_the_lake(tmp_path: Path) -> None:
    alone, among = Store(str(tmp_path / "alone")), Store(str(tmp_path / "among"))
    fill(alone, [3])
    fill(among)
    run(alone, palettes.TABLE)
    run(among, palettes.TABLE)
    mine = alone.snapshot(palettes.TABLE).read().to_pylist()
    others = among.snapshot(palettes.TABLE).read().to_pylist()
    assert [row for row in others if row["image_id"] == IDS[3]] == mine


@pytest.mark.slow
def test_processes_make_the_same_rows_as_threads(tmp_path: Path) -> None:
    found = []
    for where in ("threads", "processes"):
        store = Store(str(tmp_path / where))
        fill(store)
        with open_executor(where) as executor:
            found.append(palette_digest(store, executor))
    assert found[0] == found[1]


@pytest.mark.parametrize("is_replacement", [False, True])
def test_two_runs_at_once_never_double_rows(tmp_path: Path, is_replacement: bool) -> None:
    for race in range(3):
        store = Store(str(tmp_path / str(race)))
        fill(store)
        table = means(Maker(), version=2)
        if is_replacement:
            run(store, means(Maker()))
        barrier = threading.Barrier(2)

        def start(store: Store = store, barrier: threading.Barrier = barrier, table: Table = table) -> None:
            barrier.wait()
            with ThreadPoolExecutor(2) as pool:
                run(store, table, pool)

        with ThreadPoolExecutor(2) as runs:
            for future in [runs.submit(start) for _ in range(2)]:
                future.result()
        assert made_of(store, table) == set(IDS)


@pytest.mark.parametrize("is_replacement", [False, True])
def test_a_run_that_is_overtaken_by_one_with_more_images_takes_nothing_away(store: Store, is_replacement: bool) -> None:
    """A whole other run, which knows newer images, comes in between the start and the commit of this one."""
    two = means(Maker(), version=2)
    if is_replacement:
        run(store, means(Maker()))

    class Overtaken(Inline):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            if not self.tasks:
                fill(store, range(ALL, ALL + 2))
                run(store, two)
            return super().submit(fn, *args, **kwargs)

    run(store, two, Overtaken())
    assert len(made_of(store, two)) == ALL + 2


def test_steps_must_balance_and_gates_count_shares() -> None:
    step = Step("things", rows_in=10, new=6, unchanged=1, rejected=2, duplicates=1)
    step.balance()
    for name in ("new", "unchanged", "rejected", "duplicates"):
        with pytest.raises(ContractBroken, match="things: 10 items went in but 11 are accounted for"):
            replace(step, **{name: getattr(step, name) + 1}).balance()
    step.gate(1, 0.1)
    step.gate(0, 0)
    with pytest.raises(ContractBroken, match="2 of 10 items are defects, more than the limit of 10%"):
        step.gate(2, 0.1)
    Step("nothing").gate(0, 0)
