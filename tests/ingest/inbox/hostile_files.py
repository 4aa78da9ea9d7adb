"""Hostile files: names and links that lead elsewhere, what is no picture, and what is another's."""

from __future__ import annotations

import os
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from boxes import Box, Line, confirm, delete, label, manifest, picture, upload, vote
from hostile_drops import PRIVATE, SHARED, Case, line, lines

_NAMES = (
    *("/etc/passwd", "../good/secret.jpg", "../../images/x", "x/../../good/secret.jpg", "..", ".", "./a.jpg", "a//b"),
    *("..\\good\\secret.jpg", "C:\\a.jpg", "C:a.jpg", "\\\\host\\share\\a.jpg", "a.jpg\\", "file:///etc/passwd"),
    *("%2e%2e/good/secret.jpg", "%2e%2e%2fgood%2fsecret.jpg", "..%2fgood", "%00", "a.jpg%00.png"),
    *("\uff0e\uff0e/good/secret.jpg", "..\u2215good", "\u2025/good/secret.jpg", "․․/good/secret.jpg"),
    *("manifest.jsonl", "MANIFEST.JSONL", "Manifest.jsonl", "a.jpg/", "/a.jpg", "", " ", "CON", "NUL.jpg", "aux"),
    *(
        "a.jpg:stream",
        "~/a.jpg",
        "$HOME/a.jpg",
        "`id`.jpg",
        "$(id).jpg",
        "-rf",
        "a.jpg\n",
        "a\rb",
        "\x1b[2J",
        "a\u0085",
    ),
    *("x" * 600, "/".join("d" * 250), "*", "?.jpg", "s3://bucket/a.jpg", "https://example.org/a.jpg", "\ud800.jpg"),
    *("good/secret.jpg", "../incoming/good/secret.jpg", "a.jpg#1", "a.jpg?versionId=1"),
)
PATHS = [lines(f"file {name[:40]!r}", line(file=name)) for name in _NAMES]


def _beside(name: bytes) -> Callable[[Box, str], None]:
    """Drop a good batch with a file of a strange name in it."""

    def drop(box: Box, batch: str) -> None:
        folder = box.put(batch, line(), files={"a.jpg": picture(1)})
        handle = os.open(os.fsencode(folder) + b"/" + name, os.O_WRONLY | os.O_CREAT)
        os.write(handle, b"x")
        os.close(handle)

    return drop


def _called(suffix: bytes) -> Callable[[Box, str], None]:
    """Drop a batch whose folder has a strange name."""

    def drop(box: Box, batch: str) -> None:
        folder = box.put(batch, line(), files={"a.jpg": picture(1)})
        folder.rename(os.fsdecode(os.fsencode(folder) + suffix))

    return drop


def _named(name: str) -> Case:
    """A file of a name that is strange and right."""
    drop = lambda box, batch: box.put(batch, line(file=name), files={name: picture(1)})  # noqa: E731
    return Case(f"a file called {name!r}", drop, harmless=True)


NAMES = [
    *(
        Case(f"a file called {name!r} beside", _beside(name), harmless=True)
        for name in (b"a\nb", b"\x01", b"\xff\xfe", b"\x1b[2J", b"a#1", b"%", b"~", b"a\\b", b"\xc3\xa9", b"e\xcc\x81")
    ),
    *(
        _named(name)
        for name in ("100%.jpg", "100%25.jpg", "a#b.jpg", "a#1", " .jpg", "😀.jpg", "\u00e9.jpg", "e\u0301.jpg")
    ),
    *(_named(name) for name in ("a?b.jpg", "a*.jpg", "<b>.jpg", "'; DROP TABLE images;--.jpg", "=1+1.jpg", "-rf.jpg")),
    *(_named(name) for name in ("line 1", "....jpg", "sub/dir/a.jpg", "a" * 240, "manifest.jsonl.jpg", ".hidden.jpg")),
    *(
        Case(f"a folder called …{name!r}", _called(name))
        for name in (b"\n", b"\xff", b"\x1b[2J", b"\\..\\good", b"\x7f")
    ),
    *(
        Case(f"a folder called …{name!r}", _called(name), harmless=True)
        for name in (b"%", b"#", b" ", b"\xf0\x9f\x98\x80")
    ),
    Case(
        "NFC in the manifest, NFD on disk",
        lambda box, batch: box.put(batch, line(file="\u00e9.jpg"), files={"e\u0301.jpg": picture(1)}),
    ),
]


