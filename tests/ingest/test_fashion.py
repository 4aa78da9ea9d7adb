"""What a catalogue becomes: counts, repairs, enums, gates, and nights that find nothing new."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop import Lake, account, catalogue, jpeg, line, styles, unpacked, zipped

from pipelines.ingest import fashion, image_sources, images, intake, products
from pipelines.ingest.archive import Member
from pipelines.ingest.image_sources import Terms
from pipelines.ingest.intake import Item
from pipelines.lake import rejects
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal

HUNDRED = tuple(range(1, 101))
ABSENT, MALFORMED = (99, 100), (7, 8, 9)


@pytest.fixture(scope="module")
def a1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 rows: three with surplus commas (one of them two), two without an image."""
    names = {7: "Shirt, Blue", 8: "Shirt,Blue,Long", 9: 'A 3.5" Pin, Gold '}
    files = {"styles.csv": styles(*(line(i, names.get(i, f"Shirt {i}")) for i in HUNDRED))}
    files |= {f"images/{i}.jpg": jpeg(i) for i in HUNDRED if i not in ABSENT}
    return zipped(tmp_path_factory.mktemp("a1") / "a1.zip", files)


def test_a1_without_repair_95_products_and_5_rejects(lake: Lake, a1: Path) -> None:
    assert account(lake.take_in(a1, repair_malformed=False))["rows"] == (100, 95, 0, 5, 0)
    assert len(lake.rows(products.TABLE)) == 95
    expected = {(str(i), "too_many_fields") for i in MALFORMED} | {(str(i), "image_absent") for i in ABSENT}
    assert lake.open_rejects().keys() == expected
    assert "line 8 has 11 fields, not 10" in lake.open_rejects()["7", "too_many_fields"]
    assert "images/99.jpg" in lake.open_rejects()["99", "image_absent"]


def test_a2_with_repair_98_products_and_2_rejects(lake: Lake, a1: Path) -> None:
    assert account(lake.take_in(a1))["rows"] == (100, 98, 0, 2, 0)
    held = {row["product_id"]: row for row in lake.rows(products.TABLE)}
    assert {i for i, row in held.items() if row["is_repaired"]} == set(MALFORMED)
    assert [held[i]["display_name"] for i in MALFORMED] == ["Shirt, Blue", "Shirt,Blue,Long", 'A 3.5" Pin, Gold ']
    assert lake.open_rejects().keys() == {("99", "image_absent"), ("100", "image_absent")}


def test_what_repair_mends_leaves_the_rejects(lake: Lake, a1: Path) -> None:
    lake.take_in(a1, repair_malformed=False)
    assert account(lake.take_in(a1))["rows"] == (100, 3, 95, 2, 0)
    closed = [row for row in lake.rows(rejects.TABLE) if not row["is_open"]]
    assert {row["key"] for row in closed} == {"7", "8", "9"}
    assert all(row["first_run_id"] < row["last_run_id"] for row in closed)


def test_a3_only_values_of_the_enums_get_in_and_only_some_may_be_null(lake: Lake, tmp_path: Path) -> None:
    good = (line(1, season="", usage="NA", year="", colour="NA"), line(2, name="NA"))
    files = catalogue(1, 2, 3, 4) | {"styles.csv": styles(*good, line(3, season="Autumn"), line(4, gender=""))}
    lake.take_in(zipped(tmp_path / "a.zip", files))
    held = {row["product_id"]: row for row in lake.rows(products.TABLE)}
    assert held.keys() == {1, 2}
    assert [held[1][name] for name in ("season", "usage", "year", "base_colour")] == [None] * 4
    assert held[2]["display_name"] is None
    assert lake.open_rejects().keys() == {("3", "unknown_season"), ("4", "missing_gender")}


