"""What statements come to: the latest counts, whatever way, order and night they come in."""

from __future__ import annotations

import os
import shutil
import tempfile
from itertools import chain
from pathlib import Path
from typing import Any

import boxes
import pyarrow as pa
import pytest
from boxes import Box, Line, confirm, delete, label, mosaic, sha, upload, vote
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.ingest import image_sources, images
from pipelines.ingest.inbox import deletions, labelled_samples, uploads, votes
from pipelines.ingest.inbox.ledger import SOURCE
from pipelines.lake.materialize import upsert
from pipelines.lake.recipe import Run

EXAMPLES = int(os.environ.get("TESSERA_INBOX_EXAMPLES", "12"))


def terms(box: Box) -> dict[str, bool]:
    """Return whether models may learn, by user and kind."""
    rows = box.rows(image_sources.TABLE)
    return {row["key"].rpartition("/")[0]: row["allow_training"] for row in rows if row["source"] == SOURCE}


def publish(box: Box, seed: int) -> None:
    """Take a picture in from a source that is everybody's."""
    data = boxes.picture(seed)
    rows = (
        [images.row(sha(seed), data)],
        [image_sources.row("shop", "1.jpg", "1", sha(seed), image_sources.Terms(True))],
    )
    for table, found in zip((images.TABLE, image_sources.TABLE), rows, strict=True):
        upsert(box.store, Run(), table, pa.Table.from_pylist(found, table.schema))


def test_a_late_vote_that_is_older_does_not_win(box: Box) -> None:
    publish(box, 1)
    box.put("b", vote(1, "dislike", at=5))
    box.night()
    box.put("a", vote(1, "like", at=4))
    assert box.night()["rows"] == (1, 0, 1, 0, 0)
    assert box.values(votes.TABLE, "value") == [-1]


def test_of_one_moment_the_later_line_and_the_later_batch_count(box: Box) -> None:
    publish(box, 1)
    box.put("b", vote(1, "like"), vote(1, "dislike"))
    box.night()
    assert box.values(votes.TABLE, "value") == [-1]
    box.put("a", vote(1, "like"))
    box.night()
    assert box.values(votes.TABLE, "value") == [-1]
    box.put("c", vote(1, "like"))
    box.night()
    assert box.values(votes.TABLE, "value", "batch") == [(1, "c")]


def test_labels_are_replaced_as_a_set_and_users_may_disagree(box: Box) -> None:
    box.put("a", label(1, ["Tee", "Floral"], "ana", 0), upload(1, "ana", 0, visibility="shared"))
    box.put("b", label(1, "Dress", "ben", 1, with_file=False))
    box.night()
    box.put("c", label(1, ["Floral", "Maxi"], "ana", 2, with_file=False), label(1, "OK", "ana", 2, task="quality",
            with_file=False))  # fmt: skip
    assert box.night()["rows"] == (3, 3, 0, 0, 0)
    assert box.values(labelled_samples.TABLE, "user_id", "task", "label") == [
        ("ana", "piece", "Floral"),
        ("ana", "piece", "Maxi"),
        ("ana", "quality", "OK"),
        ("ben", "piece", "Dress"),
    ]
    box.put("d", label(1, "Skirt", "ana", 1, with_file=False))
    assert box.night()["rows"] == (1, 0, 1, 0, 0)


def test_the_second_of_two_users_does_not_lose_by_what_the_first_does(box: Box) -> None:
    box.put("a", upload(1, "ana"), confirm(1, "Tee", "ana", 1))
    box.put("b", upload(1, "ben", title="mine"))
    assert box.night()["images"] == (2, 1, 0, 0, 1)
    box.put("c", delete(1, "ana", 2))
    box.night()
    assert box.values(uploads.TABLE, "user_id", "title") == [("ben", "mine")]
    assert box.values(images.TABLE, "image_id") == [sha(1)]
    assert terms(box) == {"upload/ben": False}
    assert box.rows(labelled_samples.TABLE) == []
    box.put("d", delete(1, "ben", 2))
    box.night()
    assert box.rows(images.TABLE) == box.rows(image_sources.TABLE) == box.rows(uploads.TABLE) == []


def test_users_whose_names_look_like_keys_share_nothing(box: Box) -> None:
    box.put("a", upload(1, "ana"), upload(2, f"ana/{sha(1)}/upload"), upload(1, "upload/ana"), upload(3, "../ana"))
    box.night()
    assert len(box.rows(image_sources.TABLE)) == 4
    box.put("b", delete(1, "upload/ana", 1), delete(3, "ana", 1), delete(1, "../ana", 1))
    box.night()
    assert box.values(uploads.TABLE, "user_id") == sorted(["../ana", "ana", f"ana/{sha(1)}/upload"])


