"""The inbox in a bucket: the same rows as from a folder, and few questions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import boto3
import boxes
import pytest
from boxes import NOW, Box, picture, upload, vote

from pipelines.ingest.inbox import batches, drops
from pipelines.lake.store import Change


def _raw(bucket: str, key: str, data: bytes) -> None:
    boto3.client("s3").put_object(Bucket=bucket.removeprefix("s3://"), Key=key, Body=data)


def test_a_bucket_is_read_as_a_folder_is(bucket: str, box: Box) -> None:
    lake = boxes.Store(f"{bucket}/lake")
    names = [
        "100%.jpg",
        "100%25.jpg",
        "a#b.jpg",
        "a b.jpg",
        "\u00e9.jpg",
        "e\u0301.jpg",
        "😀.jpg",
        "a+b&c=d.jpg",
        "sub/x",
    ]
    lines = [upload(picture(i), file=name) for i, name in enumerate(names)]
    for i, name in enumerate(names):
        _raw(bucket, f"lake/incoming/a/{name}", picture(i))
    _raw(bucket, "lake/incoming/a/", b"")
    _raw(bucket, "lake/incoming/a/manifest.jsonl", boxes.manifest(*lines))
    journal = boxes.Journal(lake, boxes.Run())
    boxes.source.ingest(journal, now=NOW)
    assert [step.new for step in journal.steps] == [len(names), len(names)]
    box.put("a", *lines, files={name: picture(i) for i, name in enumerate(names)})
    box.ingest()
    assert box.digests() == {table.name: boxes.digest(table, lake.snapshot(table).read()) for table in boxes.FILLED}


def test_a_bucket_is_not_asked_again_for_manifests_older_than_their_batch(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, asked = boxes.Store(f"{bucket}/lake"), list[str]()
    for batch, lines in (("a", [upload(1)]), ("b", [vote(9, 1)])):
        for name, data in boxes.drawn(tuple(lines)).items():
            _raw(bucket, f"lake/incoming/{batch}/{name}", data)
        _raw(bucket, f"lake/incoming/{batch}/manifest.jsonl", boxes.manifest(*lines))
    read = drops.read
    monkeypatch.setattr(drops, "read", lambda objects, path, limit: asked.append(path) or read(objects, path, limit))
    for hours in (0, 3, 6):  # within the hour by which clocks may differ, and after it
        asked.clear()
        boxes.source.ingest(boxes.Journal(lake, boxes.Run()), now=datetime.now(UTC) + timedelta(hours=hours))
        if hours == 3:  # the batch is brought to be taken later than its manifest was written
            lake.change(batches.TABLE, boxes.Run(), lambda found: Change((), list(found.files)))
            boxes.source.ingest(boxes.Journal(lake, boxes.Run()), now=datetime.now(UTC) + timedelta(hours=hours))
    assert asked == ["incoming/b/manifest.jsonl"], "only where a line is to be tried again"
