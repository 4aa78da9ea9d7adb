"""CIFAR-10: every row is a picture and a label under a name that stays, and each of them is accounted for."""

from __future__ import annotations

import pickle
import tarfile
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from shop import Lake, account

from pipelines import imaging
from pipelines.ingest import image_sources, images, intake, sample
from pipelines.ingest.cifar10 import TERMS, Cifar10Params, batches, ingest, labels
from pipelines.ingest.cifar10.source import Deck
from pipelines.ingest.cifar10.unpickle import unpickle
from pipelines.ingest.sample.cifar10 import LABELS
from pipelines.ingest.sample.pickles import pickled
from pipelines.lake import rejects
from pipelines.lake.errors import ContractBroken
from pipelines.lake.objects import sha256
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store

TABLES = (images.TABLE, image_sources.TABLE, labels.TABLE, rejects.TABLE)
REAL = {  # batch → pictures of each class, as counted in the short copies
    "data_batch_1": (396, 366, 420, 384, 422, 393, 414, 385, 407, 413),
    "data_batch_2": (105, 101, 83, 99, 110, 96, 98, 118, 118, 89),
    "data_batch_3": (104, 108, 92, 120, 103, 92, 107, 94, 105, 92),
    "data_batch_4": (101, 105, 117, 89, 112, 105, 87, 97, 99, 105),
    "data_batch_5": (104, 97, 96, 91, 109, 96, 102, 105, 106, 111),
    "test_batch": (105, 93, 100, 104, 92, 87, 114, 102, 110, 110),
}


def take_in(lake: Lake, path: Path, **params: Any) -> Journal:
    journal = Journal(lake.store, Run())
    ingest(journal, path, Cifar10Params(**params))
    return journal


def versions(lake: Lake) -> dict[str, int]:
    return {table.name: lake.store.snapshot(table).version for table in TABLES}


def rewrite(folder: Path, name: str, **changed: Any) -> None:
    """Write a batch again with other values."""
    held = unpickle((folder / name).read_bytes(), name)
    path = folder / name
    path.write_bytes(pickled({key.encode(): value for key, value in (held | changed).items()}))  # type: ignore[misc]


def rows_of(folder: Path, name: str) -> npt.NDArray[np.uint8]:
    rows = unpickle((folder / name).read_bytes(), name)["data"]
    assert isinstance(rows, np.ndarray)
    return rows


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return sample.write_cifar10(tmp_path / "cifar", per_batch=10)


def test_every_row_is_a_picture_and_a_label(lake: Lake, copy: Path) -> None:
    assert account(take_in(lake, copy)) == {"images": (60, 60, 0, 0, 0), "rows": (60, 60, 0, 0, 0)}
    held = {row["image_id"]: row for row in lake.rows(images.TABLE)}
    for name in (*batches.TRAIN, batches.TEST):
        batch = unpickle((copy / name).read_bytes(), name)
        for index, (pixels, number) in enumerate(zip(batch["data"], batch["labels"], strict=True)):  # type: ignore[call-overload]
            key, data = f"{name}/{index:05d}", pixels.tobytes()
            row = next(row for row in lake.rows(labels.TABLE) if row["key"] == key) if index in (0, 9) else None
            if row:
                split = "test" if name == "test_batch" else "train"
                assert row == {"source": "cifar10", "key": key, "image_id": sha256(data), "split": split} | {
                    "label_number": number,
                    "label": LABELS[number],
                }
            assert held[sha256(data)]["data"] == data
            assert (held[sha256(data)]["format"], held[sha256(data)]["mode"]) == ("cifar10", "RGB")
    sources = lake.rows(image_sources.TABLE)
    assert {row["key"] for row in sources} == {row["key"] for row in lake.rows(labels.TABLE)}
    assert {(r["source"], r["allow_training"], r["attribution"]) for r in sources} == {
        ("cifar10", True, "CIFAR-10 (Krizhevsky, 2009)")
    }


def test_the_names_of_labels_are_the_samples() -> None:
    assert labels.LABELS == LABELS


def test_a_quiet_night_reads_no_picture_and_commits_nothing(lake: Lake, copy: Path) -> None:
    take_in(lake, copy)
    before = versions(lake)
    assert account(take_in(lake, copy)) == {"images": (60, 0, 60, 0, 0), "rows": (60, 0, 60, 0, 0)}
    journal = Journal(lake.store, Run())
    unreadable = (replace(item, read=lambda: pytest.fail("read")) for item in Deck().items(batches.read(copy)))
    intake.ingest(journal, "cifar10", TERMS, unreadable)
    assert account(journal) == {"images": (60, 0, 60, 0, 0)}
    assert versions(lake) == before


