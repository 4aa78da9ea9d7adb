"""One bad picture in an archive costs itself only: every kind of them, side by side in one zip."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shop import Lake, account, catalogue, jpeg, lie, line, styles, zipped

from pipelines.imaging import encode_png
from pipelines.ingest import image_sources, images, products
from pipelines.ingest.archive import ZipArchive, name_fault
from pipelines.lake.store import Store

EARLIER = (1, 2, 3)
NOISE = np.random.default_rng(7).integers(0, 256, (16, 12, 3), dtype=np.uint8)
Entry = tuple[str | zipfile.ZipInfo, bytes]


def saved(pixels: np.ndarray, form: str, mode: str | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(file, form, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width: int, height: int) -> bytes:
    """Return a PNG whose header claims a size and whose pixels are not there."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def jpeg_of(width: int, height: int) -> bytes:
    frame = struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes((1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0))
    scan = struct.pack(">H", 12) + bytes((3, 1, 0, 2, 0, 3, 0, 0, 63, 0))
    return b"\xff\xd8\xff\xc0" + frame + b"\xff\xda" + scan + bytes(12)


def animated(form: str) -> bytes:
    frames = [Image.fromarray(np.full((16, 12, 3), level, np.uint8)) for level in (0, 120, 250)]
    file = io.BytesIO()
    frames[0].save(file, form, save_all=True, append_images=frames[1:])
    return file.getvalue()


