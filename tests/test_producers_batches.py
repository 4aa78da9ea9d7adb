"""Tables made in batches, with companions and a coverage: nothing lost, nothing doubled, wherever a night is killed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipelines import imaging
from pipelines.executor import WorkerDied
from pipelines.ingest import image_sources, images, intake
from pipelines.ingest.columns import IMAGE_ID
from pipelines.ingest.image_sources import Terms
from pipelines.ingest.intake import Item
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.materialize import remove
from pipelines.lake.recipe import Run, recipe
from pipelines.lake.rejects import Reject
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal, Step
from pipelines.lake.store import Store
from pipelines.lake.table import Column, Table
from pipelines.palette import palettes
from pipelines.producers import Batch, Companion, Coverage, Encoded, PerBatch, bound, driver, materialize, worker
from tests.test_producers import ALL, EACH, IDS, SHARDS, Inline, counts, fill, open_rejects, picture


@dataclass(frozen=True)
class Model:
    """What is computed: a stand-in for a model that is known when the night begins."""

    version: int = 0


@dataclass
class Scorer:
    """A producer's function: sizes, two at a time, and for images it likes a second table's rows."""

    seen: list[str] = field(default_factory=list)
    rejected: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    fails: set[str] = field(default_factory=set)
    unliked: set[str] = field(default_factory=set)
    places: list[Any] = field(default_factory=list)

    def __call__(self, images: Iterable[Encoded], params: Model, place: Any) -> Iterator[Batch]:
        self.places.append(place)
        given = list(images)
        for first in range(0, len(given), 2):
            yield self._batch(given[first : first + 2], params)

    def _batch(self, given: list[Encoded], params: Model) -> Batch:
        ids = [image.image_id for image in given]
        self.seen += ids
        if self.fails & set(ids):
            raise ValueError("the model chokes")
        sizes = [imaging.decode(image.data, None, image.format).pixels.size for image in given]
        scores = pa.table({"image_id": ids, "score": pa.array(sizes), "version": [params.version] * len(ids)})
        liked = [image_id for image_id in ids if image_id not in self.unliked]
        vectors = pa.table(
            {"image_id": pa.array(liked, pa.string()), "vector": pa.array([[1.0]] * len(liked), pa.list_(pa.float32()))}
        )
        said = [image_id not in self.silent for image_id in ids]
        told = [Reject(image_id, "too_dull", "nothing to see.") for image_id in ids if image_id in self.rejected]
        return Batch({"scores": scores.filter(said), "vectors": vectors}, told)


VECTORS = Table(
    name="vectors",
    description="A vector of each image.",
    grain=("image_id",),
    inputs=(images.TABLE,),
    columns=(IMAGE_ID, Column("vector", pa.list_(pa.float32()), "The vector.")),
    produce=Companion(Model(), 1),
)


def scores(function: Callable[..., Any], **changes: Any) -> Table:
    return Table(
        name="scores",
        description="A score of each image.",
        grain=("image_id",),
        inputs=(images.TABLE, image_sources.TABLE),
        columns=(IMAGE_ID, Column("score", pa.int32(), "The score."), Column("version", pa.int32(), "Of the model.")),
        produce=PerBatch(function, **({"params": Model(), "version": 1, "companions": (VECTORS,)} | changes)),
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path / "lake"))
    fill(store)
    return store


def run(store: Store, table: Table, executor: Any = None, share: float = 0.5) -> Step:
    journal = Journal(store, Run())
    materialize(journal, table, executor or Inline(), share)
    return journal.steps[0]


def held(store: Store, table: Table) -> list[str]:
    ids: list[str] = store.snapshot(table).read()["image_id"].to_pylist()
    assert len(set(ids)) == len(ids), "a row is doubled"
    return sorted(ids)


def open_reasons(store: Store) -> dict[str, str]:
    return {key: row["reason"] for key, row in open_rejects(store).items()}


def digests(store: Store, table: Table) -> list[str]:
    return [digest(each, store.snapshot(each).read()) for each in (table, VECTORS)]


def test_one_pass_fills_a_table_and_its_companion(store: Store) -> None:
    scorer = Scorer()
    assert counts(run(store, scores(scorer))) == (ALL, ALL, 0, 0)
    assert held(store, scores(scorer)) == held(store, VECTORS) == sorted(IDS)
    assert counts(run(store, scores(scorer))) == (ALL, 0, ALL, 0)
    assert sorted(scorer.seen) == sorted(IDS)


def test_a_companion_by_itself_has_nothing_to_do(store: Store) -> None:
    journal = Journal(store, Run())
    materialize(journal, VECTORS, Inline(), 0.1)
    assert journal.steps == []


class Killed(Exception):
    pass


@pytest.mark.parametrize("commit", range(1, 2 * SHARDS + 1))
def test_killed_before_any_commit_the_next_night_loses_and_doubles_nothing(
    store: Store, tmp_path: Path, commit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer, publish, commits = Scorer(), driver.publish, 0

    def killed(*arguments: Any) -> Any:
        nonlocal commits
        commits += 1
        if commits == commit:
            raise Killed
        return publish(*arguments)

    monkeypatch.setattr(driver, "publish", killed)
    with pytest.raises(Killed):
        run(store, scores(scorer))
    missing = set(held(store, VECTORS)) - set(held(store, scores(scorer)))
    assert len(missing) == (EACH if commit % 2 == 0 else 0)  # between the two commits of a shard
    assert set(held(store, scores(scorer))) <= set(held(store, VECTORS))
    assert counts(run(store, scores(scorer)))[:2] == (ALL, ALL - (commit - 1) // 2 * EACH)
    assert sorted(scorer.seen) == sorted(IDS)  # what was staged is taken as it lay
    clean = Store(str(tmp_path / "clean"))
    fill(clean)
    run(clean, scores(Scorer()))
    assert digests(store, scores(scorer)) == digests(clean, scores(scorer))


@pytest.mark.parametrize("killed_at", [1, 2])
def test_a_replacement_killed_between_its_two_commits_is_finished_by_the_next_night(
    store: Store, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    run(store, scores(Scorer()))
    scorer, supersede, commits = Scorer(), driver.supersede, 0
    newer = bound(scores(scorer), Model(2), place="there")

    def killed(*arguments: Any) -> None:
        nonlocal commits
        commits += 1
        if commits == killed_at:
            raise Killed
        supersede(*arguments)

    monkeypatch.setattr(driver, "supersede", killed)
    with pytest.raises(Killed):
        run(store, newer)
    assert set(store.snapshot(newer).read()["version"].to_pylist()) == {0}
    run(store, newer)
    assert held(store, newer) == held(store, VECTORS) == sorted(IDS)
    assert set(store.snapshot(newer).read()["version"].to_pylist()) == {2}
    assert sorted(scorer.seen) == sorted(IDS)
    assert set(scorer.places) == {"there"}


def test_what_binds_a_table_is_in_its_recipe_and_its_place_is_not() -> None:
    table = scores(Scorer())
    assert recipe(bound(table, Model(), "here")) == recipe(bound(table, Model(), "there")) == recipe(table)
    newer = bound(table, Model(2), None)
    assert recipe(newer) != recipe(table)
    (companion,) = newer.produce.companions  # type: ignore[union-attr]
    assert recipe(companion) != recipe(VECTORS)
    changed = replace(VECTORS, produce=Companion(Model(), 2))
    assert recipe(scores(Scorer(), companions=(changed,))) != recipe(table)
    with pytest.raises(TypeError, match="vectors is not made in batches"):
        bound(VECTORS, Model(), None)


def test_rejects_cost_themselves_only_and_leave_no_row_anywhere(store: Store) -> None:
    rejected, silent, unliked = IDS[0], IDS[5], IDS[9]
    scorer = Scorer(rejected={rejected}, silent={silent}, unliked={unliked})
    assert counts(run(store, scores(scorer))) == (ALL, ALL - 2, 0, 2)
    assert open_reasons(store) == {rejected: "too_dull", silent: "no_rows"}
    assert held(store, scores(scorer)) == sorted(set(IDS) - {rejected, silent})
    assert held(store, VECTORS) == sorted(set(IDS) - {rejected, silent, unliked})
    assert counts(run(store, scores(scorer))) == (ALL, 0, ALL - 2, 2)
    assert len(scorer.seen) == ALL


def test_a_function_that_fails_on_one_image_costs_that_image_only(store: Store) -> None:
    scorer = Scorer(fails={IDS[6]})
    assert counts(run(store, scores(scorer))) == (ALL, ALL - 1, 0, 1)
    assert open_rejects(store)[IDS[6]]["detail"] == "scores could not be made: ValueError: the model chokes"
    assert held(store, scores(scorer)) == held(store, VECTORS) == sorted(set(IDS) - {IDS[6]})
    assert counts(run(store, scores(Scorer()))) == (ALL, 1, ALL - 1, 0)


@pytest.mark.parametrize("error", [CannotRun("no such model"), ContractBroken("no"), OSError("disk"), MemoryError()])
def test_what_is_no_fault_of_the_images_ends_the_run(store: Store, error: Exception) -> None:
    def failing(images: Iterable[Encoded], params: Model, place: None) -> Iterator[Batch]:
        yield from ()
        raise error

    with pytest.raises(type(error)):
        run(store, scores(failing))


def test_rows_or_rejects_of_other_images_are_a_fault(store: Store) -> None:
    other = "0" * 64

    def inventive(images: Iterable[Encoded], params: Model, place: Any) -> Iterator[Batch]:
        rows = pa.table({"image_id": [other], "score": [1], "version": [1]})
        yield Batch({"scores": rows}) if place else Batch({}, [Reject(other, "x", "y")])

    for place in (None, "rows"):
        with pytest.raises(ContractBroken, match="was not given"):
            run(store, bound(scores(inventive), Model(), place))


def test_a_shard_is_cut_by_place_and_only_its_row_groups_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "SHARD_IMAGES", 3)
    store = Store(str(tmp_path))
    fill(store, range(20), each=20)
    inline = Inline()
    assert counts(run(store, scores(Scorer()), inline))[:2] == (20, 20)
    assert inline.tasks == 7
    assert held(store, VECTORS) == sorted(IDS[:20])


@pytest.mark.parametrize(
    ("sizes", "start", "stop", "read"),
    [([5, 5, 5], 0, 5, [0]), ([5, 5, 5], 5, 10, [1]), ([5, 5, 5], 4, 6, [0, 1]), ([5, 5, 2], 11, 12, [2])],
)
def test_row_groups_of_a_place(sizes: list[int], start: int, stop: int, read: list[int]) -> None:
    sink = pa.BufferOutputStream()
    rows = pa.table({"n": range(sum(sizes))})
    with pq.ParquetWriter(sink, rows.schema) as writer:
        for i, size in enumerate(sizes):
            writer.write_table(rows.slice(sum(sizes[:i]), size))
    assert worker._row_groups(pq.ParquetFile(pa.BufferReader(sink.getvalue())), start, stop) == read


def met_at(store: Store, source: str, numbers: Iterable[int]) -> None:
    items = [Item(f"{source}/{i}.jpg", "1", lambda i=i: picture(i)) for i in numbers]  # type: ignore[misc]
    intake.ingest(Journal(store, Run()), source, Terms(allow_training=True), items)


@pytest.mark.parametrize(
    ("coverage", "covered"),
    [
        (Coverage(), range(8)),
        (Coverage(sources=("fashion",)), range(4)),
        (Coverage(sources=("fashion", "inbox")), range(6)),
        (Coverage(without=("cifar10",)), range(6)),  # 6 and 7 were met there only, 3 elsewhere too
        (Coverage(sources=("inbox", "cifar10"), without=("cifar10",)), range(4, 6)),
    ],
)
def test_a_table_is_made_of_the_images_its_coverage_names(tmp_path: Path, coverage: Coverage, covered: range) -> None:
    store = Store(str(tmp_path))
    met_at(store, "fashion", range(4))
    met_at(store, "inbox", range(4, 6))
    met_at(store, "cifar10", [3, 6, 7])
    ids = sorted(IDS[i] for i in covered)
    assert counts(run(store, scores(Scorer(), coverage=coverage)))[:2] == (len(ids), len(ids))
    assert held(store, scores(Scorer())) == ids


def test_images_that_are_covered_no_more_lose_their_rows_and_rejects(store: Store) -> None:
    table = scores(Scorer(rejected={IDS[1]}), coverage=Coverage(sources=("fashion",)))
    run(store, table)
    gone = set(IDS[:2])
    remove(store, Run(), image_sources.TABLE, lambda rows: pc.is_in(rows["image_id"], pa.array(sorted(gone))))
    assert counts(run(store, table)) == (ALL - 2, 0, ALL - 2, 0)
    assert held(store, table) == held(store, VECTORS) == sorted(set(IDS) - gone)
    assert open_rejects(store) == {}


def test_a_coverage_without_the_table_of_sources_is_a_fault_of_the_declaration(store: Store) -> None:
    table = replace(scores(Scorer(), coverage=Coverage(sources=("fashion",))), inputs=(images.TABLE,))
    with pytest.raises(TypeError, match="image_sources must be among its inputs"):
        run(store, table)


def test_the_usual_coverage_leaves_recipes_as_they_are() -> None:
    assert palettes.TABLE.produce
    assert palettes.TABLE.produce.fingerprint.keys() == {"params", "min_side"}
    covered = replace(palettes.TABLE.produce, coverage=Coverage(without=("cifar10",)))  # type: ignore[type-var]
    assert recipe(replace(palettes.TABLE, produce=covered)) != recipe(palettes.TABLE)


class Dying(Inline):
    """Its workers die of every task."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(WorkerDied())
        return future


@dataclass(frozen=True)
class Poison:
    ids: tuple[str, ...] = ()


def lethal(images: Iterable[Encoded], params: Poison, place: None) -> Iterator[Batch]:
    for image in images:
        if image.image_id in params.ids:
            os._exit(1)
        yield Batch({"scores": pa.table({"image_id": [image.image_id], "score": [1], "version": [1]})})


def test_a_task_its_workers_died_of_is_cut_until_the_image_at_fault_is_alone(tmp_path: Path) -> None:
    store, poison = Store(str(tmp_path)), (IDS[3],)
    fill(store, range(18), each=18)
    table = scores(lethal, params=Poison(poison), companions=())
    assert counts(run(store, table, Dying())) == (18, 17, 0, 1)
    assert open_reasons(store) == dict.fromkeys(poison, "kills_worker")
    assert held(store, table) == sorted(set(IDS[:18]) - set(poison))
    assert counts(run(store, table, Dying())) == (18, 0, 17, 1)  # it is not tried again every night
