"""The pointer: rolling back, and that it holds."""

from __future__ import annotations

import json

import pytest
from tiny_lake import Night, add_product

import warehouse
from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import Objects
from warehouse.pointer import Move, Pointer, current
from warehouse.release import list_releases, rollback


def shown(night: Night) -> int:
    with warehouse.connect(releases=night.uri) as connection:
        rows: list[tuple[int]] = connection.execute("SELECT count(*) FROM products").fetchall()
        return rows[0][0]


def test_a_rollback_holds_until_there_is_news(later: Night) -> None:
    first = current(later.releases).release
    add_product(later.store, 3)
    later.release()
    assert shown(later) == 3
    assert rollback(later.releases) == first
    assert shown(later) == 2
    before = later.files()
    later.release()  # a quiet night
    assert later.files() == before
    assert shown(later) == 2
    add_product(later.store, 4)
    later.release()
    assert shown(later) == 4
    moves = json.loads(later.releases.get("current.json"))["history"]
    assert [move["action"] for move in moves] == ["publish", "publish", "rollback", "publish"]


def test_a_rollback_to_a_name(later: Night) -> None:
    first = str(current(later.releases).release)
    add_product(later.store, 3)
    second = later.release().release
    assert rollback(later.releases, first) == first
    assert rollback(later.releases, second) == second
    assert shown(later) == 3
    before = later.files()
    assert rollback(later.releases, second) == second  # already there
    assert later.files() == before


def test_there_may_be_nothing_to_go_back_to(later: Night) -> None:
    with pytest.raises(CannotRun, match="no earlier release"):
        rollback(later.releases)


def test_an_unknown_release_is_answered_with_those_there_are(later: Night) -> None:
    first = str(current(later.releases).release)
    with pytest.raises(CannotRun, match=rf"no release 'beef' at .* There are: {first}\."):
        rollback(later.releases, "beef")


def test_the_list_says_which_one_readers_see(later: Night) -> None:
    add_product(later.store, 3)
    second = later.release()
    rollback(later.releases)
    newest, oldest = (listed.summary() for listed in list_releases(later.releases))
    assert newest["release"] == second.release
    assert (newest["is_current"], oldest["is_current"]) == (False, True)
    assert newest["is_published"]


def test_the_list_of_nothing_is_empty(night: Night) -> None:
    assert list_releases(night.releases) == []
    assert current(night.releases) == Pointer()


@pytest.mark.parametrize(
    ("trail", "earlier"),
    [
        ("A", None),
        ("AB", "A"),
        ("ABC", "B"),
        ("ABA", None),  # rolled back to the first
        ("ABAC", "A"),  # B was condemned by a person: C is not undone into B
        ("ABCB", "A"),
        ("ABCBC", "B"),
    ],
)
def test_earlier_is_what_readers_had_before(trail: str, earlier: str | None) -> None:
    pointer = Pointer(trail[-1], tuple(Move(name, "", "", "") for name in trail))
    assert pointer.earlier == earlier


def test_a_lost_race_for_the_pointer_is_run_again(later: Night) -> None:
    class Contested(Objects):
        """Another writer comes first, twice."""

        lost = 0

        def swap(self, path: str, old: bytes | None, new: bytes) -> bool:
            if Contested.lost < 2:
                Contested.lost += 1
                return False
            return super().swap(path, old, new)

    add_product(later.store, 3)
    made = later.release(releases=Contested(later.uri))
    assert Contested.lost == 2
    assert current(later.releases).release == made.release
