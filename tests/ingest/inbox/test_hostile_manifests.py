"""Hostile drops: none stops the night, none touches what others put in, each leaves a reason.

All of a class lie in one inbox, each in a batch of its own, between two good batches. Harmless ones are taken as
they are and need no reason: strange but right names of files and folders, strange texts (kept as texts), files that
no line names, marks of byte order, empty lines, odd but clear times.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

import hostile_files as files
import hostile_lines as lines
import pytest
from boxes import NOW, Box, Journal, Run, Store, picture, sha, source, upload, vote
from hostile_drops import PRIVATE, SHARED, Case

from pipelines.ingest import image_sources
from pipelines.ingest.inbox import deletions, labelled_samples, uploads, votes
from pipelines.lake import rejects

CASES: dict[str, list[Case]] = {
    "inbox: wrong types": lines.FIELDS,
    "inbox: JSON": lines.JSON,
    "inbox: claims": lines.CLAIMS,
    "inbox: texts": lines.TEXTS,
    "inbox: paths": files.PATHS,
    "inbox: names on disk": files.NAMES,
    "inbox: links": files.LINKS,
    "inbox: pictures": files.PICTURES,
    "inbox: others' pictures": files.OTHERS,
}
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
CLASSES = [pytest.param(name, id=name.removeprefix("inbox: ")) for name in CASES]


def good(box: Box) -> None:
    """Drop what a good user says: a private picture, a shared one, a vote."""
    secret = {"secret.jpg": picture(PRIVATE)}
    box.put("good", upload(PRIVATE, "good", file="secret.jpg", title="mine"), files=secret)
    box.put("zz", upload(SHARED, "good", visibility="shared"), vote(SHARED, 1, "good", 1))


def dropped(box: Box, kind: str) -> dict[str, str]:
    """Drop all cases of a class; return batch → case."""
    good(box)
    names = {}
    for number, case in enumerate(CASES[kind]):
        names[f"h{number:03}"] = case.name
        case.drop(box, f"h{number:03}")
    moment = NOW.timestamp() - 30 * 3600
    for folder, folders, found in os.walk(box.lake / "incoming"):
        for name in (*folders, *found):
            with suppress(OSError):  # a path may be too long
                os.utime(Path(folder) / name, (moment, moment), follow_symlinks=False)
    return names


def of_good(box: Box) -> dict[str, object]:
    """Return what is there of the good user, and who speaks of the private picture."""
    said = [row for table in (uploads.TABLE, votes.TABLE, labelled_samples.TABLE) for row in box.rows(table)]
    secret = (row for row in box.rows(uploads.TABLE) if row["image_id"] == sha(PRIVATE))
    return {
        "secret": [(row["user_id"], row["title"], row["visibility"]) for row in secret],
        "of_secret": {row["user_id"] for row in said if row["image_id"] == sha(PRIVATE)},
        "words": sum(row["user_id"] == "good" for row in said),
        "sources": sum(key.startswith("upload/good/") for key in box.values(image_sources.TABLE, "key")),
        "deletions": [row for row in box.rows(deletions.TABLE) if row["user_id"] == "good"],
    }


GOOD = {"secret": [("good", "mine", "private")], "of_secret": {"good"}, "words": 3, "sources": 2, "deletions": []}


def test_there_are_enough() -> None:
    assert sum(map(len, CASES.values())) >= 120
    assert len(CASES) >= 6


@pytest.mark.parametrize("kind", CLASSES)
def test_none_stops_the_night_and_each_leaves_a_reason(box: Box, kind: str) -> None:
    names = dropped(box, kind)
    accounts = box.night()
    assert all(count[0] == sum(count[1:]) for count in accounts.values())
    assert of_good(box) == GOOD
    told = {key.partition("/")[0][:4] for key, _ in box.rejects()}
    harmless = {case.name for case in CASES[kind] if case.harmless}
    assert {name for batch, name in names.items() if batch not in told} == harmless
    assert not [text for text in box.rejects().values() if len(text) > 1500 or CONTROL.search(text)]
    versions = box.versions()
    box.night()
    assert box.versions() == versions, "a night with nothing new changes something"


@pytest.mark.parametrize("kind", ["inbox: paths", "inbox: texts", "inbox: pictures", "inbox: others' pictures"])
def test_a_bucket_tells_the_same(bucket: str, box: Box, kind: str) -> None:
    dropped(box, kind)
    lake = Store(f"{bucket}/lake")
    for file in (box.lake / "incoming").rglob("*"):
        if file.is_file():
            lake.objects.put(str(file.relative_to(box.lake)), file.read_bytes())
    box.ingest()
    source.ingest(Journal(lake, Run()), now=NOW.replace(year=9000))
    there = {(row["key"], row["reason"]) for row in lake.snapshot(rejects.TABLE).read().to_pylist()}
    assert there == set(box.rejects())


def test_harmless_texts_are_kept_as_they_are(box: Box) -> None:
    dropped(box, "inbox: texts")
    box.night()
    users = box.values(uploads.TABLE, "user_id")
    assert "'; DROP TABLE uploads; --" in users
    assert "=cmd|' /C calc'!A0" in users
    assert box.values(uploads.TABLE, "user_id", "title").count(("eve", "<script>alert(1)</script>")) <= 1


def test_three_bad_files_cost_only_themselves(box: Box) -> None:
    dropped(box, "inbox: pictures")
    box.night()
    assert sum(name.startswith("100") for name in box.values(uploads.TABLE, "file_name")) == 97
    assert len([key for key, reason in box.rejects() if "bad" in key and reason != "image_unreadable"]) == 3


def test_a_bucket_with_a_name_that_hides_the_others_is_told_of(bucket: str) -> None:
    import boto3

    from pipelines.lake.errors import CannotRun

    boto3.client("s3").put_object(Bucket=bucket.removeprefix("s3://"), Key="lake/incoming//x", Body=b"x")
    with pytest.raises(CannotRun, match=r"lake/incoming//x.*remove that object"):
        source.ingest(Journal(Store(f"{bucket}/lake"), Run()))
