"""Batches: taken whole or left, once, and again when their manifest has changed."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

import pytest
from boxes import NOW, Box, confirm, delete, label, picture, sha, upload, vote

from pipelines.ingest import image_sources, images
from pipelines.ingest.inbox import batches, deletions, drops, labelled_samples, uploads, votes
from pipelines.lake.objects import Found, Objects


def test_each_kind_comes_in(box: Box) -> None:
    box.put(
        "a",
        upload(1, "ana", 0, title="Red dress", visibility="shared"),
        label(2, ["Tee", "Striped"], "ben", 1),
        vote(1, "like", "ben", 2),
        confirm(1, "Dress", "ana", 3),
        upload(3, "chen", 4),
        delete(3, "chen", 5),
    )
    accounts = box.night()
    assert accounts == {"images": (3, 3, 0, 0, 0), "rows": (7, 6, 1, 0, 0)}
    assert box.values(uploads.TABLE, "user_id", "image_id", "title", "visibility", "file_name") == [
        ("ana", sha(1), "Red dress", "shared", "1.jpg")
    ]
    assert box.values(votes.TABLE, "user_id", "image_id", "value") == [("ben", sha(1), 1)]
    assert box.values(labelled_samples.TABLE, "task", "image_id", "user_id", "label", "origin") == sorted(
        [
            ("piece", sha(2), "ben", "Striped", "label"),
            ("piece", sha(2), "ben", "Tee", "label"),
            ("piece", sha(1), "ana", "Dress", "confirm"),
        ],
        key=repr,
    )
    assert box.values(deletions.TABLE, "user_id", "image_id") == [("chen", sha(3))]
    assert sorted(box.values(images.TABLE, "image_id")) == sorted([sha(1), sha(2)])
    assert box.values(batches.TABLE, "batch", "line_count", "file_count") == [("a", 6, 3)]
    assert box.rejects() == {}


def test_a_quiet_night_commits_nothing(box: Box) -> None:
    box.put("a", upload(1), vote(1, 1), vote(9, 1))
    box.night()
    versions = box.versions()
    assert box.night() == {"images": (0, 0, 0, 0, 0), "rows": (0, 0, 0, 0, 0)}
    assert box.versions() == versions


def test_the_same_bytes_twice_count_once(box: Box) -> None:
    box.put("a", upload(1, at=0, file="one.jpg"), upload(1, at=1, file="two.jpg"), files={
        "one.jpg": picture(1), "two.jpg": picture(1)})  # fmt: skip
    assert box.ingest() == {"images": (2, 1, 0, 0, 1), "rows": (2, 1, 0, 0, 1)}
    assert box.values(uploads.TABLE, "file_name") == ["two.jpg"]
    box.put("b", upload(1, at=0, file="three.jpg"), files={"three.jpg": picture(1)})
    assert box.ingest() == {"images": (1, 0, 1, 0, 0), "rows": (1, 0, 1, 0, 0)}, "an earlier word counts for nothing"
    assert len(box.rows(images.TABLE)) == len(box.rows(image_sources.TABLE)) == 1


def test_the_same_name_with_other_bytes_is_two_rows(box: Box) -> None:
    box.put("a", upload(picture(1)), files={"a.jpg": picture(1)})
    box.put("b", upload(picture(2)), files={"a.jpg": picture(2)})
    assert box.ingest()["images"] == (2, 2, 0, 0, 0)
    assert box.values(uploads.TABLE, "file_name") == ["a.jpg", "a.jpg"]


def test_a_batch_without_a_manifest_waits_and_after_a_day_is_refused_until_it_is_whole(box: Box) -> None:
    box.folder("a").mkdir(parents=True)
    (box.folder("a") / "1.jpg").write_bytes(picture(1))
    box.age("a", 23)
    assert box.ingest()["rows"] == (0, 0, 0, 0, 0)
    assert box.rejects() == {}
    box.age("a", 25)
    assert box.ingest()["rows"] == (1, 0, 0, 1, 0)
    (((key, reason), sentence),) = box.rejects().items()
    assert (key, reason) == ("a", "incomplete_batch")
    assert sentence.startswith("batch a was not taken: it has no manifest.jsonl")
    assert box.ingest()["rows"] == (0, 0, 0, 0, 0), "a batch that was refused before is counted once"
    assert len(box.rejects()) == 1
    box.put("a", upload(1))
    assert box.ingest()["rows"] == (1, 1, 0, 0, 0)
    assert box.rejects() == {}


def test_a_refused_batch_that_is_taken_away_is_no_defect_any_more(box: Box) -> None:
    box.put("a", upload(1), vote(9, 1))
    (box.folder("b")).mkdir()
    (box.folder("b") / "x").write_bytes(b"x")
    box.age("b", 30)
    box.ingest()
    assert set(box.rejects()) == {("a/line 2", "unknown_image"), ("b", "incomplete_batch")}
    for batch in ("a", "b"):
        for file in box.folder(batch).iterdir():
            file.unlink()
    box.ingest()
    assert box.rejects() == {}


@pytest.mark.parametrize(
    ("what", "spoil"),
    [
        ("is not there", lambda folder: (folder / "2.jpg").unlink()),
        ("bytes, line 2 says", lambda folder: (folder / "2.jpg").write_bytes(picture(2)[:-1])),
        ("is not the file whose sha256", lambda folder: (folder / "2.jpg").write_bytes(bytes(len(picture(2))))),
        ("or an empty one", lambda folder: (folder / "manifest.jsonl").write_bytes(b"")),
    ],
)
def test_a_batch_whose_files_are_not_as_its_manifest_says_is_left_alone(box: Box, what: str, spoil) -> None:
    box.put("a", upload(1), upload(2), upload(3), vote(1, 1))
    box.put("b", upload(4))
    spoil(box.folder("a"))
    box.age("a", 1)
    assert box.ingest() == {"images": (1, 1, 0, 0, 0), "rows": (1, 1, 0, 0, 0)}
    assert box.values(images.TABLE, "image_id") == [sha(4)]
    assert box.values(batches.TABLE, "batch") == ["b"]
    box.age("a", 25)
    box.ingest()
    assert what in box.rejects()["a", "incomplete_batch"]
    assert box.values(images.TABLE, "image_id") == [sha(4)]
    box.put("a", upload(1), upload(2), upload(3), vote(1, 1))
    assert box.ingest() == {"images": (3, 3, 0, 0, 0), "rows": (4, 4, 0, 0, 0)}
    assert box.rejects() == {}


def test_a_file_that_changes_or_goes_while_the_night_reads_leaves_its_batch_alone(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.put("a", upload(1), upload(2))
    box.put("b", upload(3), upload(4))
    box.put("c", upload(5))
    list_them = drops.listed

    def listed(objects: Objects, folder: str) -> list[Found]:
        found = list(list_them(objects, folder))
        (box.folder("a") / "2.jpg").write_bytes(bytes(len(picture(2))))
        (box.folder("b") / "4.jpg").unlink()
        box.age("a", 1)
        return found

    monkeypatch.setattr(batches, "listed", listed)
    assert box.ingest() == {"images": (1, 1, 0, 0, 0), "rows": (1, 1, 0, 0, 0)}
    assert box.values(images.TABLE, "image_id") == [sha(5)]
    monkeypatch.undo()
    box.put("a", upload(1), upload(2))
    box.put("b", upload(3), upload(4))
    assert box.ingest()["images"] == (4, 4, 0, 0, 0)


def test_a_file_that_becomes_a_link_while_the_night_reads_is_not_followed(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.put("a", upload(1))
    box.put("b", upload(1, "eve"))
    list_them = drops.listed

    def listed(objects: Objects, folder: str) -> list[Found]:
        found = list(list_them(objects, folder))
        (box.folder("b") / "1.jpg").unlink()
        (box.folder("b") / "1.jpg").symlink_to("../a/1.jpg")
        return found

    monkeypatch.setattr(batches, "listed", listed)
    box.ingest()
    assert box.values(uploads.TABLE, "user_id") == ["ana"]


def test_the_same_picture_in_two_batches_of_a_night_is_one(box: Box) -> None:
    box.put("a", upload(1, "ana"), upload(2, "ana"))
    box.put("b", upload(1, "ben"), upload(3, "ben"))
    assert box.ingest()["images"] == (4, 3, 0, 0, 1)
    assert len(box.values(images.TABLE, "image_id")) == 3


def test_a_batch_larger_than_memory_holds_is_left_alone_too(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.ingest.intake._SHARD_BYTES", 1)
    box.put("a", upload(1), upload(2), upload(3))
    box.put("b", upload(1, "ben"), upload(4))
    (box.folder("a") / "3.jpg").write_bytes(bytes(len(picture(3))))
    box.age("a", 1)
    assert box.ingest()["images"] == (2, 2, 0, 0, 0)
    assert sorted(box.values(images.TABLE, "image_id")) == sorted([sha(1), sha(4)])
    box.put("a", upload(1), upload(2), upload(3))
    assert box.ingest()["images"] == (3, 2, 1, 0, 0)


def test_an_amended_manifest_is_taken_again(box: Box) -> None:
    box.put("a", upload(1, title="wrong"), "{", vote(1, "like"))
    assert box.ingest()["rows"] == (3, 2, 0, 1, 0)
    assert set(box.rejects()) == {("a/line 2", "not_json")}
    box.put("a", upload(1, title="right"), vote(1, "dislike"), vote(1, "like", at=1))
    assert box.ingest() == {"images": (1, 0, 1, 0, 0), "rows": (3, 2, 0, 0, 1)}
    assert box.values(uploads.TABLE, "title") == ["right"]
    assert box.values(votes.TABLE, "value") == [1]
    assert box.rejects() == {}


def test_a_manifest_that_was_half_written_is_made_up_for(box: Box) -> None:
    box.put("a", upload(1), upload(2))
    whole = (box.folder("a") / "manifest.jsonl").read_bytes()
    (box.folder("a") / "manifest.jsonl").write_bytes(whole[:-30])
    box.ingest()
    assert box.values(images.TABLE, "image_id") == [sha(1)]
    (box.folder("a") / "manifest.jsonl").write_bytes(whole)
    box.ingest()
    assert len(box.rows(images.TABLE)) == 2
    assert box.rejects() == {}


def test_an_amended_manifest_that_is_not_whole_keeps_what_the_old_one_left(box: Box) -> None:
    box.put("a", upload(1), "{")
    box.ingest()
    box.put("a", upload(1), upload(2))
    (box.folder("a") / "2.jpg").unlink()
    box.age("a", 1)
    box.ingest()
    assert set(box.rejects()) == {("a/line 2", "not_json")}


def test_files_beside_the_folders_are_told_of(box: Box) -> None:
    box.put("a", upload(1))
    (box.lake / "incoming" / "photo.jpg").write_bytes(picture(2))
    (box.lake / "incoming" / ".keep").write_bytes(b"")
    assert box.ingest()["images"] == (1, 1, 0, 0, 0)
    box.ingest(NOW + timedelta(days=300_000))
    assert "put it into one" in box.rejects()["photo.jpg", "incomplete_batch"].lower()
    assert len(box.rejects()) == 1


def test_a_clock_far_ahead_does_not_make_a_batch_wait_for_ever(box: Box) -> None:
    box.folder("a").mkdir(parents=True)
    (box.folder("a") / "x").write_bytes(b"x")
    box.age("a", -24 * 365)
    box.ingest()
    assert set(box.rejects()) == {("a", "incomplete_batch")}


def test_one_bad_picture_costs_itself_and_what_is_said_of_it(box: Box) -> None:
    bad = b"GIF89a" + bytes(40)
    lines = [upload(seed) for seed in range(5)]
    box.put("a", *lines, upload(bad, file="line 1"), vote(sha(bad), 1), files={"line 1": bad})
    assert box.ingest() == {"images": (6, 5, 0, 1, 0), "rows": (7, 5, 0, 2, 0)}
    assert {reason for _, reason in box.rejects()} == {"unsupported_format", "image_unreadable", "unknown_image"}
    assert len(box.rows(uploads.TABLE)) == 5, "the statement of line 1 is not that of the file called line 1"


def test_a_link_beside_the_same_bytes_costs_only_itself(box: Box) -> None:
    folder = box.put("a", upload(1), upload(1, at=1, file="link.jpg"))
    (folder / "link.jpg").symlink_to("1.jpg")
    assert box.ingest() == {"images": (2, 1, 0, 1, 0), "rows": (2, 1, 0, 1, 0)}
    assert box.values(uploads.TABLE, "file_name") == ["1.jpg"]


def test_sentences_say_which_batch_and_line_and_what_to_do(box: Box) -> None:
    box.put("spring", upload(1), vote(9, 1), "{nonsense", confirm(9, "Tee"), delete(9))
    box.ingest()
    sentences = box.rejects()
    assert all(sentence.startswith("spring, line ") for sentence in sentences.values()), sentences
    assert sentences["spring/line 3", "not_json"].endswith("whose manifest has changed is taken in again.")
    assert "tried again every night" in sentences["spring/line 2", "unknown_image"]


def test_a_manifest_of_nonsense_does_not_fill_the_rejects(box: Box) -> None:
    box.put("a", upload(1), *(["{"] * 1_500))
    assert box.ingest()["rows"] == (1_501, 1, 0, 1_500, 0)
    assert len(box.rejects()) == 1_001
    assert "500 more lines" in box.rejects()["a", "more_defects"]


def test_a_thousand_files_in_batches_of_all_sizes(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small limits, so that batches are brought in several times within the night."""
    monkeypatch.setattr("pipelines.ingest.inbox.source._AT_ONCE", 300)
    monkeypatch.setattr("pipelines.ingest.intake._SHARD_BYTES", 40_000)
    seeds = iter(range(1_000))
    for number, size in enumerate([1] * 100 + [10] * 20 + [100] * 2 + [500]):
        drawn = list(islice(seeds, size))
        box.put(f"{number:03}", *(upload(seed, f"user{seed % 7}", visibility="shared") for seed in drawn),
                *(vote(seed, 1, "ana", 1) for seed in drawn))  # fmt: skip
    assert box.ingest() == {"images": (1_000, 1_000, 0, 0, 0), "rows": (2_000, 2_000, 0, 0, 0)}
    assert len(box.rows(images.TABLE)) == len(box.rows(uploads.TABLE)) == len(box.rows(votes.TABLE)) == 1_000
    assert box.store.snapshot(images.TABLE).version <= 10, "one commit for many batches"
