"""Rejects stand as long as the defect does: opened once, closed when mended, opened again, and never doubled."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.lake.contract import conform
from pipelines.lake.errors import ContractBroken
from pipelines.lake.recipe import Run
from pipelines.lake.rejects import TABLE, Reject, record, standing
from pipelines.lake.store import Store

ONE, TWO = Reject("1", "broken", "It is broken."), Reject("2", "broken", "It is broken too.")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lake"))


def rows(store: Store) -> dict[tuple[str, str, str], dict[str, object]]:
    held = conform(TABLE, store.snapshot(TABLE).read()).to_pylist()
    return {(row["source"], row["key"], row["reason"]): row for row in held}


def test_a_reject_keeps_its_first_run_and_a_repeat_commits_nothing(store: Store) -> None:
    record(store, Run("r1"), "fashion", [ONE])
    version = store.snapshot(TABLE).version
    record(store, Run("r2"), "fashion", [ONE])
    assert store.snapshot(TABLE).version == version
    row = rows(store)["fashion", "1", "broken"]
    assert (row["first_run_id"], row["last_run_id"], row["is_open"]) == ("r1", "r1", True)


def test_nothing_found_in_an_empty_table_commits_nothing(store: Store) -> None:
    record(store, Run(), "fashion", [])
    assert store.snapshot(TABLE).version == -1
    assert standing(store, "fashion") == []


def test_a_mended_defect_is_closed_and_may_come_back(store: Store) -> None:
    record(store, Run("r1"), "fashion", [ONE, TWO])
    record(store, Run("r2"), "fashion", [TWO])
    row = rows(store)["fashion", "1", "broken"]
    assert (row["is_open"], row["first_run_id"], row["last_run_id"]) == (False, "r1", "r2")
    assert standing(store, "fashion") == [TWO]
    version = store.snapshot(TABLE).version
    record(store, Run("r3"), "fashion", [TWO])
    assert store.snapshot(TABLE).version == version
    record(store, Run("r4"), "fashion", [ONE, TWO])
    row = rows(store)["fashion", "1", "broken"]
    assert (row["is_open"], row["first_run_id"], row["last_run_id"]) == (True, "r1", "r4")
    assert len(rows(store)) == 2


def test_another_sentence_changes_the_row_and_keeps_its_first_run(store: Store) -> None:
    record(store, Run("r1"), "fashion", [ONE])
    record(store, Run("r2"), "fashion", [Reject("1", "broken", "It is broken in two.")])
    row = rows(store)["fashion", "1", "broken"]
    assert (row["detail"], row["first_run_id"], row["last_run_id"]) == ("It is broken in two.", "r1", "r2")


def test_another_reason_closes_the_first(store: Store) -> None:
    record(store, Run(), "fashion", [ONE])
    record(store, Run(), "fashion", [Reject("1", "too_dull", "It is dull.")])
    assert {key[2]: row["is_open"] for key, row in rows(store).items()} == {"broken": False, "too_dull": True}


def test_of_two_with_one_key_and_reason_the_first_counts(store: Store) -> None:
    record(store, Run(), "fashion", [ONE, Reject("1", "broken", "Later.")])
    assert standing(store, "fashion") == [ONE]


def test_sources_do_not_touch_each_other(store: Store) -> None:
    record(store, Run(), "fashion", [ONE])
    record(store, Run(), "sample", [TWO])
    record(store, Run(), "sample", [])
    assert standing(store, "fashion") == [ONE]
    assert standing(store, "sample") == []


def test_only_rejects_of_the_same_recipe_stand_and_others_are_closed_by_the_next(store: Store) -> None:
    record(store, Run(), "palettes", [ONE], "aa")
    assert standing(store, "palettes", "aa") == [ONE]
    assert standing(store, "palettes", "bb") == standing(store, "palettes") == []
    record(store, Run(), "palettes", [TWO], "bb")
    assert {key[1]: row["is_open"] for key, row in rows(store).items()} == {"1": False, "2": True}
    record(store, Run(), "palettes", [ONE], "bb")
    assert standing(store, "palettes", "bb") == [ONE]


@pytest.mark.parametrize("reason", ["Not A Code", "", "broken!", "a-b"])
def test_a_reason_is_a_short_code(store: Store, reason: str) -> None:
    with pytest.raises(ContractBroken, match="rejects, reason"):
        record(store, Run(), "fashion", [Reject("1", reason, "Why.")])


NIGHTS = st.lists(st.sets(st.integers(0, 4)), min_size=1, max_size=5)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights=NIGHTS)
def test_what_stands_is_what_the_last_night_found(
    tmp_path_factory: pytest.TempPathFactory, nights: list[set[int]]
) -> None:
    store = Store(str(tmp_path_factory.mktemp("nights") / "lake"))
    met: dict[int, str] = {}
    for number, found in enumerate(nights):
        record(store, Run(f"r{number}"), "s", [Reject(str(key), "broken", "Why.") for key in sorted(found)])
        met |= dict.fromkeys(found - met.keys(), f"r{number}")
        assert {int(reject.key) for reject in standing(store, "s")} == found
        assert {int(key[1]): row["first_run_id"] for key, row in rows(store).items()} == met
