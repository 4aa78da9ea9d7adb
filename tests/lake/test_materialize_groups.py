"""Groups of rows: sets replaced whole, the newest of them, rows that are taken out, files that come together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.lake.contract import conform
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.materialize import Keys, Staged, name_of, publish, remove, stage, upsert
from pipelines.lake.recipe import Run, recipe
from pipelines.lake.store import Change, DataFile, Store
from pipelines.lake.table import Column, Table

LABELS = Table(
    name="labels",
    description="What people call things.",
    grain=("thing", "label"),
    columns=(
        Column("thing", pa.string(), "Which."),
        Column("label", pa.string(), "What it is called.", nullable=False),
        Column("said_at", pa.int64(), "When."),
        Column("note", pa.string(), "More.", nullable=True),
        Column("made_by", pa.string(), "By which run.", nullable=True, provenance=True),
        Column("blob", pa.binary(), "Bytes.", nullable=True, blob=True),
    ),
)
Row = tuple[str, str, int]


def labels(*rows: Row, **more: Any) -> pa.Table:
    full = [
        {"thing": a, "label": b, "said_at": at, "note": None, "made_by": "r", "blob": b"x"} | more for a, b, at in rows
    ]
    return conform(LABELS, pa.Table.from_pylist(full, LABELS.schema))


def held(store: Store) -> set[Row]:
    rows = store.snapshot(LABELS).read().to_pylist()
    found = [(row["thing"], row["label"], row["said_at"]) for row in rows]
    assert len(found) == len(set(found)), "a row is doubled"
    return set(found)


def put(store: Store, *rows: Row) -> tuple[int, int, int, int]:
    """Bring rows in as sets of which the newest counts; return new, changed, gone, unchanged."""
    came = upsert(store, Run(), LABELS, labels(*rows), within=("thing",), newest=("said_at",))
    return came.new.num_rows, came.changed.num_rows, came.gone.num_rows, came.unchanged


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lake"))


def test_a_set_replaces_the_one_held_and_leaves_others(store: Store) -> None:
    assert put(store, ("a", "red", 1), ("a", "blue", 1), ("b", "red", 1)) == (3, 0, 0, 0)
    assert put(store, ("a", "red", 2), ("a", "green", 2)) == (1, 1, 1, 0)
    assert held(store) == {("a", "red", 2), ("a", "green", 2), ("b", "red", 1)}


def test_an_older_set_changes_nothing_and_counts_as_unchanged(store: Store) -> None:
    put(store, ("a", "red", 5), ("b", "red", 1))
    version = store.snapshot(LABELS).version
    assert put(store, ("a", "blue", 4), ("a", "green", 4)) == (0, 0, 0, 2)
    assert store.snapshot(LABELS).version == version
    assert put(store, ("a", "blue", 4), ("b", "blue", 2)) == (1, 0, 1, 1)
    assert held(store) == {("a", "red", 5), ("b", "blue", 2)}


def test_a_set_of_the_same_moment_replaces(store: Store) -> None:
    put(store, ("a", "red", 5))
    assert put(store, ("a", "blue", 5)) == (1, 0, 1, 0)
    assert put(store, ("a", "blue", 5)) == (0, 0, 0, 1)


def test_the_order_of_times_goes_by_several_columns(store: Store) -> None:
    def say(label: str, at: int, note: str) -> int:
        rows = labels(("a", label, at), note=note)
        return upsert(store, Run(), LABELS, rows, within=("thing",), newest=("said_at", "note")).unchanged

    assert [say("x", 1, "b"), say("y", 1, "a"), say("z", 1, "c"), say("u", 0, "z")] == [0, 1, 0, 1]
    assert held(store) == {("a", "z", 1)}


def test_within_without_newest_takes_what_comes(store: Store) -> None:
    upsert(store, Run(), LABELS, labels(("a", "red", 5), ("a", "blue", 5)), within=("thing",))
    upsert(store, Run(), LABELS, labels(("a", "green", 1)), within=("thing",))
    assert held(store) == {("a", "green", 1)}


def test_newest_without_within_goes_by_the_grain(store: Store) -> None:
    upsert(store, Run(), LABELS, labels(("a", "red", 5)), newest=("said_at",))
    upsert(store, Run(), LABELS, labels(("a", "red", 4), ("a", "blue", 4)), newest=("said_at",))
    assert held(store) == {("a", "red", 5), ("a", "blue", 4)}


def test_no_text_passes_for_two_columns(store: Store) -> None:
    upsert(store, Run(), LABELS, labels(("a", "1:b", 1), ("a,1:b", "c", 1)), within=("thing",))
    upsert(store, Run(), LABELS, labels(("a", "x", 2)), within=("thing",))
    assert held(store) == {("a", "x", 2), ("a,1:b", "c", 1)}


def test_two_rows_of_one_grain_are_refused_before_anything_is_written(store: Store) -> None:
    rows = pa.concat_tables([labels(("a", "red", 1)), labels(("a", "red", 2))])
    with pytest.raises(ContractBroken, match="two rows share thing='a'"):
        upsert(store, Run(), LABELS, rows, within=("thing",), newest=("said_at",))
    assert held(store) == set()


moments = st.integers(0, 3)
words = st.lists(st.sampled_from(["red", "blue", "green"]), min_size=1, max_size=2, unique=True)
sets = st.tuples(st.sampled_from(["a", "b"]), words)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(sets, min_size=1, max_size=6), st.data())
def test_sets_of_different_times_end_the_same_in_any_order(
    said: list[tuple[str, list[str]]], data: st.DataObject
) -> None:
    timed = [[(thing, word, at) for word in found] for at, (thing, found) in enumerate(said)]
    latest = {thing: at for at, (thing, _) in enumerate(said)}
    expected = {row for rows in timed for row in rows if row[2] == latest[row[0]]}
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        store = Store(folder)
        for rows in data.draw(st.permutations(timed)):
            put(store, *rows)
        assert held(store) == expected


def test_racing_sets_leave_the_newest(store: Store) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda at: put(store, ("a", f"w{at}", at), ("a", "same", at)), range(12)))
    assert held(store) == {("a", "w11", 11), ("a", "same", 11)}


def even(rows: pa.Table) -> pa.ChunkedArray:
    return pc.equal(pc.bit_wise_and(rows["said_at"], 1), 0)


def test_rows_are_taken_out_and_the_files_of_others_left_alone(store: Store) -> None:
    upsert(store, Run(), LABELS, labels(("a", "x", 1), ("a", "y", 3)))
    upsert(store, Run(), LABELS, labels(("b", "x", 1), ("b", "y", 2)))
    upsert(store, Run(), LABELS, labels(("c", "x", 2), ("c", "y", 4)))
    before = store.snapshot(LABELS).files
    assert remove(store, Run(), LABELS, even) == 3
    assert held(store) == {("a", "x", 1), ("a", "y", 3), ("b", "x", 1)}
    after = store.snapshot(LABELS).files
    assert len(before.keys() & after.keys()) == 1
    assert sorted(after.values()) == [1, 2], "a file of which nothing stays is no file of no rows"
    assert {path.partition("/")[0] for path in after} == {recipe(LABELS)}
    assert store.snapshot(LABELS).read()["blob"].to_pylist() == [b"x"] * 3


def test_taking_out_nothing_commits_nothing(store: Store) -> None:
    assert remove(store, Run(), LABELS, even) == 0
    assert store.snapshot(LABELS).version == -1
    upsert(store, Run(), LABELS, labels(("a", "x", 1)))
    version = store.snapshot(LABELS).version
    assert remove(store, Run(), LABELS, even) == 0
    assert store.snapshot(LABELS).version == version


def test_all_rows_may_go_and_come_back(store: Store) -> None:
    for _ in range(3):
        upsert(store, Run(), LABELS, labels(("a", "x", 2)))
        assert remove(store, Run(), LABELS, even) == 1
        assert held(store) == set()


def test_a_removal_that_races_with_writers_loses_none_of_their_rows(store: Store) -> None:
    upsert(store, Run(), LABELS, labels(*(("a", f"w{at}", at) for at in range(20))))

    def act(number: int) -> None:
        if number % 3 == 0:
            remove(store, Run(), LABELS, even)
        else:
            upsert(store, Run(), LABELS, labels((f"t{number}", "x", 2 * number + 1)))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(act, range(12)))
    odd = {("a", f"w{at}", at) for at in range(1, 20, 2)}
    assert held(store) == odd | {(f"t{number}", "x", 2 * number + 1) for number in range(12) if number % 3}


def test_old_rows_keep_the_folder_of_the_recipe_that_made_them(store: Store) -> None:
    """Or a row made by an old recipe would pass for one of the new, and never be made anew."""
    old = store.write(LABELS, "0123456789abcdef/old.parquet", labels(("a", "x", 1), ("a", "y", 2)))
    store.change(LABELS, Run(), lambda _: Change([old]))
    remove(store, Run(), LABELS, even)
    assert [path.partition("/")[0] for path in store.snapshot(LABELS).files] == ["0123456789abcdef"]


def staged(store: Store, *things: str) -> Staged:
    rows = labels(*((thing, "x", 1) for thing in things))
    return stage(store, LABELS, rows, name_of(things)), list(things)


def test_several_files_come_in_one_commit(store: Store) -> None:
    publish(store, Run(), [staged(store, "z")], Keys(LABELS))
    version, keys = store.snapshot(LABELS).version, Keys(LABELS)
    assert publish(store, Run(), [staged(store, "a", "b"), staged(store, "c")], keys) == {"a", "b", "c"}
    assert store.snapshot(LABELS).version == version + 1
    assert keys.values == {"a", "b", "c", "z"}


def test_of_several_files_only_what_is_not_there_comes(store: Store) -> None:
    publish(store, Run(), [staged(store, "b", "c")], Keys(LABELS))
    files = [staged(store, "a", "b"), staged(store, "c"), staged(store, "d")]
    assert publish(store, Run(), files, Keys(LABELS)) == {"a", "d"}
    assert {thing for thing, _, _ in held(store)} == {"a", "b", "c", "d"}
    version = store.snapshot(LABELS).version
    assert publish(store, Run(), files, Keys(LABELS)) == set()
    assert store.snapshot(LABELS).version == version


def test_what_was_taken_out_may_be_published_again_by_the_same_keys(store: Store) -> None:
    keys = Keys(LABELS)
    publish(store, Run(), [staged(store, "a", "b")], keys)
    remove(store, Run(), LABELS, lambda rows: pc.equal(rows["thing"], "a"))
    assert publish(store, Run(), [staged(store, "a")], keys) == {"a"}
    assert {thing for thing, _, _ in held(store)} == {"a", "b"}


def test_racing_publishers_bring_each_row_in_once(store: Store) -> None:
    groups = [[f"t{number}" for number in range(start, start + 6)] for start in range(0, 12, 2)]

    def act(group: list[str]) -> set[str]:
        return publish(store, Run(), [staged(store, *group[:3]), staged(store, *group[3:])], Keys(LABELS))

    with ThreadPoolExecutor(6) as pool:
        came = list(pool.map(act, groups))
    things = {thing for group in groups for thing in group}
    assert {thing for thing, _, _ in held(store)} == things
    assert sum(map(len, came)) == len(things), "each is said to have come in by one of them"


def test_files_beside_those_of_another_recipe_are_refused(store: Store) -> None:
    other: DataFile = store.write(LABELS, "0123456789abcdef/x.parquet", labels(("z", "x", 1)))
    store.change(LABELS, Run(), lambda _: Change([other]))
    with pytest.raises(CannotRun, match="another recipe"):
        publish(store, Run(), [staged(store, "a")], Keys(LABELS, folder=f"{recipe(LABELS)}/"))