def test_only_confirmed_uploads_may_be_learned_from_and_only_while_that_stands(box: Box) -> None:
    box.put("a", upload(1, "ana"), upload(2, "ben"), label(3, "Tee", "chen"))
    box.put("b", confirm(1, "Tee", "ana", 1), confirm(2, "Tee", "ana", 1))
    assert box.night()["rows"] == (5, 4, 0, 1, 0)
    assert terms(box) == {"upload/ana": True, "upload/ben": False, "label/chen": True}
    assert set(box.rejects()) == {("b/line 2", "not_yours")}
    box.put("c", delete(1, "ana", 2), upload(1, "ana", 3))
    box.night()
    assert terms(box)["upload/ana"] is False, "what was confirmed before the deletion is gone"


def test_others_private_pictures_are_as_if_they_were_not_there(box: Box) -> None:
    box.put("a", upload(1, "ana"))
    box.put("b", vote(1, 1, "ben", 1), label(1, "Tee", "ben", 1, with_file=False), confirm(1, "Tee", "ben", 1))
    box.put("c", vote(9, 1, "ben", 1), label(9, "Tee", "ben", 1, with_file=False), confirm(9, "Tee", "ben", 1))
    box.put("d", delete(1, "ben", 1), delete(9, "ben", 2))
    box.night()
    assert box.rows(votes.TABLE) == box.rows(labelled_samples.TABLE) == box.rows(deletions.TABLE) == []
    found = box.rejects()
    for line in (1, 2, 3):
        private, absent = ({reason: text.replace(f"{batch},", ",") for (key, reason), text in found.items()
                            if key == f"{batch}/line {line}"} for batch in "bc")  # fmt: skip
        assert private == absent != {}
    assert [reason for key, reason in found if key.startswith("d/")] == ["not_yours", "not_yours"]


def test_the_sha_of_a_file_gives_nothing_to_whom_does_not_have_the_file(box: Box) -> None:
    box.put("a", upload(1, "ana"))
    box.night()
    size = len(boxes.picture(1))
    folder = box.put("b", upload(1, "ben", file="x.jpg"), vote(1, 1, "ben"), files={"x.jpg": bytes(size)})
    box.age("b", 30)
    box.night()
    assert set(box.rejects()) == {("b", "incomplete_batch")}
    (folder / "x.jpg").unlink()
    (folder / "x.jpg").symlink_to("../a/1.jpg")
    box.night()
    assert box.values(uploads.TABLE, "user_id") == ["ana"]
    assert box.rows(votes.TABLE) == []
    assert {reason for key, reason in box.rejects()} == {"unsafe_name", "image_unreadable", "unknown_image"}


def test_what_comes_before_its_picture_is_brought_in_with_it(box: Box) -> None:
    box.put("a", vote(1, 1, "ben", 2), confirm(1, "Tee", "ana", 2), delete(2, "ana", 2), vote(8, 1, "ben", 2))
    assert box.night()["rows"] == (4, 0, 0, 4, 0)
    box.put("b", upload(1, "ana", 1, visibility="shared"), upload(2, "ana", 1))
    assert box.night()["rows"] == (5, 4, 1, 0, 0)
    assert box.values(votes.TABLE, "user_id", "value") == [("ben", 1)]
    assert terms(box) == {"upload/ana": True}
    assert box.values(images.TABLE, "image_id") == [sha(1)]
    assert set(box.rejects()) == {("a/line 4", "unknown_image")}


def test_a_picture_that_is_no_longer_shared_is_no_longer_spoken_of_by_others_until_it_is(box: Box) -> None:
    box.put("a", upload(1, "ana", 0, visibility="shared"), vote(1, 1, "ana", 1))
    box.put("b", vote(1, -1, "ben", 1), label(1, "Tee", "ben", 1, with_file=False))
    box.night()
    assert len(box.rows(votes.TABLE)) == 2
    box.put("c", upload(1, "ana", 2, visibility="private"))
    box.night()
    assert box.values(votes.TABLE, "user_id") == ["ana"]
    assert box.rows(labelled_samples.TABLE) == []
    box.night()
    assert set(box.rejects()) == {("b/line 1", "unknown_image"), ("b/line 2", "unknown_image")}
    box.put("d", upload(1, "ana", 3, visibility="shared"))
    box.night()
    assert box.values(votes.TABLE, "user_id") == ["ana", "ben"]
    assert box.values(labelled_samples.TABLE, "user_id") == ["ben"]
    assert box.rejects() == {}


