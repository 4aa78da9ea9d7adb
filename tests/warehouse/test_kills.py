"""Publishing is atomic: killed anywhere, raced by others, read all the while."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from tiny_lake import Night, add_product, release_and_die

import warehouse
from pipelines.catalog import TABLES
from pipelines.lake.recipe import Run
from warehouse.pointer import current
from warehouse.release import list_releases

STEPS = {
    "while the report is uploaded": ("index.html", False),
    "after the build": (".duckdb", False),
    "after the upload": (".duckdb", True),
    "before the manifest": (".json", False),
    "after the manifest": (".json", True),
    "before the pointer": ("current.json", False),
    "after the pointer": ("current.json", True),
}


@pytest.fixture(scope="session")
def children() -> Iterator[multiprocessing.context.ForkServerContext]:
    """Processes that are quick to start: they are forked from one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["great_expectations.expectations", "pandas", "pipelines.audit", "warehouse.release"]
    )
    return context


def shown(night: Night) -> int:
    """Open what the pointer names, as a reader does, and require a whole release."""
    with warehouse.connect(releases=night.uri) as connection:
        held = dict(connection.execute("SELECT table_name, row_count FROM _pins").fetchall())
        for table in TABLES:
            assert len(connection.table(table.name)) == held[table.name]
        return int(held["products"])


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_publisher_leaves_a_whole_release_and_the_next_run_finishes(
    later: Night, children: multiprocessing.context.ForkServerContext, step: str
) -> None:
    add_product(later.store, 3)
    before = later.files()
    child = children.Process(target=release_and_die, args=(later, *STEPS[step]))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert shown(later) == (3 if step == "after the pointer" else 2)
    left = later.files()
    assert all(left[name] == data for name, data in before.items() if name != "current.json")

    later.release("next")
    assert shown(later) == 3
    after = later.files()
    kept = [name for name in left if name.endswith((".duckdb", ".json")) and name != "current.json"]
    assert all(after[name] == left[name] for name in kept), "a file was written twice"
    assert len(list_releases(later.releases)) == 2
    assert [move.action for move in current(later.releases).history] == ["publish", "publish"]


def test_a_torn_file_without_a_manifest_is_built_again(later: Night) -> None:
    add_product(later.store, 3)
    made = later.release()
    whole = later.files()
    later.releases.put("current.json", b'{"release": null, "history": []}')
    later.releases.delete(f"{made.release}.json")
    later.releases.put(f"{made.release}.duckdb", whole[f"{made.release}.duckdb"][:5000])
    later.release()
    assert shown(later) == 3


def test_two_publishers_of_the_same_rows_publish_once(later: Night) -> None:
    add_product(later.store, 3)
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(later.release, ("one", "two"))
    assert one == two
    assert shown(later) == 3
    assert [move.action for move in current(later.releases).history] == ["publish", "publish"]
    assert warehouse.connection.verify(later.releases) == []


def test_two_publishers_of_different_rows_end_with_the_newer(later: Night) -> None:
    for number, run in ((3, "older"), (4, "newer")):
        add_product(later.store, number)
        for table in TABLES:
            later.store.pin(Run(run), table, "release")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(later.release, ("newer", "older")))
    assert shown(later) == 4


def test_readers_are_never_blocked_and_see_only_whole_releases(later: Night) -> None:
    done, seen = Event(), []

    def read() -> None:
        while not done.is_set():
            seen.append(shown(later))

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        with warehouse.connect(releases=later.uri) as held:
            for number in (3, 4, 5):
                add_product(later.store, number)
                later.release()
            assert held.execute("SELECT count(*) FROM products").fetchall() == [(2,)]  # what it opened
        done.set()
        for reader in readers:
            reader.result()
    assert len(seen) > 20
    assert set(seen) <= {2, 3, 4, 5}
    assert shown(later) == 5