def _with(link: Callable[[Path], object], *said: Line) -> Callable[[Box, str], None]:
    def drop(box: Box, batch: str) -> None:
        folder = box.put(batch, *(said or (line(),)))
        link(folder)

    return drop


def _replaced(link: Callable[[Box, Path], object]) -> Callable[[Box, str], object]:
    """Drop a link or the like in the place of a batch's folder."""

    def drop(box: Box, batch: str) -> None:
        box.folder(batch).parent.mkdir(parents=True, exist_ok=True)
        link(box, box.folder(batch))

    return drop


def _bound(path: Path) -> None:
    short = Path("/tmp") / f"tessera-{os.getpid()}-{path.parent.name}"  # a socket's name has 107 bytes at most
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(short))
    short.rename(path)


def _deep(path: Path) -> None:
    here = os.open(path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=here)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


LINKS = [
    Case("a link to a file outside", _with(lambda folder: (folder / "a.jpg").symlink_to("/etc/hostname"))),
    Case(
        "a link to another's private picture",
        _with(
            lambda folder: (folder / "a.jpg").symlink_to("../good/secret.jpg"), upload(PRIVATE, "eve", 1, file="a.jpg")
        ),
    ),
    Case("a link to another file of the batch", _with(lambda folder: (folder / "a.jpg").symlink_to("manifest.jsonl"))),
    Case("a link to nothing", _with(lambda folder: (folder / "a.jpg").symlink_to("/nowhere"))),
    Case("a link to itself", _with(lambda folder: (folder / "a.jpg").symlink_to("a.jpg"))),
    Case("a pipe", _with(lambda folder: os.mkfifo(folder / "a.jpg"))),
    Case("a socket", _with(lambda folder: _bound(folder / "a.jpg"))),
    Case("a folder of the file's name", _with(lambda folder: (folder / "a.jpg").mkdir())),
    Case(
        "a file in a linked folder",
        _with(lambda folder: (folder / "sub").symlink_to("../good"), upload(PRIVATE, "eve", 1, file="sub/secret.jpg")),
    ),
    Case(
        "the whole disk beside",
        _with(lambda folder: (folder / "disk").symlink_to("/"), vote(SHARED, 1, "eve")),
        harmless=True,
    ),
    Case(
        "a loop beside", _with(lambda folder: (folder / "loop").symlink_to("."), vote(SHARED, 1, "eve")), harmless=True
    ),
    Case("folders deeper than a path", _with(_deep, vote(SHARED, 1, "eve")), harmless=True),
    Case(
        "a linked manifest",
        _with(
            lambda folder: (
                (folder / "manifest.jsonl").unlink(),
                (folder / "manifest.jsonl").symlink_to("/etc/hostname"),
            )
        ),
    ),
    Case(
        "another's manifest",
        _with(
            lambda folder: (
                (folder / "manifest.jsonl").unlink(),
                (folder / "manifest.jsonl").symlink_to("../good/manifest.jsonl"),
            )
        ),
    ),
    Case(
        "a pipe for a manifest",
        _with(lambda folder: ((folder / "manifest.jsonl").unlink(), os.mkfifo(folder / "manifest.jsonl"))),
    ),
    Case(
        "a folder for a manifest",
        _with(
            lambda folder: (
                (folder / "manifest.jsonl").unlink(),
                (folder / "manifest.jsonl" / "x").mkdir(parents=True),
                (folder / "manifest.jsonl" / "x" / "y").write_bytes(b"y"),
            )
        ),
    ),
    Case("a link for a folder", _replaced(lambda box, path: path.symlink_to("good"))),
    Case("the whole disk for a folder", _replaced(lambda box, path: path.symlink_to("/"))),
    Case("a link to its own parent for a folder", _replaced(lambda box, path: path.symlink_to("."))),
    Case("a pipe for a folder", _replaced(lambda box, path: os.mkfifo(path))),
    Case("a file for a folder", _replaced(lambda box, path: path.write_bytes(b"x"))),
]


