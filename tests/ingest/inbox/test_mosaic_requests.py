"""Mosaics that are asked for: by whom, of which pictures, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from boxes import NOW, Box, Journal, Run, delete, label, manifest, mosaic, picture, sha, upload, vote
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_inbox_ledger import EXAMPLES, outcome, publish
from test_mosaic_options import FULL

from pipelines.ingest import sample
from pipelines.ingest.inbox import mosaic_requests
from pipelines.ingest.inbox.manifest import Defect, Statement, read
from pipelines.ingest.inbox.mosaic_requests import LIMIT, MosaicRequest, ask, requests, standing, told
from pipelines.lake.errors import ContractBroken

TABLE = mosaic_requests.TABLE


def shared(box: Box, *seeds: int, user: str = "ana") -> None:
    box.put("0-shared", *(upload(seed, user, visibility="shared") for seed in seeds))


def asked(box: Box) -> list[tuple[str | None, str]]:
    """Return who asks for mosaics of what, as they are to be made."""
    return sorted(((wish.user_id, wish.image_id) for wish in standing(box.store)), key=repr)


def only(line: Any) -> Statement | Defect:
    (found,) = read("a", manifest(line), NOW)
    return found


class TestLines:
    def test_all_options_may_be_said(self) -> None:
        found = only(mosaic(1, **FULL))
        assert isinstance(found, Statement)
        assert found.mosaic == MosaicRequest("ana", sha(1), told(FULL))
        assert found.is_wanted

    @pytest.mark.parametrize(
        ("more", "reason"),
        [
            ({"columns": 0}, "bad_columns"),
            ({"format": "gif"}, "bad_format"),
            ({"wanted": "no"}, "bad_wanted"),
            ({"image_id": "9f86"}, "bad_image_id"),
            ({"image_id": None}, "bad_image_id"),
            ({"user_id": None}, "bad_user_id"),
            ({"ts": "now"}, "bad_ts"),
            ({"file": "1.jpg", "sha256": sha(1)}, "bad_size"),
            ({"file": "1.jpg", "size": 3}, "bad_sha256"),
            ({"file": "../1.jpg", "size": 3, "sha256": sha(1)}, "unsafe_name"),
        ],
    )
    def test_what_is_refused_and_why(self, more: dict[str, Any], reason: str) -> None:
        found = only(mosaic(1) | more)
        assert isinstance(found, Defect)
        assert found.reason == reason
        assert found.detail.startswith("a, line 1: ")

    def test_a_null_is_what_is_not_said_and_what_is_not_known_is_not_looked_at(self) -> None:
        line = mosaic(1, columns=None, sources=None, tint=None, wanted=None, more={"of": "this"})
        assert only(line) == only(mosaic(1))


class TestAsking:
    def test_a_request_comes_back_as_it_was_said(self, box: Box) -> None:
        shared(box, 1)
        box.put("a", mosaic(1, "ben", 1, **FULL), mosaic(1, "ben", 2))
        assert box.night()["rows"] == (3, 3, 0, 0, 0)
        wishes = [MosaicRequest("ben", sha(1), told(FULL)), MosaicRequest("ben", sha(1))]
        assert standing(box.store) == requests(box.store) == sorted(wishes, key=lambda wish: wish.mosaic_id)
        assert box.values(TABLE, "mosaic_id") == [wish.mosaic_id for wish in standing(box.store)]

    def test_a_picture_of_the_same_batch_may_be_named_by_its_file(self, box: Box) -> None:
        brought = upload(1)
        named = mosaic("", at=1) | {name: brought[name] for name in ("file", "size", "sha256")}
        del named["image_id"]
        box.put("a", named, brought)
        assert box.night()["rows"] == (2, 2, 0, 0, 0)
        assert asked(box) == [("ana", sha(1))]
        box.put("b", named | {"user_id": "ben"}, files={"1.jpg": picture(1)})
        box.night()
        assert set(box.rejects()) == {("b/line 1", "unknown_image")}, "he has not uploaded it"

    def test_the_latest_word_counts_and_it_is_one_row(self, box: Box) -> None:
        shared(box, 1)
        box.put("b", mosaic(1, at=5, wanted=False))
        box.night()
        box.put("a", mosaic(1, at=4), mosaic(1, at=3))
        assert box.night()["rows"] == (2, 0, 1, 0, 1)
        assert standing(box.store) == requests(box.store) == []
        box.put("c", mosaic(1, at=6), mosaic(1, at=7, columns=9, wanted=False))
        box.night()
        assert asked(box) == [("ana", sha(1))]
        assert len(box.rows(TABLE)) == 2

    def test_any_picture_one_may_see_and_no_other(self, box: Box) -> None:
        publish(box, 1)
        shared(box, 2)
        box.put("a", upload(3, "ana"), upload(4, "ben"), label(5, "Tee", "ben"))
        box.put("b", *(mosaic(seed, "ben", 1) for seed in (1, 2, 3, 4, 5, 6)))
        box.night()
        assert asked(box) == [("ben", image) for image in sorted(map(sha, (1, 2, 4, 5)))]
        refused = box.rejects()
        assert set(refused) == {("b/line 3", "unknown_image"), ("b/line 6", "unknown_image")}
        private, absent = (refused[f"b/line {line}", "unknown_image"].partition(":")[2] for line in (3, 6))
        assert private == absent
        assert sha(3) not in str(refused)

    def test_two_users_who_ask_for_the_same_do_not_meet(self, box: Box) -> None:
        shared(box, 1)
        box.put("a", mosaic(1, "ana", 1), mosaic(1, "ben", 1), mosaic(1, "ben", 2, wanted=False))
        box.night()
        assert asked(box) == [("ana", sha(1))]


class TestGone:
    def test_a_deleted_picture_takes_along_what_its_owner_and_others_ask_for(self, box: Box) -> None:
        shared(box, 1, 2)
        box.put("a", *(mosaic(seed, user, 1) for seed in (1, 2) for user in ("ana", "ben")))
        box.night()
        ask(Journal(box.store, Run()), MosaicRequest(None, sha(1)))
        assert len(asked(box)) == 5
        box.put("b", delete(1, "ana", 2))
        box.night()
        assert box.values(TABLE, "user_id", "image_id") == [("ana", sha(2)), ("ben", sha(2))]
        box.put("c", mosaic(1, "ana", 2))
        box.night()
        assert box.values(TABLE, "image_id") == [sha(2), sha(2)]
        assert set(box.rejects()) == {(f"{line}", "unknown_image") for line in ("a/line 1", "a/line 2", "c/line 1")}

    def test_what_is_no_longer_shared_is_not_made_for_others_until_it_is(self, box: Box) -> None:
        shared(box, 1)
        box.put("a", mosaic(1, "ana", 1), mosaic(1, "ben", 1), mosaic(1, "chen", 1, wanted=False))
        box.night()
        box.put("b", upload(1, "ana", 2))
        box.ingest()
        assert asked(box) == [("ana", sha(1))], "even before anything is taken out"
        box.night()
        assert box.values(TABLE, "user_id") == ["ana"]
        box.put("c", upload(1, "ana", 3, visibility="shared"))
        box.night()
        box.put("d", mosaic(1, "chen", 0.5))
        box.night()
        assert asked(box) == [("ana", sha(1)), ("ben", sha(1))]
        assert box.rejects() == {}


class TestOperators:
    def test_asking_twice_is_one_row(self, box: Box) -> None:
        publish(box, 1)
        for _ in range(2):
            ask(Journal(box.store, Run()), MosaicRequest(None, sha(1), told(FULL)))
        assert box.values(TABLE, "user_id", "batch") == [(None, "")]
        assert standing(box.store) == [MosaicRequest(None, sha(1), told(FULL))]
        box.night()
        assert len(standing(box.store)) == 1

    def test_they_see_what_everybody_sees_or_what_the_user_does_whom_they_ask_for(self, box: Box) -> None:
        shared(box, 2)
        box.put("a", upload(3, "ana"))
        box.night()
        journal = Journal(box.store, Run())
        for user, seed in ((None, 3), ("ben", 3), (None, 9), ("ana", 9)):
            with pytest.raises(ContractBroken, match="there is no picture"):
                ask(journal, MosaicRequest(user, sha(seed)))
        ask(journal, MosaicRequest(None, sha(2)))
        ask(journal, MosaicRequest("ana", sha(3)))
        box.night()
        assert asked(box) == [("ana", sha(3)), (None, sha(2))]

    def test_the_user_can_take_back_what_was_asked_on_their_behalf(self, box: Box) -> None:
        shared(box, 1)
        box.night()
        ask(Journal(box.store, Run()), MosaicRequest("ana", sha(1)))
        box.put("a", mosaic(1, at=1, wanted=False))
        box.night()
        assert len(standing(box.store)) == 1, "that was said earlier"


class TestTooMany:
    def test_the_last_that_a_user_asked_for_stand(self, box: Box) -> None:
        shared(box, 1)
        box.put("b", *(mosaic(1, "ben", 1 + number, columns=1 + number) for number in range(LIMIT)))
        box.put("c", mosaic(1, "ana", 0))
        box.night()
        assert box.rejects() == {}
        box.put("a", mosaic(1, "ben", 0.5))
        assert box.night()["rows"] == (1, 0, 0, 1, 0)
        assert set(box.rejects()) == {("a/line 1", "too_many_mosaics")}
        box.put("d", mosaic(1, "ben", 900, tint=1))
        box.night()
        box.night()
        assert set(box.rejects()) == {("a/line 1", "too_many_mosaics"), ("b/line 1", "too_many_mosaics")}
        assert len(asked(box)) == LIMIT + 1, "the one of ana's is not counted among ben's"
        box.put("e", mosaic(1, "ben", 901, columns=50, wanted=False), mosaic(1, "ben", 901, columns=51, wanted=False))
        box.night()
        box.night()
        assert box.rejects() == {}
        assert len(asked(box)) == LIMIT + 1

    @pytest.fixture(autouse=True)
    def _few(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        if "few" in request.node.name:
            monkeypatch.setattr(mosaic_requests, "LIMIT", 2)

    @settings(max_examples=max(1, EXAMPLES // 2), deadline=None, suppress_health_check=list(HealthCheck))
    @example([(1, True, 0), (2, True, 1), (3, True, 2), (1, True, 3)])
    @example([(1, True, 3), (2, True, 1), (3, True, 2), (3, False, 0)])
    @example([(3, False, 0), (3, True, 0), (1, True, 0), (2, True, 0)])
    @example([(3, False, 0), (3, True, 1), (1, True, 0), (2, True, 0)])
    @given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([True, True, False]), st.integers(0, 9)), max_size=7))
    def test_few_are_the_same_whatever_way_they_come(self, wishes: list[tuple[int, bool, int]]) -> None:
        """Each is a mosaic, whether it is wanted, and its place in the order in which they come in."""
        lines = [mosaic(1, at=at, columns=columns, wanted=wanted) for at, (columns, wanted, _) in enumerate(wishes)]
        come = [line for _, line in sorted(zip(wishes, lines, strict=True), key=lambda pair: pair[0][2])]
        nights = [[[line] for line in part] for part in (come[:2], come[2:4], come[4:])]
        start = upload(1, at=-1, visibility="shared")
        assert outcome([[[start, *lines]]]) == outcome([[[start]], *nights])


def test_a_sample_night_asks_for_one(tmp_path: Path) -> None:
    box = Box(tmp_path / "lake")
    sample.write_inbox(box.lake)
    box.night()
    (wish,) = standing(box.store)
    ((owner, visibility),) = (
        (row["user_id"], row["visibility"])
        for row in box.rows(mosaic_requests.uploads.TABLE)
        if row["image_id"] == wish.image_id
    )
    assert (wish.user_id, visibility) == (owner, "shared")
    assert box.rejects() == {}


def test_votes_and_mosaics_of_one_batch_are_all_accounted_for(box: Box) -> None:
    shared(box, 1)
    box.put("a", vote(1, 1, "ben", 1), mosaic(1, "ben", 1), mosaic(1, "ben", 1), mosaic(1, "ben", 1, tint=7))
    assert box.night()["rows"] == (5, 3, 0, 1, 1)
