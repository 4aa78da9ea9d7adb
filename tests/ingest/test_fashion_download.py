"""Downloads: kagglehub against a local Kaggle that refuses, breaks off and lies; and a version that changed."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop import Lake, account, catalogue

from pipelines.ingest import fashion, kaggle
from pipelines.ingest.sample.kaggle_server import LocalKaggle, local_kaggle
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal

ASK, FILE = "/api/v1/datasets.DatasetApiService/DownloadDataset", "/bundle.zip"
KEPT = "_downloads/fashion-product-images-small.json"
MIB = 1 << 20  # kagglehub keeps whole ones of what came
TOKEN = "KGAT_do-not-tell"


@pytest.fixture
def shop_online(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalKaggle]:
    files = catalogue(1, 2, 3) | {"more.bin": random.Random(5).randbytes(4 * MIB)}
    with local_kaggle(files) as server:
        for name in list(os.environ):
            if name.startswith("KAGGLE"):
                monkeypatch.delenv(name)
        for name, value in server.environment(tmp_path / "cache").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(kaggle, "_PAUSE_SECONDS", 0.0)
        yield server


@pytest.fixture
def journal(lake: Lake) -> Journal:
    return Journal(lake.store, Run())


def test_a_download_is_taken_in_once_and_found_again(shop_online: LocalKaggle, lake: Lake, journal: Journal) -> None:
    folder = fashion.download(journal)
    assert account(lake.take_in(folder)) == {"images": (3, 3, 0, 0, 0), "rows": (3, 3, 0, 0, 0)}
    assert fashion.download(journal) == folder
    assert shop_online.requests == [(ASK, 0), (FILE, 0)]  # the second time nothing is asked
    kept = json.loads(lake.store.objects.get(KEPT))
    assert (kept["handle"], kept["files"]) == (fashion.HANDLE, 5)


def test_the_larger_set_has_a_checksum_of_its_own(shop_online: LocalKaggle, lake: Lake, journal: Journal) -> None:
    fashion.download(journal)
    fashion.download(journal, fashion.LARGE_HANDLE)
    assert {found.path for found in lake.store.objects.list("_downloads")} == {
        KEPT,
        "_downloads/fashion-product-images-dataset.json",
    }


def test_a_body_that_breaks_off_is_resumed_where_it_did(shop_online: LocalKaggle, journal: Journal) -> None:
    whole = len(shop_online.data)
    shop_online.cuts = [MIB + 5, whole, MIB + 5]  # kagglehub asks for all again, to look at the headers
    assert (fashion.download(journal) / "styles.csv").is_file()
    starts = [first for path, first in shop_online.requests if path == FILE]
    assert starts == [0, 0, MIB, 0, 2 * MIB]


def test_a_body_that_always_breaks_off_is_a_sentence_and_the_next_run_goes_on(
    shop_online: LocalKaggle, journal: Journal
) -> None:
    shop_online.cuts = [MIB + 5, *([0] * 8)]
    with pytest.raises(CannotRun, match=r"in 5 attempts.*goes on where it broke off.*--path"):
        fashion.download(journal)
    asked = len(shop_online.requests)
    fashion.download(journal)
    assert [first for path, first in shop_online.requests[asked:] if path == FILE] == [0, MIB]


@pytest.mark.parametrize(("status", "word"), [(401, "KAGGLE_API_TOKEN"), (403, "KAGGLE_API_TOKEN"), (404, "no such")])
def test_a_refusal_is_a_sentence_at_once(shop_online: LocalKaggle, journal: Journal, status: int, word: str) -> None:
    shop_online.statuses = [status] * 9
    with pytest.raises(CannotRun, match=f"it answers {status}.*{word}"):
        fashion.download(journal)
    assert len(shop_online.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_asked_again(shop_online: LocalKaggle, journal: Journal, status: int) -> None:
    shop_online.statuses = [status] * 4
    assert fashion.download(journal).is_dir()
    shop_online.statuses = [status] * 9
    with pytest.raises(CannotRun, match=f"it answers {status}"):
        fashion.download(journal, fashion.LARGE_HANDLE)


def test_bytes_of_another_md5_are_not_taken(shop_online: LocalKaggle, journal: Journal, tmp_path: Path) -> None:
    shop_online.md5 = "AAAAAAAAAAAAAAAAAAAAAA=="
    with pytest.raises(CannotRun, match="DataCorruptionError in 5 attempts"):
        fashion.download(journal)
    assert not list((tmp_path / "cache").rglob("styles.csv"))
    assert not list((tmp_path / "cache").rglob("*.archive"))


def test_a_token_is_sent_and_never_said(
    shop_online: LocalKaggle, journal: Journal, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shop_online.token = "another"
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    with pytest.raises(CannotRun) as refused:
        fashion.download(journal)
    shop_online.token = TOKEN
    assert fashion.download(journal).is_dir()
    heard = "".join(capfd.readouterr()) + repr(refused.getrepr(style="long", chain=True))
    assert "401" in heard
    assert TOKEN not in heard


def test_a_version_that_changed_is_refused_until_accepted(
    shop_online: LocalKaggle, lake: Lake, journal: Journal
) -> None:
    folder = fashion.download(journal)
    (folder / "styles.csv").write_bytes((folder / "styles.csv").read_bytes().replace(b"Blue", b"Pink"))  # of equal size
    with pytest.raises(ContractBroken, match=r"holds other files than .*/versions/1 did.*5 files.*delete the folder"):
        fashion.download(journal)
    (folder / "images/1.jpg").unlink()
    with pytest.raises(ContractBroken, match="4 files"):
        fashion.download(journal)
    lake.store.objects.delete(KEPT)
    assert fashion.download(journal) == folder


def test_another_pinned_version_takes_the_place_of_the_old_one(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    first = kaggle.compare(lake.store, "owner/set/versions/1", tmp_path / "1")
    (tmp_path / "1/more").write_bytes(b"x")
    second = kaggle.compare(lake.store, "owner/set/versions/2", tmp_path / "1")
    assert (first.files, second.files) == (0, 1)
    assert kaggle.compare(lake.store, "owner/set/versions/2", tmp_path / "1") == second
    lake.store.objects.put("_downloads/set.json", b"[]")
    with pytest.raises(ContractBroken, match="damaged"):
        kaggle.compare(lake.store, "owner/set/versions/2", tmp_path / "1")