def test_a_deleted_picture_comes_back_only_by_a_later_upload(box: Box) -> None:
    box.put("a", upload(1, at=0, title="first"))
    box.night()
    box.put("b", delete(1, at=5))
    box.night()
    assert box.rows(images.TABLE) == []
    box.put("a", upload(1, at=0, title="first"), vote(1, 1, at=0))
    box.put("c", upload(1, at=5, title="at the same moment"))
    versions = box.versions()
    assert box.ingest()["images"] == (2, 0, 2, 0, 0)
    assert box.versions()["images"] == versions["images"], "an old batch does not even bring its bytes back"
    box.night()
    assert box.rows(uploads.TABLE) == box.rows(votes.TABLE) == []
    box.put("d", upload(1, at=6, title="again"))
    assert box.night()["images"] == (1, 1, 0, 0, 0)
    assert box.values(uploads.TABLE, "title") == ["again"]
    box.put("e", delete(1, at=4))
    box.night()
    assert box.values(uploads.TABLE, "title") == ["again"]


USERS, SEEDS = ("ana", "ben"), (1, 2)
who, what = st.sampled_from(USERS), st.sampled_from(SEEDS)
words = st.lists(st.sampled_from(["Tee", "Dress", "Maxi"]), min_size=1, max_size=2)
statements = st.one_of(
    st.builds(
        lambda seed, user, seen, title: upload(seed, user, visibility=seen, title=title),
        what,
        who,
        st.sampled_from(["private", "shared"]),
        st.sampled_from(["x", "y"]),
    ),
    st.builds(vote, what, st.sampled_from([1, -1]), who),
    st.builds(label, what, words, who, with_file=st.booleans()),
    st.builds(confirm, what, words, who),
    st.builds(mosaic, what, who, columns=st.sampled_from([None, 9]), wanted=st.booleans()),
    st.builds(delete, what, who),
)


def outcome(nights: list[list[list[Line]]]) -> dict[str, Any]:
    """Return the row hashes after nights over batches (a list of nights, of batches, of lines), till all is quiet."""
    folder = Path(tempfile.mkdtemp())
    try:
        box, number = Box(folder / "lake"), 0
        for night in [*nights, [], [], []]:
            for lines in night:
                box.put(str(lines[0].get("batch", number)) if lines else str(number), *lines)
                number += 1
            box.night()
        versions = box.versions()
        box.night()
        assert box.versions() == versions, "a night with nothing new changes something"
        return box.digests()
    finally:
        shutil.rmtree(folder)


@st.composite
def ways(draw: st.DrawFn) -> tuple[list[Line], list[list[list[Line]]]]:
    """Draw statements of different times, and a way for them to come: split, shuffled, repeated, night by night."""
    said = draw(st.lists(statements, min_size=1, max_size=7))
    times = draw(st.permutations(range(len(said))))
    said = [line | {"ts": boxes.ts(at)} for line, at in zip(said, times, strict=True)]
    again = draw(st.lists(st.sampled_from(said), max_size=2))
    come = draw(st.permutations([*said, *again]))
    nights: list[list[list[Line]]] = [[[]]]
    for line in come:
        cut = draw(st.integers(0, 3))
        if cut == 1:
            nights[-1].append([])
        if cut > 1:
            nights.append([[]])
        nights[-1][-1].append(line)
    return said, nights


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(ways())
def test_the_same_statements_come_to_the_same_rows_whatever_way_they_come(
    way: tuple[list[Line], list[list[list[Line]]]],
) -> None:
    said, nights = way
    assert outcome([[said]]) == outcome(nights)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_batches_of_one_moment_come_to_the_same_rows_in_any_order(data: st.DataObject) -> None:
    drawn = data.draw(st.lists(st.lists(statements, min_size=1, max_size=3), min_size=2, max_size=4))
    named = [[line | {"batch": f"b{number}"} for line in lines] for number, lines in enumerate(drawn)]
    shuffled = data.draw(st.permutations(named))
    assert outcome([named]) == outcome([[lines] for lines in shuffled])


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (1, 3, 0, 4, 2)])
def test_a_whole_story_in_any_order(order: tuple[int, ...]) -> None:
    story = [
        [upload(1, "ana", 0, visibility="shared"), confirm(1, "Tee", "ana", 1)],
        [vote(1, 1, "ben", 2), label(1, "Maxi", "ben", 2, with_file=False), mosaic(1, "ben", 2)],
        [delete(1, "ana", 3)],
        [upload(1, "ana", 4, visibility="shared")],
        [vote(1, -1, "ben", 1), vote(1, -1, "ana", 5)],
    ]
    assert outcome([[story[number]] for number in order]) == outcome([[list(chain(*story))]])