def test_a_tar_is_the_same_copy(lake: Lake, copy: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "c.tar.gz", "w:gz") as archive:
        for path in sorted(copy.iterdir(), reverse=True):
            archive.add(path, f"cifar-10-batches-py/{path.name}")
    take_in(lake, tmp_path / "c.tar.gz")
    before = versions(lake)
    assert account(take_in(lake, copy))["rows"] == (60, 0, 60, 0, 0)
    assert versions(lake) == before


def test_keys_and_ids_do_not_depend_on_the_run_or_the_order(copy: Path, tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        lake = Lake(Store(str(tmp_path / name)))
        take_in(lake, copy)
        found.append({row["key"]: row["image_id"] for row in lake.rows(labels.TABLE)})
        (copy / "readme.html").write_bytes(b"<p>")
    assert found[0] == found[1]


def test_the_test_batch_can_be_left_out(lake: Lake, copy: Path) -> None:
    assert account(take_in(lake, copy, include_test=False))["rows"] == (50, 50, 0, 0, 0)
    assert {row["split"] for row in lake.rows(labels.TABLE)} == {"train"}
    assert account(take_in(lake, copy)) == {"images": (60, 10, 50, 0, 0), "rows": (60, 10, 50, 0, 0)}


def test_equal_pictures_are_one_image_with_a_label_for_each_row(lake: Lake, copy: Path) -> None:
    rows = rows_of(copy, "data_batch_1").copy()
    rows[3] = rows[7] = rows_of(copy, "test_batch")[0]
    rewrite(copy, "data_batch_1", data=rows)
    assert account(take_in(lake, copy)) == {"images": (60, 58, 0, 0, 2), "rows": (60, 60, 0, 0, 0)}
    shared = sha256(rows[3].tobytes())
    keys = {row["key"] for row in lake.rows(labels.TABLE) if row["image_id"] == shared}
    assert keys == {"data_batch_1/00003", "data_batch_1/00007", "test_batch/00000"}
    assert account(take_in(lake, copy)) == {"images": (60, 0, 58, 0, 2), "rows": (60, 0, 60, 0, 0)}


def test_a_label_out_of_range_is_a_reject_until_it_is_mended(lake: Lake, copy: Path) -> None:
    sound = (copy / "data_batch_2").read_bytes()
    numbers: Any = unpickle(sound, "data_batch_2")["labels"]
    rewrite(copy, "data_batch_2", labels=[10, 255, -1, *numbers[3:]])
    assert account(take_in(lake, copy)) == {"images": (60, 60, 0, 0, 0), "rows": (60, 57, 0, 3, 0)}
    found = lake.open_rejects()
    assert found.keys() == {(f"data_batch_2/0000{n}", "label_out_of_range") for n in range(3)}
    assert found["data_batch_2/00001", "label_out_of_range"] == (
        "data_batch_2/00001: its label is 255; there are 0 to 9."
    )
    before = versions(lake)
    take_in(lake, copy)
    assert versions(lake) == before
    (copy / "data_batch_2").write_bytes(sound)
    assert account(take_in(lake, copy))["rows"] == (60, 3, 57, 0, 0)
    assert lake.open_rejects() == {}


def test_labels_out_of_range_cost_only_themselves(lake: Lake, copy: Path) -> None:
    rewrite(copy, "data_batch_2", labels=[99] * 10)
    assert account(take_in(lake, copy))["rows"] == (60, 50, 0, 10, 0)
    assert (len(lake.rows(images.TABLE)), len(lake.rows(labels.TABLE)), len(lake.open_rejects())) == (60, 50, 10)


def test_a_broken_copy_takes_nothing_in(lake: Lake, copy: Path) -> None:
    take_in(lake, copy)
    before = versions(lake)
    (copy / "data_batch_4").rename(copy / "data_batch_6")
    with pytest.raises(ContractBroken, match=r"holds data_batch_4 not at all\. Nothing was taken in"):
        take_in(lake, copy)
    (copy / "data_batch_6").rename(copy / "data_batch_4")
    names: Any = [name.encode() for name in LABELS[::-1]]
    (copy / "batches.meta").write_bytes(pickled({b"label_names": names}))
    with pytest.raises(ContractBroken, match="gives the labels other names"):
        take_in(lake, copy)
    assert versions(lake) == before


def test_what_meta_says_of_sizes_is_not_believed(lake: Lake, copy: Path) -> None:
    rewrite(copy, "batches.meta", num_cases_per_batch=10_000)
    rewrite(copy, "data_batch_5", labels=[], data=np.empty((0, 3072), np.uint8), filenames=[])
    assert account(take_in(lake, copy))["rows"] == (50, 50, 0, 0, 0)


def test_a_broken_batch_is_named(lake: Lake, copy: Path) -> None:
    rewrite(copy, "data_batch_3", labels=[1])
    with pytest.raises(ContractBroken, match=r"data_batch_3 in .*: it has 10 pictures and 1 labels. Nothing of it"):
        take_in(lake, copy)
    assert lake.rows(labels.TABLE) == []


@pytest.mark.parametrize("protocol", [3])
@pytest.mark.parametrize("keys", [str, str.encode])
def test_batches_that_python_3_wrote_again_are_read(copy: Path, protocol: int, keys: Any) -> None:
    data = (copy / "data_batch_1").read_bytes()
    held = unpickle(data, "data_batch_1")
    names = [name.decode() for name in held["filenames"]]  # type: ignore[attr-defined]
    again = {keys(key): value for key, value in (held | {"filenames": names, "batch_label": "x"}).items()}
    read = unpickle(pickle.dumps(again, protocol), "data_batch_1")
    assert list(read) == list(held)
    assert np.array_equal(read["data"], held["data"])  # type: ignore[arg-type]
    assert (read["labels"], read["filenames"]) == (held["labels"], names)


def test_the_reader_agrees_with_pythons_own(copy: Path) -> None:
    for path in copy.iterdir():
        ours = unpickle(path.read_bytes(), path.name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of numpy's old names
            theirs = pickle.loads(path.read_bytes(), encoding="bytes")
        assert [key.decode() for key in theirs] == list(ours)
        for mine, its in zip(ours.values(), theirs.values(), strict=True):
            assert np.array_equal(mine, its) if isinstance(mine, np.ndarray) else mine == its


@pytest.fixture(scope="module")
def real(real_data: Path) -> Path:
    return real_data / "cifar-10-batches-py"


@pytest.fixture(scope="module")
def taken(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(Store(str(tmp_path_factory.mktemp("real") / "lake")))
    assert account(take_in(lake, real)) == {"images": (9085, 9085, 0, 0, 0), "rows": (9085, 9085, 0, 0, 0)}
    return lake


def test_rows_and_labels_are_as_counted(taken: Lake) -> None:
    rows = taken.rows(labels.TABLE)
    found = Counter((row["key"].split("/")[0], row["label"]) for row in rows)
    assert found == {(name, label): n for name, counts in REAL.items() for label, n in zip(LABELS, counts, strict=True)}
    assert Counter(row["split"] for row in rows) == {"train": 8068, "test": 1017}
    assert len({row["image_id"] for row in rows if row["split"] == "train"}) == 8068


def test_the_first_rows_are_as_published(taken: Lake, real: Path) -> None:
    rows = sorted(taken.rows(labels.TABLE), key=lambda row: str(row["key"]))
    assert [row["label_number"] for row in rows[:10]] == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    first = rows_of(real, "data_batch_1")[0]
    assert (list(first[:3]), first[1024]) == ([59, 43, 50], 62)
    assert rows[0]["image_id"] == sha256(first.tobytes())
    held = next(row for row in taken.rows(images.TABLE) if row["image_id"] == rows[0]["image_id"])
    pixels = imaging.decode(held["data"], format=held["format"]).pixels
    assert list(pixels[0, 0]) == [first[0], first[1024], first[2048]] == [59, 62, 63]


def test_the_same_night_again_commits_nothing(taken: Lake, real: Path) -> None:
    before = versions(taken)
    assert account(take_in(taken, real)) == {"images": (9085, 0, 9085, 0, 0), "rows": (9085, 0, 9085, 0, 0)}
    assert versions(taken) == before


def test_stamps_are_the_files_own(real: Path) -> None:
    stamps = {batch.name: batch.stamp for batch in batches.read(real)}
    assert stamps["data_batch_1"] == "2755018639a098e76f5e6e9a31855f8e2c4e38c4d3d3b00aa88705cf7ea7fdda"
    assert stamps["test_batch"] == "88cf2b220291ac4cea746fec83b69e9fdd378ae0f8201448e049875ba7989b33"