@pytest.mark.parametrize("corrupt", [3, 10])
def test_j3_a_few_corrupt_pictures_cost_only_themselves(lake: Lake, tmp_path: Path, corrupt: int) -> None:
    files = catalogue(*HUNDRED) | {f"images/{i}.jpg": jpeg(i)[:-40] for i in HUNDRED[:corrupt]}
    counts = account(lake.take_in(zipped(tmp_path / "a.zip", files)))
    assert counts["images"] == counts["rows"] == (100, 100 - corrupt, 0, corrupt, 0)
    of_pictures = {(f"images/{i}.jpg", "truncated") for i in HUNDRED[:corrupt]}
    of_rows = {(str(i), "image_unreadable") for i in HUNDRED[:corrupt]}
    assert lake.open_rejects().keys() == of_pictures | of_rows
    assert all(key.removesuffix(".jpg") in detail for (key, _), detail in lake.open_rejects().items())


def test_j3_many_corrupt_pictures_cost_only_themselves_too(lake: Lake, tmp_path: Path) -> None:
    """Whether they are too many is for the gate to say, of this account."""
    files = catalogue(*HUNDRED) | {f"images/{i}.jpg": jpeg(i)[:-40] for i in HUNDRED[:40]}
    journal = lake.take_in(zipped(tmp_path / "a.zip", files))
    assert [(step.rows_in, step.rejected, step.absent) for step in journal.steps] == [(100, 40, 0), (100, 40, 0)]
    assert len(lake.rows(products.TABLE)) == 60
    assert len(lake.open_rejects()) == 80


def test_j3_absent_pictures_are_no_defects(lake: Lake, tmp_path: Path) -> None:
    files = catalogue(1, 2, 3) | {"styles.csv": styles(*map(line, HUNDRED))}
    journal = lake.take_in(zipped(tmp_path / "a.zip", files | {"images/3.jpg": b"no picture"}))
    assert account(journal)["rows"] == (100, 2, 0, 98, 0)
    assert [step.absent for step in journal.steps] == [0, 97]


@pytest.mark.parametrize(
    ("column", "word"), [("season", "Autumn"), ("gender", "Man"), ("usage", "Office"), ("master", "Apparal")]
)
def test_a3_a_word_that_no_enum_has_is_a_reject(lake: Lake, tmp_path: Path, column: str, word: str) -> None:
    rows = styles(line(1), line(2, **{column: word}))
    assert account(lake.take_in(zipped(tmp_path / "a.zip", catalogue(1, 2) | {"styles.csv": rows})))["rows"][3] == 1
    ((key, reason),) = lake.open_rejects()
    assert (key, reason) == ("2", f"unknown_{'master_category' if column == 'master' else column}")
    assert word in lake.open_rejects()[key, reason]


def test_a12_a_quiet_night_commits_nothing_and_reads_no_picture(lake: Lake, a1: Path) -> None:
    lake.take_in(a1)
    before = lake.versions(), lake.digests()
    for _ in range(2):
        counts = account(lake.take_in(a1))
        assert counts == {"images": (98, 0, 98, 0, 0), "rows": (100, 0, 98, 2, 0)}
    assert (lake.versions(), lake.digests()) == before


class CountingArchive:
    """A source that counts what is read of it."""

    def __init__(self, files: dict[str, bytes], day: str = "1") -> None:
        self.files, self.day, self.reads = files, day, 0

    def members(self) -> Iterator[Member]:
        return (Member(name, self.day) for name in self.files)

    def items(self) -> Iterator[Item]:
        for member in self.members():
            yield Item(member.name, member.stamp, lambda name=member.name: self._read(name))

    def _read(self, name: str) -> bytes:
        self.reads += 1
        return self.files[name]


def taken(lake: Lake, archive: CountingArchive) -> tuple[int, ...]:
    journal = Journal(lake.store, Run())
    intake.ingest(journal, "fashion", Terms(allow_training=True), archive.items())
    return account(journal)["images"]


