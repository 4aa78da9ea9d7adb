"""Archives that are damaged as a whole: a sentence, and a lake as it was; or else rejects, one by one."""

from __future__ import annotations

import errno
import io
import os
import random
import re
import stat
import struct
import subprocess
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from shop import HEADER, Lake, account, catalogue, jpeg, lie, line, styles, unpacked, zipped

from pipelines.ingest import catalogue as rows_of_styles
from pipelines.ingest import products
from pipelines.ingest import styles as styles_csv
from pipelines.ingest.archive import DAMAGE, FolderArchive, Member, open_archive
from pipelines.lake.errors import CannotRun, ContractBroken, Rejected, TesseraError
from pipelines.lake.store import Store

EARLIER = (1, 2, 3)
NEW = (1, 2, 3, 4, 5)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake that held something before; no test of this module may change it."""
    folder = tmp_path_factory.mktemp("filled")
    lake = Lake(Store(str(folder / "lake")))
    lake.take_in(zipped(folder / "good.zip", catalogue(*EARLIER)))
    return lake


def refused(lake: Lake, path: Path, error: type[TesseraError], *words: str) -> None:
    """The archive is refused with these words, and no table has changed."""
    before = lake.versions(), lake.digests()
    with pytest.raises(error) as raised:
        lake.take_in(path)
    for word in (*words, path.name):
        assert word in str(raised.value)
    assert (lake.versions(), lake.digests()) == before


@pytest.mark.parametrize("part", range(40))
def test_an_archive_cut_short_anywhere_is_refused(filled: Lake, tmp_path: Path, part: int) -> None:
    data = zipped(tmp_path / "whole.zip", catalogue(*NEW)).read_bytes()
    (tmp_path / "cut.zip").write_bytes(data[: len(data) * part // 40])
    refused(filled, tmp_path / "cut.zip", CannotRun, "cannot be read as a zip", "fetch it again", "Nothing was changed")


NO_ZIPS = {
    "empty": b"",
    "text": b"<html>Not Found</html>",
    "zeros": bytes(10_000),
    "a tar": b"images/".ljust(257, b"\0") + b"ustar" + bytes(2000),
    "gzip": b"\x1f\x8b\x08" + bytes(100),
    "a picture": jpeg(1),
    "an end without a start": b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 9, 9, 500, 900, 0),
    "an end that points far away": b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, 46, 0xFFFFFFF0, 0),
}


@pytest.mark.parametrize("name", NO_ZIPS)
def test_what_is_no_zip_is_refused(filled: Lake, tmp_path: Path, name: str) -> None:
    (tmp_path / "no.zip").write_bytes(NO_ZIPS[name])
    refused(filled, tmp_path / "no.zip", CannotRun, "cannot be read as a zip")


def test_a_path_that_is_not_there_is_refused(filled: Lake, tmp_path: Path) -> None:
    refused(filled, tmp_path / "nowhere.zip", CannotRun, "there is no folder or file")


def test_a_zip_of_a_later_format_is_refused(filled: Lake, tmp_path: Path) -> None:
    lie(zipped(tmp_path / "later.zip", catalogue(1)), "styles.csv", needs=99)
    refused(filled, tmp_path / "later.zip", CannotRun, "zip file version")


def test_zip64_numbers_beyond_any_file_are_refused(filled: Lake, tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", catalogue(1))
    data = path.read_bytes()
    end = data.rindex(b"PK\x05\x06")
    huge = 0xFFFFFFFFFFFFFFFF
    end64 = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 2, 2, huge, huge)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, end, 1)
    path.write_bytes(data[:end] + end64 + locator + data[end:])
    refused(filled, path, CannotRun, "cannot be read as a zip")


def without_styles(path: Path) -> Path:
    return zipped(path, {"images/1.jpg": jpeg(1)})


def styles_in(path: Path, content: bytes, **fields: int) -> Path:
    zipped(path, catalogue(*NEW) | {"styles.csv": content})
    if fields:
        lie(path, "styles.csv", **fields)
    return path


def styles_link(path: Path) -> Path:
    info = zipfile.ZipInfo("styles.csv")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zipped(path, [(info, b"/etc/passwd"), ("images/1.jpg", jpeg(1))])


def styles_packed_with(method: int) -> Callable[[Path], Path]:
    return lambda path: zipped(path, catalogue(*NEW), method)


def styles_garbled(path: Path) -> Path:
    zipped(path, catalogue(*NEW))
    data = bytearray(path.read_bytes())
    start = 30 + len("styles.csv")
    data[start : start + 20] = b"\xff" * 20
    path.write_bytes(data)
    return path


GOOD = styles(*map(line, NEW))
WITHOUT_COLUMN = {name: GOOD.replace(f"{name}".encode(), b"other", 1) for name in HEADER.split(",")}
BROKEN_BREAKS = (ContractBroken, "styles.csv has no column")

# How styles.csv can be such that nothing is taken in → how to make the zip, the error and its words.
REFUSED: dict[str, tuple[Callable[[Path], Path], type[TesseraError], str]] = {
    "an empty zip": (lambda path: zipped(path, {}), ContractBroken, "holds no styles.csv at its root"),
    "no styles.csv": (without_styles, ContractBroken, "holds no styles.csv at its root"),
    "styles.csv too deep": (lambda path: zipped(path, {"a/b/styles.csv": GOOD}), ContractBroken, "holds no styles"),
    "styles.csv is a folder": (lambda path: zipped(path, {"styles.csv/": b""}), ContractBroken, "holds no styles.csv"),
    "empty styles.csv": (lambda path: styles_in(path, b""), *BROKEN_BREAKS),
    "blank styles.csv": (lambda path: styles_in(path, b"\n\r\n\n"), *BROKEN_BREAKS),
    "no header": (lambda path: styles_in(path, GOOD.split(b"\n", 1)[1]), *BROKEN_BREAKS),
    "UTF-16": (lambda path: styles_in(path, GOOD.decode().encode("utf-16")), *BROKEN_BREAKS),
    "old Mac line ends": (lambda path: styles_in(path, GOOD.replace(b"\n", b"\r")), *BROKEN_BREAKS),
    "zeros": (lambda path: styles_in(path, bytes(3000)), *BROKEN_BREAKS),
    "semicolons": (lambda path: styles_in(path, GOOD.replace(b",", b";")), *BROKEN_BREAKS),
    "a picture": (lambda path: styles_in(path, jpeg(1)), *BROKEN_BREAKS),
    "an endless header": (lambda path: styles_in(path, b"id,gender" * 90_000), *BROKEN_BREAKS),
    "a column twice": (lambda path: styles_in(path, GOOD.replace(b",year", b",year,id", 1)), ContractBroken, "two col"),
    "encrypted": (lambda path: styles_in(path, GOOD, flags=1), CannotRun, "encrypted"),
    "a bad checksum": (lambda path: styles_in(path, GOOD, crc=5), CannotRun, "is damaged"),
    "claims too little": (lambda path: styles_in(path, GOOD, size=120), CannotRun, "is damaged"),
    "garbled": (styles_garbled, CannotRun, "is damaged"),
    "claims a terabyte": (lambda path: styles_in(path, GOOD, size=0xFFFFFFF0), CannotRun, "more than 512 MiB"),
    "a bomb": (lambda path: styles_in(path, GOOD + b"\n" * (4 << 20)), CannotRun, "200 times its size"),
    "bzip2": (styles_packed_with(zipfile.ZIP_BZIP2), CannotRun, "neither stored nor deflated"),
    "lzma": (styles_packed_with(zipfile.ZIP_LZMA), CannotRun, "neither stored nor deflated"),
    "an unknown method": (lambda path: styles_in(path, GOOD, method=77), CannotRun, "neither stored nor deflated"),
    "a link": (styles_link, CannotRun, "a link or a device"),
    "a local header elsewhere": (lambda path: styles_in(path, GOOD, offset=7), CannotRun, "cannot be read"),
} | {
    f"no column {name}": (lambda path, text=text: styles_in(path, text), ContractBroken, f"no column {name}.")
    for name, text in WITHOUT_COLUMN.items()
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_styles_csv_is_refused_before_anything_is_taken_in(filled: Lake, tmp_path: Path, name: str) -> None:
    make, error, words = REFUSED[name]
    before = filled.versions(), filled.digests()
    with pytest.raises(error, match=re.escape(words)) as raised:
        filled.take_in(make(tmp_path / "bad.zip"))
    assert "styles.csv" in str(raised.value)
    assert (filled.versions(), filled.digests()) == before


ACCEPTED = {
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "CRLF": GOOD.replace(b"\n", b"\r\n"),
    "no last line end": GOOD.rstrip(b"\n"),
    "blank lines": GOOD.replace(b"\n", b"\n\n\r\n"),
    "a quoted header": GOOD.replace(HEADER.encode(), ",".join(f'"{name}"' for name in HEADER.split(",")).encode()),
    "quoted fields": GOOD.replace(b"Plain Shirt", b'"Plain Shirt"'),
    "another column": b"".join(b"x," + row + b"\n" for row in GOOD.splitlines()),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_another_way_to_write_the_same_rows_gives_the_same_rows(lake: Lake, tmp_path: Path, name: str) -> None:
    counts = account(lake.take_in(styles_in(tmp_path / "a.zip", ACCEPTED[name])))
    assert counts["rows"] == (5, 5, 0, 0, 0)
    assert {row["display_name"] for row in lake.rows(products.TABLE)} == {"Plain Shirt"}


def test_a_header_alone_is_a_catalogue_of_nothing(lake: Lake, tmp_path: Path) -> None:
    assert account(lake.take_in(styles_in(tmp_path / "a.zip", HEADER.encode())))["rows"] == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("damage", ["crc", "size", "bytes"])
def test_a_styles_csv_that_breaks_off_late_keeps_what_was_there(lake: Lake, tmp_path: Path, damage: str) -> None:
    lake.take_in(zipped(tmp_path / "good.zip", catalogue(*EARLIER)))
    before = lake.digests(EARLIER)
    names = random.Random(4)
    rows = [line(i, f"{names.getrandbits(800):x}") for i in range(1, 500)]
    path = styles_in(tmp_path / "late.zip", styles(*rows))
    if damage == "bytes":
        data = bytearray(path.read_bytes())
        data[60_000:60_200] = bytes(200)
        path.write_bytes(data)
    else:
        lie(path, "styles.csv", **{damage: 50_000})
    with pytest.raises(CannotRun, match=r"styles.csv in .*late.zip breaks off.*fetch the archive again"):
        lake.take_in(path)
    assert lake.digests(EARLIER) == before


def test_of_two_styles_csv_the_first_counts(lake: Lake, tmp_path: Path) -> None:
    entries = [*catalogue(1, 2).items(), ("styles.csv", styles(line(1, "Other"), line(2, "Other")))]
    lake.take_in(zipped(tmp_path / "a.zip", entries))
    assert {row["display_name"] for row in lake.rows(products.TABLE)} == {"Plain Shirt"}
    assert [reason for _, reason in lake.open_rejects()] == ["duplicate_name"]


def test_an_endless_line_is_one_reject(lake: Lake, tmp_path: Path) -> None:
    noise = random.Random(3).randbytes(2 << 20).replace(b"\n", b"")
    content = styles(line(1)) + noise + b"\n" + line(2).encode()
    counts = account(lake.take_in(styles_in(tmp_path / "a.zip", content)))
    assert counts["rows"] == (3, 2, 0, 1, 0)
    assert lake.open_rejects() == {("line 3", "line_too_long"): "line 3 is longer than 65536 bytes."}


def test_rows_without_end_stop_at_a_limit(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_of_styles, "_REJECTS", 1000)
    with pytest.raises(ContractBroken, match="more than 1000 rows are no products: this is no catalogue"):
        lake.take_in(styles_in(tmp_path / "a.zip", styles(*("x" for _ in range(2000)))))


def walked(path: Path) -> None:
    """Read an archive from end to end as ingest does, without a lake."""
    with open_archive(path) as archive:
        with suppress(*DAMAGE, TesseraError):  # ingest turns this damage into a sentence, as tests above show
            header, lines = styles_csv.open_lines(archive.open("styles.csv") or io.BytesIO())
            for one in lines:
                with suppress(Rejected):
                    styles_csv.product(header, one, True)
        for member in archive.members():
            with suppress(Rejected):
                archive.read(member)


@pytest.mark.parametrize("seed", range(6))
def test_no_damage_brings_anything_but_a_reject_or_a_sentence(tmp_path: Path, seed: int) -> None:
    """250 mutants a seed; the directory at the end, where a zip is most easily confused, takes half of the hits."""
    draw = random.Random(seed)
    whole = zipped(
        tmp_path / "whole.zip", catalogue(*range(1, 7)), (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[seed % 2]
    )
    with zipfile.ZipFile(whole) as archive:
        directory = archive.start_dir
    data = whole.read_bytes()
    mutant = tmp_path / "mutant.zip"
    for _ in range(250):
        damaged = bytearray(data)
        for _ in range(draw.choice((1, 1, 2, 8))):
            start = directory if draw.random() < 0.5 else 0
            damaged[draw.randrange(start, len(data))] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
        mutant.write_bytes(damaged)
        with suppress(TesseraError):
            walked(mutant)


def test_a_folder_with_links_reads_nothing_outside(lake: Lake, tmp_path: Path) -> None:
    outside = unpacked(tmp_path / "outside", {"secret.jpg": jpeg(99), "images/9.jpg": jpeg(98)})
    folder = unpacked(tmp_path / "folder", catalogue(1, 2, 3, 4))
    (folder / "images/2.jpg").unlink()
    (folder / "images/2.jpg").symlink_to(outside / "secret.jpg")
    (folder / "more").symlink_to(outside / "images")
    (folder / "images/self").symlink_to(folder)
    (folder / "images/nowhere.jpg").symlink_to(tmp_path / "nothing")
    (folder / os.fsdecode(b"not-\xff-utf8.jpg")).symlink_to("/etc/passwd")
    counts = account(lake.take_in(folder))
    assert counts == {"images": (8, 3, 0, 5, 0), "rows": (4, 3, 0, 1, 0)}
    links = {key for key, reason in lake.open_rejects() if reason == "unsafe_name"}
    assert links == {"images/2.jpg", "more", "images/self", "images/nowhere.jpg", "not-\\udcff-utf8.jpg"}
    assert all(key in detail for (key, _), detail in lake.open_rejects().items() if key in links)


def test_what_is_no_file_in_a_folder_is_absent(lake: Lake, tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "folder", catalogue(1) | {"styles.csv": styles(line(1), line(2), line(3))})
    os.mkfifo(folder / "images/2.jpg")  # reading it would hang
    (folder / "images/3.jpg").mkdir()
    assert account(lake.take_in(folder))["rows"] == (3, 1, 0, 2, 0)
    assert lake.open_rejects().keys() == {("2", "image_absent"), ("3", "image_absent")}


def test_a_folder_without_styles_csv_is_refused(filled: Lake, tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "folder", {"images/1.jpg": jpeg(1)})
    refused(filled, folder, ContractBroken, "holds no styles.csv")
    (folder / "styles.csv").symlink_to("/etc/passwd")
    refused(filled, folder, ContractBroken, "holds no styles.csv")


def test_a_folder_that_cannot_be_read_is_a_reject(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = unpacked(tmp_path / "folder", catalogue(1) | {"images/locked/2.jpg": jpeg(2), "images/z/3.jpg": jpeg(3)})
    look = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return look(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert account(lake.take_in(folder))["images"] == (2, 1, 0, 1, 0)
    sentence = "images/locked: it cannot be read: Permission denied."
    assert lake.open_rejects() == {("images/locked", "unreadable_folder"): sentence}


def test_a_folder_of_any_depth_is_walked(tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "folder", {"styles.csv": b""})
    deep = f"{folder}{'/d' * 1_500}"  # deeper than Python calls, shorter than the longest path
    subprocess.run(["mkdir", "-p", deep], check=True)
    names = [member.name for member in FolderArchive(folder).members()]
    subprocess.run(["rm", "-r", f"{folder}/d"], check=True)  # pytest could not
    assert names == ["styles.csv"]


def test_a_file_that_goes_away_or_cannot_be_read_is_a_reject(tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "folder", catalogue(1, 2))
    archive = FolderArchive(folder)
    members = {member.name: member for member in archive.members()}
    (folder / "images/1.jpg").unlink()
    with pytest.raises(Rejected, match="unreadable_file"):
        archive.read(members["images/1.jpg"])
    assert archive.read(members["images/2.jpg"]) == jpeg(2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights_is_a_reject_and_styles_csv_without_rights_an_error(lake: Lake, tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "folder", catalogue(1, 2))
    (folder / "images/1.jpg").chmod(0)
    lake.take_in(folder)
    assert ("images/1.jpg", "unreadable_file") in lake.open_rejects()
    (folder / "styles.csv").chmod(0)
    refused(lake, folder, CannotRun, "Permission denied")


def test_a_file_larger_than_32_mib_is_not_read_to_its_end(tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "folder", {"images/1.jpg": b""})
    with (folder / "images/1.jpg").open("r+b") as file:
        file.truncate(1 << 40)  # a sparse terabyte
    archive = FolderArchive(folder)
    with pytest.raises(Rejected, match="too_many_bytes"):
        archive.read(Member("images/1.jpg", ""))