def header(name: str, kind: int = stat.S_IFREG, method: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr, info.compress_type = (kind | 0o644) << 16, method
    return info


GOOD_ALPHA = np.dstack([NOISE, np.full((16, 12), 90, np.uint8)])
SIXTEEN_BITS = (np.arange(192, dtype=np.uint16) * 300).reshape(16, 12)
ROTATED = Image.Exif()
ROTATED[0x0112] = 6

# Pictures under images/<id>.jpg that are taken whatever the name says → format, mode.
ODD = {
    "png": (encode_png(NOISE), "png", "RGB"),
    "webp": (saved(NOISE, "WEBP", lossless=True), "webp", "RGB"),
    "cmyk": (saved(NOISE, "JPEG", "CMYK"), "jpeg", "CMYK"),
    "16 bits": (saved(SIXTEEN_BITS, "PNG"), "png", "I;16"),
    "grey": (saved(NOISE[..., 0], "JPEG"), "jpeg", "L"),
    "palette": (saved(NOISE, "PNG", "P"), "png", "P"),
    "alpha": (saved(GOOD_ALPHA, "PNG"), "png", "RGBA"),
    "grey and alpha": (saved(GOOD_ALPHA, "PNG", "LA"), "png", "LA"),
    "black and white": (saved(NOISE, "PNG", "1"), "png", "1"),
    "turned by EXIF": (saved(NOISE, "JPEG", exif=ROTATED), "jpeg", "RGB"),
    "progressive": (saved(NOISE, "JPEG", progressive=True), "jpeg", "RGB"),
    "one pixel": (encode_png(NOISE[:1, :1]), "png", "RGB"),
}

# Bytes under images/<id>.jpg that are no picture to take → reason.
BAD = {
    "no bytes": (b"", "empty_file"),
    "text": (b"<html>404 Not Found</html>", "not_an_image"),
    "zeros": (bytes(5000), "not_an_image"),
    "cut short": (jpeg(900)[:-60], "truncated"),
    "cut in its header": (jpeg(901)[:30], "truncated"),
    "png cut short": (encode_png(NOISE)[:-40], "truncated"),
    "magic only": (b"\xff\xd8\xff", "truncated"),
    "200 megapixels in jpeg": (jpeg_of(16_000, 12_500), "too_many_pixels"),
    "200 megapixels in png": (png_of(16_000, 12_500), "too_many_pixels"),
    "a side of 20,000": (png_of(20_000, 10), "side_too_long"),
    "no pixels": (png_of(0, 10), "corrupt"),
    "gif": (saved(NOISE, "GIF"), "unsupported_format"),
    "moving gif": (animated("GIF"), "unsupported_format"),
    "bmp": (saved(NOISE, "BMP"), "unsupported_format"),
    "tiff": (saved(NOISE, "TIFF"), "unsupported_format"),
    "pdf": (b"%PDF-1.7\n", "unsupported_format"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
    "moving png": (animated("PNG"), "animated"),
    "moving webp": (animated("WEBP"), "animated"),
    "a wrong checksum": (encode_png(NOISE)[:-20] + b"\0" * 20, "corrupt"),
    "a zip": (b"PK\x03\x04" + bytes(100), "not_an_image"),
    "a pickle": (b"\x80\x04\x95cos\nsystem\n(S'true'\ntR.", "not_an_image"),
}


@dataclass(frozen=True)
class Crafted:
    """A member that the zip itself is wrong about; `id` is None where the name is not images/<id>.jpg."""

    reason: str
    entry: Callable[[str], list[Entry]]
    lies: dict[str, int] | None = None
    key: str = ""


def plain(seed: int) -> Callable[[str], list[Entry]]:
    return lambda name: [(name, jpeg(seed))]


def zeros(megabytes: int) -> Callable[[str], list[Entry]]:
    return lambda name: [(header(name), bytes(megabytes << 20))]


CRAFTED = {
    "a link": Crafted("unsafe_name", lambda name: [(header(name, stat.S_IFLNK), b"/etc/passwd")]),
    "a device": Crafted("unsafe_name", lambda name: [(header(name, stat.S_IFCHR), b"")]),
    "a pipe": Crafted("unsafe_name", lambda name: [(header(name, stat.S_IFIFO), b"")]),
    "encrypted": Crafted("encrypted", plain(500), {"flags": 1}),
    "strongly encrypted": Crafted("encrypted", plain(501), {"flags": 0x41}),
    "patched data": Crafted("corrupt_member", plain(502), {"flags": 0x20}),
    "a bad checksum": Crafted("corrupt_member", plain(503), {"crc": 1}),
    "claims too little": Crafted("corrupt_member", plain(504), {"size": 100}),
    "claims nothing": Crafted("corrupt_member", plain(505), {"size": 0}),
    "packed in less": Crafted("corrupt_member", plain(506), {"packed": 50}),
    "packed in more": Crafted("zip_bomb", plain(507), {"packed": 1 << 30}),
    "claims a gigabyte": Crafted("too_many_bytes", plain(508), {"size": 1 << 30}),
    "claims 30 MiB": Crafted("zip_bomb", plain(509), {"size": 30 << 20}),
    "a bomb": Crafted("zip_bomb", zeros(8)),
    "a big bomb": Crafted("too_many_bytes", zeros(40)),
    "a bomb that claims little": Crafted("corrupt_member", zeros(8), {"size": 3000}),
    "a bomb within the ratio": Crafted("corrupt_member", zeros(40), {"size": 4 << 20}),
    "bzip2": Crafted("unknown_compression", lambda name: [(header(name, method=zipfile.ZIP_BZIP2), jpeg(510))]),
    "lzma": Crafted("unknown_compression", lambda name: [(header(name, method=zipfile.ZIP_LZMA), jpeg(511))]),
    "an unknown method": Crafted("unknown_compression", plain(512), {"method": 77}),
    "deflate that is none": Crafted(
        "corrupt_member", lambda name: [(header(name, method=0), jpeg(513))], {"method": 8}
    ),
    "a local header elsewhere": Crafted("corrupt_member", plain(514), {"offset": 5}),
    "a name of dots": Crafted("unsafe_name", lambda _: [("../outside.jpg", jpeg(515))], key="../outside.jpg"),
    "dots within": Crafted("unsafe_name", lambda _: [("images/../../1.jpg", b"")], key="images/../../1.jpg"),
    "an absolute name": Crafted("unsafe_name", lambda _: [("/etc/cron.d/x", b"")], key="/etc/cron.d/x"),
    "a drive": Crafted("unsafe_name", lambda _: [("C:/Windows/x.jpg", b"")], key="C:/Windows/x.jpg"),
    "a drive without a root": Crafted("unsafe_name", lambda _: [("c:x.jpg", b"")], key="c:x.jpg"),
    "backslashes": Crafted("unsafe_name", lambda _: [("images\\4.jpg", b"")], key="images\\4.jpg"),
    "dots with backslashes": Crafted("unsafe_name", lambda _: [("..\\..\\x", b"")], key="..\\..\\x"),
    "a share": Crafted("unsafe_name", lambda _: [("//host/share/x", b"")], key="//host/share/x"),
}
TWICE = 40  # the id whose picture stands in the zip three times


def ids_from(first: int, names: dict) -> dict[str, int]:
    return {name: first + place for place, name in enumerate(names)}


ODD_IDS, BAD_IDS, CRAFTED_IDS = ids_from(1000, ODD), ids_from(2000, BAD), ids_from(3000, CRAFTED)


def hostile_zip(path: Path) -> Path:
    """Write a zip of good pictures, odd ones, and all the bad ones."""
    ids = (*EARLIER, 4, TWICE, *ODD_IDS.values(), *BAD_IDS.values(), *CRAFTED_IDS.values())
    entries: list[Entry] = [("styles.csv", styles(*map(line, ids)))]
    entries += [(f"images/{i}.jpg", jpeg(i)) for i in (*EARLIER, 4, TWICE)]
    entries += [(f"images/{TWICE}.jpg", jpeg(41)), (f"images/{TWICE}.jpg", b"no picture")]
    entries += [("README.txt", b"not looked at"), ("images/", b""), ("images/\u0661.jpg", jpeg(42))]
    entries += [(f"images/{ODD_IDS[name]}.jpg", data) for name, (data, *_) in ODD.items()]
    entries += [(f"images/{BAD_IDS[name]}.jpg", data) for name, (data, _) in BAD.items()]
    for name, crafted in CRAFTED.items():
        entries += crafted.entry(f"images/{CRAFTED_IDS[name]}.jpg")
    zipped(path, entries)
    for name, crafted in CRAFTED.items():
        if crafted.lies:
            lie(path, f"images/{CRAFTED_IDS[name]}.jpg", **crafted.lies)
    return path


@dataclass(frozen=True)
class Night:
    lake: Lake
    path: Path
    before: dict[str, str]
    counts: dict[str, tuple[int, ...]]
    rejects: dict[tuple[str, str], str]
    formats: dict[str, tuple[str, str]]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """One night of good pieces, then one of the hostile zip."""
    folder = tmp_path_factory.mktemp("hostile")
    lake = Lake(Store(str(folder / "lake")))
    lake.take_in(zipped(folder / "good.zip", catalogue(*EARLIER)))
    before = lake.digests(EARLIER)
    path = hostile_zip(folder / "hostile.zip")
    counts = account(lake.take_in(path))
    kinds = {row["image_id"]: (row["format"], row["mode"]) for row in lake.rows(images.TABLE)}
    formats = {row["key"]: kinds[row["image_id"]] for row in lake.rows(image_sources.TABLE)}
    return Night(lake, path, before, counts, lake.open_rejects(), formats)


def test_every_file_and_row_is_accounted_for(night: Night) -> None:
    bad = len(BAD) + len(CRAFTED) + 2
    named = sum(not crafted.key for crafted in CRAFTED.values())
    fresh = 2 + len(ODD)
    assert night.counts["images"] == (len(EARLIER) + fresh + bad, fresh, len(EARLIER), bad, 0)
    rows = len(EARLIER) + 2 + len(ODD) + len(BAD) + len(CRAFTED)
    assert night.counts["rows"] == (rows, fresh, len(EARLIER), len(BAD) + len(CRAFTED), 0)
    assert len(night.rejects) == bad + len(BAD) + len(CRAFTED)
    assert sum(reason == "image_unreadable" for _, reason in night.rejects) == len(BAD) + named


def test_what_the_lake_held_is_untouched(night: Night) -> None:
    assert night.lake.digests(EARLIER) == night.before


def test_good_pictures_beside_the_bad_ones_are_kept(night: Night) -> None:
    held = {row["product_id"] for row in night.lake.rows(products.TABLE)}
    assert held == {*EARLIER, 4, TWICE, *ODD_IDS.values()}


@pytest.mark.parametrize("name", ODD)
def test_content_decides_not_the_name(night: Night, name: str) -> None:
    assert night.formats[f"images/{ODD_IDS[name]}.jpg"] == ODD[name][1:]


@pytest.mark.parametrize("name", BAD)
def test_bytes_that_are_no_picture_are_a_reject(night: Night, name: str) -> None:
    key = f"images/{BAD_IDS[name]}.jpg"
    assert key in night.rejects[key, BAD[name][1]]
    assert key in night.rejects[str(BAD_IDS[name]), "image_unreadable"]


@pytest.mark.parametrize("name", CRAFTED)
def test_a_member_that_the_zip_is_wrong_about_is_a_reject(night: Night, name: str) -> None:
    key = CRAFTED[name].key or f"images/{CRAFTED_IDS[name]}.jpg"
    sentence = night.rejects[key, CRAFTED[name].reason]
    assert sentence.startswith(f"{key}: ")
    assert sentence.endswith(".")


def test_of_a_name_that_stands_twice_the_first_counts_and_the_others_are_rejects(night: Night) -> None:
    shown = {row["key"]: row["image_id"] for row in night.lake.rows(image_sources.TABLE)}
    held = {row["image_id"]: row["data"] for row in night.lake.rows(images.TABLE)}
    assert held[shown[f"images/{TWICE}.jpg"]] == jpeg(TWICE)
    again = [key for key, reason in night.rejects if reason == "duplicate_name"]
    assert len(again) == 2
    assert all(key.startswith(f"images/{TWICE}.jpg at byte ") for key in again)


def test_a_repeat_of_the_hostile_night_commits_nothing(night: Night) -> None:
    version = night.lake.versions()
    night.lake.take_in(night.path)
    assert night.lake.versions() == version


def test_members_may_be_listed_again(night: Night) -> None:
    with ZipArchive(zipfile.ZipFile(night.path)) as archive:
        assert list(archive.members()) == list(archive.members())


def test_files_that_share_their_bytes_are_a_bomb(lake: Lake, tmp_path: Path) -> None:
    """A small zip may list the same bytes under many names, and so unpack to any size."""
    path = zipped(tmp_path / "a.zip", catalogue(*range(1, 9)))
    size = path.stat().st_size
    for i in range(1, 9):
        lie(path, f"images/{i}.jpg", packed=size * 3 // 10)
    counts = account(lake.take_in(path))
    assert counts["images"] == (8, 3, 0, 5, 0)
    assert {reason for _, reason in lake.open_rejects()} == {"zip_bomb", "image_unreadable"}


@pytest.mark.parametrize("name", ["images/1.jpg", "styles.csv", "images/..jpg", "images/a b.jpg", "images/1..2.jpg"])
def test_harmless_names_have_no_fault(name: str) -> None:
    assert name_fault(name) is None