def test_a12_files_of_an_equal_stamp_are_not_read_again(lake: Lake) -> None:
    archive = CountingArchive({f"images/{i}.jpg": jpeg(i) for i in range(20)})
    assert taken(lake, archive) == (20, 20, 0, 0, 0)
    assert taken(lake, archive) == (20, 0, 20, 0, 0)
    assert archive.reads == 20


def test_files_of_a_new_stamp_are_read_and_found_to_be_the_same(lake: Lake) -> None:
    files = {f"images/{i}.jpg": jpeg(i) for i in range(20)}
    taken(lake, CountingArchive(files))
    version = lake.store.snapshot(images.TABLE).version
    touched = CountingArchive(files, day="2")
    assert taken(lake, touched) == (20, 0, 20, 0, 0)
    assert touched.reads == 20
    assert lake.store.snapshot(images.TABLE).version == version
    assert {row["stamp"] for row in lake.rows(image_sources.TABLE)} == {"2"}


def test_a_hundred_more_are_exactly_a_hundred_new(lake: Lake, tmp_path: Path) -> None:
    lake.take_in(zipped(tmp_path / "a.zip", catalogue(*HUNDRED)))
    before = lake.digests(HUNDRED)
    more = zipped(tmp_path / "b.zip", catalogue(*range(1, 201)))
    assert account(lake.take_in(more)) == {"images": (200, 100, 100, 0, 0), "rows": (200, 100, 100, 0, 0)}
    assert lake.digests(HUNDRED) == before
    assert len(lake.rows(images.TABLE)) == len(lake.rows(products.TABLE)) == 200


def test_the_same_picture_under_another_key_is_one_image_of_two_products(lake: Lake, tmp_path: Path) -> None:
    files = catalogue(1, 2) | {"images/2.jpg": jpeg(1)}
    counts = account(lake.take_in(zipped(tmp_path / "a.zip", files)))
    assert counts == {"images": (2, 1, 0, 0, 1), "rows": (2, 2, 0, 0, 0)}
    assert len(lake.rows(images.TABLE)) == 1
    assert len({row["image_id"] for row in lake.rows(products.PRODUCT_IMAGES)}) == 1
    tomorrow = zipped(tmp_path / "b.zip", catalogue(1, 2, 3) | {"images/2.jpg": jpeg(1), "images/3.jpg": jpeg(1)})
    assert account(lake.take_in(tomorrow)) == {"images": (3, 0, 1, 0, 2), "rows": (3, 1, 2, 0, 0)}
    assert len(lake.rows(image_sources.TABLE)) == 3


def test_other_bytes_under_an_old_key_are_a_new_image_and_the_old_one_stays(lake: Lake, tmp_path: Path) -> None:
    lake.take_in(zipped(tmp_path / "a.zip", catalogue(1, 2)))
    old = {row["product_id"]: row["image_id"] for row in lake.rows(products.PRODUCT_IMAGES)}
    retouched = zipped(tmp_path / "b.zip", catalogue(1, 2) | {"images/2.jpg": jpeg(99)})
    assert account(lake.take_in(retouched)) == {"images": (2, 1, 1, 0, 0), "rows": (2, 0, 2, 0, 0)}
    shown = {row["product_id"]: row["image_id"] for row in lake.rows(products.PRODUCT_IMAGES)}
    assert shown[1] == old[1]
    assert shown[2] != old[2]
    assert {row["image_id"] for row in lake.rows(images.TABLE)} == {*old.values(), shown[2]}
    assert len(lake.rows(image_sources.TABLE)) == 2


def test_a_changed_row_replaces_its_own_and_no_other(lake: Lake, tmp_path: Path) -> None:
    lake.take_in(zipped(tmp_path / "a.zip", catalogue(1, 2, 3)))
    before = lake.digests((1, 3))
    files = catalogue(1, 2, 3) | {"styles.csv": styles(line(1), line(2, season="Summer"), line(3))}
    assert account(lake.take_in(zipped(tmp_path / "b.zip", files)))["rows"] == (3, 1, 2, 0, 0)
    assert lake.digests((1, 3)) == before