def _png(width: int, height: int) -> bytes:
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(99))))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _brings(name: str, data: bytes) -> Case:
    return lines(name, upload(data, "eve", file="x.jpg"), x_jpg=data)


_PICTURES = {
    "nothing": b"",
    "a GIF": bytes.fromhex("47494638396101000100800000ffffff0000002c00000000010001000002024401003b"),
    "an SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "SVG that reads files": b"<!DOCTYPE s [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><svg>&x;</svg>",
    "HTML": b"<html><script>alert(1)</script>",
    "a BMP": b"BM" + bytes(80),
    "a TIFF": b"II*\0" + bytes(80),
    "a PDF": b"%PDF-1.7\n%%EOF",
    "PostScript": b"%!PS\n(/etc/passwd) (r) file",
    "a zip": b"PK\x03\x04" + bytes(60),
    "an ELF program": b"\x7fELF" + bytes(60),
    "a pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    "a PNG bomb": _png(60_000, 60_000),
    "a PNG of no width": _png(0, 10),
    "a PNG too long": _png(20_000, 1),
    "half a JPEG": picture(1)[: len(picture(1)) // 2],
    "a JPEG's first bytes": picture(1)[:3],
    "a WEBP header": b"RIFF\x10\0\0\0WEBPVP8 " + bytes(8),
    "a manifest": manifest(vote(1, 1)),
}
PICTURES = [_brings(name, data) for name, data in _PICTURES.items()]


def _three_of_a_hundred(box: Box, batch: str) -> None:
    said = [upload(10_000 + number, "eve") for number in range(97)]
    bad = {f"bad{number}.png": b"GIF89a" + bytes([number]) for number in range(3)}
    box.put(batch, *said, *(upload(data, "eve", file=name) for name, data in bad.items()), files=bad)


PICTURES.append(Case("three bad files of a hundred", _three_of_a_hundred))
PICTURES.append(
    Case(
        "one file under three names and users",
        lambda box, batch: box.put(
            batch, *(line(user_id=user) for user in ("eve", "eve2", "eve3")), line(size=1), files={"a.jpg": picture(1)}
        ),
    )
)

_SECRET = len(picture(PRIVATE))
OTHERS = [
    lines("a vote on a private picture", vote(PRIVATE, 1, "eve")),
    lines("a label of a private picture", label(PRIVATE, "Tee", "eve", with_file=False)),
    lines("a confirmation of another's picture", confirm(SHARED, "Tee", "eve")),
    lines("a deletion of another's picture", delete(SHARED, "eve", 99)),
    lines("a deletion of another's private picture", delete(PRIVATE, "eve", 99)),
    lines(
        "the sha256 of another's picture for other bytes", upload(PRIVATE, "eve", file="x.jpg"), x_jpg=bytes(_SECRET)
    ),
    lines("the sha256 of another's picture without a file", upload(PRIVATE, "eve", file="x.jpg")),
    lines("the sha256 of another's picture, of no size", upload(PRIVATE, "eve", file="x.jpg") | {"size": 0}, x_jpg=b""),
    lines("another's batch by a path", upload(PRIVATE, "eve", file="../good/secret.jpg")),
    lines("a user like another's key", vote(PRIVATE, 1, "upload/good")),
    lines("a user like another's path", delete(SHARED, "good/..", 99)),
    lines("a user who looks like another", delete(SHARED, "gооd", 99)),
    lines("a user in other letters", delete(SHARED, "GOOD", 99)),
    lines("a user with a joiner", delete(SHARED, "go\u200dod", 99)),
]
