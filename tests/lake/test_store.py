"""The store: exactly-once changes, pins, history, vacuum, on a local folder and on S3 over a socket."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.transaction import AddAction

from pipelines.lake.contract import conform
from pipelines.lake.errors import CannotRun
from pipelines.lake.materialize import Keys, name_of, path_of, publish, stage, upsert
from pipelines.lake.recipe import Run
from pipelines.lake.rows import digest
from pipelines.lake.store import Change, Snapshot, Store
from pipelines.lake.table import Column, Table

THINGS = Table(
    name="things",
    description="Things.",
    grain=("id",),
    columns=(
        Column("id", pa.string(), "Which."),
        Column("size", pa.int32(), "How big.", nullable=True, bounds=(0, 100)),
        Column("made_by", pa.string(), "Which run.", nullable=True, provenance=True),
    ),
)


def things(**sizes: int | None) -> pa.Table:
    rows = [{"id": name, "size": size, "made_by": "r"} for name, size in sizes.items()]
    return conform(THINGS, pa.Table.from_pylist(rows, THINGS.schema))


def held(store: Store) -> dict[str, int]:
    rows = store.snapshot(THINGS).read().to_pylist()
    assert len(rows) == len({row["id"] for row in rows}), "a row is doubled"
    return {row["id"]: row["size"] for row in rows}


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "local":
        return Store(str(tmp_path / "lake"))
    return Store(f"{request.getfixturevalue('bucket')}/lake")


def test_an_absent_table_is_empty(store: Store) -> None:
    assert store.snapshot(THINGS).version == -1
    assert store.snapshot(THINGS).read().schema == THINGS.schema
    assert store.history(THINGS) == []


def test_upsert_adds_replaces_and_leaves_alone(store: Store) -> None:
    run = Run()
    assert upsert(store, run, THINGS, things(a=1, b=2, c=3)).new.num_rows == 3
    came = upsert(store, run, THINGS, things(a=1, b=20, d=4))
    assert (came.new.num_rows, came.changed.num_rows, came.unchanged) == (1, 1, 1)
    assert held(store) == {"a": 1, "b": 20, "c": 3, "d": 4}


def test_a_repeated_upsert_commits_nothing(store: Store) -> None:
    upsert(store, Run(), THINGS, things(a=1))
    version = store.snapshot(THINGS).version
    upsert(store, Run(), THINGS, things(a=1))
    assert store.snapshot(THINGS).version == version


def test_a_value_may_come_back(store: Store) -> None:
    """1 → 2 → 1: the third change has the content of the first, and must not be taken for its replay."""
    for size in (1, 2, 1):
        upsert(store, Run(), THINGS, things(a=size))
    assert held(store) == {"a": 1}


def test_provenance_alone_is_no_change(store: Store) -> None:
    upsert(store, Run(), THINGS, things(a=1))
    other = things(a=1).set_column(2, THINGS.schema.field("made_by"), pa.array(["another"]))
    assert upsert(store, Run(), THINGS, other).unchanged == 1


def test_publish_drops_what_another_writer_committed_meanwhile(store: Store) -> None:
    run = Run()
    ids = ["a", "b"]
    publish(store, run, [(stage(store, THINGS, things(a=1, b=2), name_of(ids)), ids)], Keys(THINGS))
    publish(store, run, [(stage(store, THINGS, things(b=2, c=3), name_of(["b", "c"])), ["b", "c"])], Keys(THINGS))
    assert held(store) == {"a": 1, "b": 2, "c": 3}


def test_racing_upserts_neither_lose_nor_double(store: Store) -> None:
    def write(i: int) -> None:
        upsert(store, Run(), THINGS, things(**{"shared": 7, f"own{i}": i}))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(12)))
    assert held(store) == {"shared": 7} | {f"own{i}": i for i in range(12)}


def test_a_naive_append_doubles_rows_in_the_same_race(tmp_path: Path) -> None:
    """The control: replaying a Delta transaction from a fresh table object is accepted, which is why plans exist."""
    store = Store(str(tmp_path / "lake"))
    upsert(store, Run(), THINGS, things(z=0))
    file = stage(store, THINGS, things(a=1), "naive")
    copy = stage(store, THINGS, things(a=1), "naive-again")
    for data in (file, copy):
        delta = DeltaTable(store.folder(THINGS).uri)
        add = AddAction(data.path, data.size, {}, 0, True, '{"numRecords": 1}')
        properties = CommitProperties(app_transactions=[Transaction("naive", 1)])
        delta.create_write_transaction([add], "append", delta.schema(), commit_properties=properties)
    rows = store.snapshot(THINGS).read()["id"].to_pylist()
    assert rows.count("a") == 2


def test_a_plan_is_made_again_when_another_writer_came_first(store: Store) -> None:
    upsert(store, Run(), THINGS, things(a=1))
    seen: list[int] = []

    def plan(snapshot: Snapshot) -> Change:
        seen.append(snapshot.version)
        if len(seen) == 1:  # another writer, between our look and our commit
            upsert(store, Run(), THINGS, things(b=2))
        return Change([stage(store, THINGS, things(c=3), "c")])

    store.change(THINGS, Run(), plan)
    assert len(seen) == 2
    assert seen[1] > seen[0]
    assert held(store) == {"a": 1, "b": 2, "c": 3}


def test_a_pin_is_written_once_per_run(store: Store) -> None:
    run = Run("night-1")
    upsert(store, run, THINGS, things(a=1))
    first = store.pin(run, THINGS, "reader")
    upsert(store, run, THINGS, things(b=1))
    assert store.pin(run, THINGS, "reader") == first
    assert store.pin(Run("night-2"), THINGS, "reader") > first
    assert store.snapshot(THINGS, first).read()["id"].to_pylist() == ["a"]


def test_a_table_pinned_before_its_first_row_stays_empty(store: Store) -> None:
    run = Run("early")
    assert store.pin(run, THINGS, "reader") == -1
    upsert(store, run, THINGS, things(a=1))
    assert store.snapshot(THINGS, store.pin(run, THINGS, "reader")).read().num_rows == 0


def test_the_commit_names_the_run(store: Store) -> None:
    upsert(store, Run("named"), THINGS, things(a=1))
    assert store.history(THINGS)[0]["run_id"] == "named"


def test_vacuum_removes_orphans_and_keeps_what_is_pinned(store: Store) -> None:
    upsert(store, Run(), THINGS, things(a=1))
    kept = store.snapshot(THINGS).version
    upsert(store, Run(), THINGS, things(a=2))
    upsert(store, Run(), THINGS, things(a=3))
    orphan = stage(store, THINGS, things(q=1), "orphan")
    gone = store.vacuum(THINGS, keep_hours=0, keep_versions=[kept])
    assert any(orphan.path in path for path in gone)
    assert store.snapshot(THINGS, kept).read()["size"].to_pylist() == [1]
    assert held(store) == {"a": 3}


def test_a_staged_file_is_never_overwritten(store: Store) -> None:
    first = stage(store, THINGS, things(a=1), "same", {"note": 1})
    assert stage(store, THINGS, things(a=1, b=2), "same", {"note": 1}) == first
    assert stage(store, THINGS, things(a=1, b=2), "same", {"note": 2}).path != first.path  # it says something else


def test_other_columns_in_the_lake_are_refused_with_a_sentence(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "lake"))
    upsert(store, Run(), THINGS, things(a=1))
    other = Table("things", "Things.", ("id",), (Column("id", pa.string(), "Which."), Column("w", pa.int8(), "W.")))
    with pytest.raises(CannotRun, match="other columns"):
        upsert(store, Run(), other, pa.table({"id": ["b"], "w": pa.array([1], pa.int8())}))


def test_the_digest_sees_content_not_order_files_or_provenance(store: Store) -> None:
    upsert(store, Run(), THINGS, things(a=1))
    upsert(store, Run(), THINGS, things(b=None))
    other = things(b=None, a=1).set_column(2, THINGS.schema.field("made_by"), pa.array(["x", "y"]))
    assert digest(THINGS, store.snapshot(THINGS).read()) == digest(THINGS, other)
    assert digest(THINGS, other) != digest(THINGS, things(a=1, b=2))


def test_an_address_the_delta_client_would_decode_is_refused() -> None:
    with pytest.raises(CannotRun, match="decodes a %"):
        Store("/tmp/q%20r/lake")


def test_what_is_left_of_a_file_keeps_its_notes(tmp_path: Path) -> None:
    """A run killed between writing the rest and committing it leaves a file that the next one reads notes from."""
    store = Store(str(tmp_path / "lake"))
    upsert(store, Run(), THINGS, things(a=1))
    ids = ["a", "b"]
    publish(store, Run(), [(stage(store, THINGS, things(a=1, b=2), name_of(ids), {"rejects": []}), ids)], Keys(THINGS))
    rest = store.staged(THINGS, path_of(THINGS, name_of(["b"])))
    assert rest is not None
    assert rest.notes == {"rejects": []}


def test_rows_of_another_recipe_are_not_mixed_in(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "lake"))
    ids = ["a"]
    file = stage(store, THINGS, things(a=1), name_of(ids))
    other = store.write(THINGS, "ffffffffffffffff/other.parquet", things(a=1))  # a newer version was faster
    store.change(THINGS, Run(), lambda _: Change([other]) if not store.snapshot(THINGS).files else None)
    with pytest.raises(CannotRun, match="another recipe"):
        publish(store, Run(), [(file, ids)], Keys(THINGS, folder=path_of(THINGS, "").split("/")[0] + "/"))
    assert held(store) == {"a": 1}


def test_a_run_that_begins_again_reads_anew(store: Store) -> None:
    run = Run("again")
    assert store.pin(run, THINGS, "reader") == -1
    upsert(store, run, THINGS, things(a=1))
    store.unpin(run)
    assert store.pin(run, THINGS, "reader") == store.snapshot(THINGS).version


def test_a_staged_file_that_cleaning_may_take_is_not_used(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "lake"))
    file = stage(store, THINGS, things(a=1), "old")
    assert store.staged(THINGS, file.path) == file
    days_ago = time.time() - 10 * 86_400
    held_before = (tmp_path / "lake" / "things" / file.path).read_bytes()
    os.utime(tmp_path / "lake" / "things" / file.path, (days_ago, days_ago))
    assert store.staged(THINGS, file.path) is None
    again = stage(store, THINGS, things(a=1), "old", {"other": "footer"})
    assert again.path != file.path
    assert (tmp_path / "lake" / "things" / file.path).read_bytes() == held_before