def test_a_mended_picture_closes_its_rejects_and_a_repeat_commits_nothing(lake: Lake, tmp_path: Path) -> None:
    broken = zipped(tmp_path / "a.zip", catalogue(1, 2) | {"images/2.jpg": jpeg(2)[:-40]})
    lake.take_in(broken)
    version = lake.versions()
    lake.take_in(broken)
    assert lake.versions() == version
    mended = zipped(tmp_path / "b.zip", catalogue(1, 2))
    lake.take_in(mended)
    assert lake.open_rejects() == {}
    assert [row["is_open"] for row in lake.rows(rejects.TABLE)] == [False, False]
    version = lake.versions()
    lake.take_in(mended)
    assert lake.versions() == version
    lake.take_in(broken)  # and broken again
    assert len(lake.open_rejects()) == 2
    assert len(lake.rows(rejects.TABLE)) == 2


def test_a_picture_that_goes_bad_later_takes_nothing_away(lake: Lake, tmp_path: Path) -> None:
    lake.take_in(zipped(tmp_path / "a.zip", catalogue(1, 2)))
    before = lake.digests()
    lake.take_in(zipped(tmp_path / "b.zip", catalogue(1, 2) | {"images/2.jpg": b"no picture"}))
    assert lake.digests() == before
    assert lake.open_rejects().keys() == {("images/2.jpg", "not_an_image"), ("2", "image_unreadable")}


def test_a_copy_without_pictures_finds_those_of_before(lake: Lake, tmp_path: Path) -> None:
    lake.take_in(zipped(tmp_path / "a.zip", catalogue(1, 2)))
    before = lake.versions()
    rows_only = zipped(tmp_path / "b.zip", {"styles.csv": styles(line(1), line(2), line(3))})
    assert account(lake.take_in(rows_only)) == {"images": (0, 0, 0, 0, 0), "rows": (3, 0, 2, 1, 0)}
    assert lake.versions() == before | {"rejects": 1}


def test_a_folder_gives_the_same_rows_as_a_zip(lake: Lake, tmp_path: Path) -> None:
    files = catalogue(1, 2, 3)
    lake.take_in(zipped(tmp_path / "a.zip", files))
    zip_digests = {name: value for name, value in lake.digests().items() if name != "image_sources"}
    folder = unpacked(tmp_path / "folder", files)
    assert account(lake.take_in(folder)) == {"images": (3, 0, 3, 0, 0), "rows": (3, 0, 3, 0, 0)}
    assert {name: value for name, value in lake.digests().items() if name != "image_sources"} == zip_digests
    version = lake.versions()
    lake.take_in(folder)
    assert lake.versions() == version
    os.utime(folder / "images/1.jpg", (1, 1))  # touched: read again, found to be the same
    assert account(lake.take_in(folder))["images"] == (3, 0, 3, 0, 0)


def test_the_order_of_an_archive_does_not_matter(lake: Lake, tmp_path: Path) -> None:
    files = catalogue(*range(1, 30)) | {"images/5.jpg": jpeg(6)}
    lake.take_in(zipped(tmp_path / "a.zip", files))
    other = Lake(type(lake.store)(str(tmp_path / "other")))
    other.take_in(zipped(tmp_path / "b.zip", dict(reversed(files.items()))))
    assert other.digests() == lake.digests()


def test_more_rows_than_a_chunk_keep_their_account(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion, "_CHUNK_ROWS", 500)
    count = 1001
    files = catalogue(1, count) | {"styles.csv": styles(*map(line, range(1, count + 1)), line(1), line(count, "Other"))}
    counts = account(lake.take_in(zipped(tmp_path / "a.zip", files)))
    assert counts["rows"] == (count + 2, 2, 0, count - 1, 1)
    assert (f"{count} at line {count + 3}", "duplicate_id") in lake.open_rejects()
