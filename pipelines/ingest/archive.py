"""Archives: a folder or a zip read as it lies, member by member, never unpacked to disk."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from pipelines.lake.errors import CannotRun, Rejected

_MEMBER_BYTES = 32 << 20  # of one picture, unpacked
_BOMB_BYTES, _BOMB_RATIO = 1 << 20, 200  # a member that unpacks to over 1 MiB and 200 times its size is a bomb
_MEMBERS = 5_000_000
_TEXT_BYTES = 512 << 20  # of the one file that is read as a stream
# All that zipfile raises on damaged archives, by reading it and by fuzzing.
DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, OverflowError, RuntimeError)


@dataclass(frozen=True)
class Member:
    """A file in an archive; `stamp` changes with its bytes. `fault` says why it must not be read."""

    name: str
    stamp: str
    fault: tuple[str, str] | None = None


class Archive(Protocol):
    """What a source reads from."""

    def members(self) -> Iterator[Member]:
        """Yield the files; hostile names come with a fault."""
        ...

    def read(self, member: Member) -> bytes:
        """Return a file's bytes, at most 32 MiB. Raises Rejected."""
        ...

    def open(self, name: str) -> BinaryIO | None:
        """Open a file for reading, None if it is not there. Raises CannotRun."""
        ...


def open_archive(path: Path) -> AbstractContextManager[Archive]:
    """Open a folder or a zip. Raises CannotRun when it is neither."""
    if path.is_dir():
        return FolderArchive(path)
    if not path.is_file():
        raise CannotRun(f"there is no folder or file {path}. Name the catalogue's folder or zip.")
    try:
        return ZipArchive(zipfile.ZipFile(path))
    except DAMAGE as error:
        raise CannotRun(
            f"{path} cannot be read as a zip: {error}. It may be cut short or be something else: fetch it again. "
            "Nothing was changed."
        ) from error


def name_fault(name: str) -> tuple[str, str] | None:
    """Return (reason, sentence) for a member name that tries to leave the archive, None for a harmless one."""
    parts = re.split(r"[/\\]", name)
    if ".." in parts or not parts[0] or re.match(r"^[A-Za-z]:", name) or "\x00" in name or "\\" in name:
        return "unsafe_name", "the name points outside the archive; such files are never read."
    return None


class ZipArchive(AbstractContextManager["ZipArchive"]):
    """A zip. Sizes that its headers claim are not believed: reading stops at the limit."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._zip = archive
        self._infos: dict[str, zipfile.ZipInfo] = {}
        if len(archive.infolist()) > _MEMBERS:
            raise CannotRun(f"the zip lists more than {_MEMBERS} files: split it.")

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def members(self) -> Iterator[Member]:
        self._infos = {}
        left = Path(str(self._zip.filename)).stat().st_size  # of packed bytes: more are the same ones over again
        for info in self._zip.infolist():
            if info.filename.endswith("/"):  # a folder; `is_dir` fails where there is no name
                continue
            name, fault = info.filename or "nameless", _member_fault(info, _MEMBER_BYTES)
            if info.compress_size > left:
                fault = fault or ("zip_bomb", "the zip does not have the bytes that its files claim together.")
            else:
                left -= info.compress_size
            if name in self._infos:
                name = f"{name} at byte {info.header_offset}"
                fault = "duplicate_name", "the zip holds a file of this name before it; the first one counts."
            else:
                self._infos[name] = info
            yield Member(name, f"{info.CRC:08x}-{info.file_size}", fault)

    def read(self, member: Member) -> bytes:
        if member.fault:
            raise Rejected(*member.fault)
        try:
            with self._zip.open(self._infos[member.name]) as file:
                data = file.read(_MEMBER_BYTES + 1)
                if len(data) <= _MEMBER_BYTES:
                    file.read(1)  # reaches the end, where the checksum is compared
        except DAMAGE as error:
            raise Rejected("corrupt_member", f"the zip does not give the file back whole: {error}.") from error
        if len(data) > _MEMBER_BYTES:
            raise Rejected("too_many_bytes", "the file unpacks to more than 32 MiB.")
        return data

    def open(self, name: str) -> BinaryIO | None:
        info = next((info for info in self._zip.infolist() if info.filename == name), None)  # the first one counts
        if info is None:
            return None
        if fault := _member_fault(info, _TEXT_BYTES):
            raise CannotRun(f"{name} cannot be read from the zip: {fault[1]} Nothing was changed.")
        try:
            return cast(BinaryIO, self._zip.open(info))
        except DAMAGE as error:
            raise CannotRun(f"{name} cannot be read from the zip: {error}. Fetch the archive again.") from error


def _member_fault(info: zipfile.ZipInfo, limit: int) -> tuple[str, str] | None:
    if fault := name_fault(info.filename):
        return fault
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return "unsafe_name", "it is a link or a device; such files are never read."
    if info.flag_bits & 1:
        return "encrypted", "it is encrypted; put it into the archive without a password."
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others unpack without a limit
        return "unknown_compression", "it is neither stored nor deflated; pack it again with a plain zip."
    return _size_fault(info, limit)


def _size_fault(info: zipfile.ZipInfo, limit: int) -> tuple[str, str] | None:
    if info.file_size > limit:
        return "too_many_bytes", f"it unpacks to {info.file_size} bytes, more than {limit >> 20} MiB."
    if info.file_size > _BOMB_BYTES and info.file_size > _BOMB_RATIO * max(info.compress_size, 1):
        return "zip_bomb", f"it unpacks to over {_BOMB_RATIO} times its size; no honest file does."
    return None


class FolderArchive(AbstractContextManager["FolderArchive"]):
    """A folder. Links are never followed, so nothing outside it is read."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __exit__(self, *_: object) -> None:
        """A folder needs no closing."""

    def members(self) -> Iterator[Member]:
        for path in sorted(self._root.rglob("*")):
            # A name need not be text on Linux, and a reject's key must be.
            name = path.relative_to(self._root).as_posix().encode(errors="backslashreplace").decode()
            if path.is_symlink():
                yield Member(name, "", ("unsafe_name", "it is a link; links are never followed."))
            elif path.is_file():
                status = path.stat()
                yield Member(name, f"{status.st_size}-{status.st_mtime_ns}")

    def read(self, member: Member) -> bytes:
        if member.fault:
            raise Rejected(*member.fault)
        try:
            with (self._root / member.name).open("rb") as file:
                data = file.read(_MEMBER_BYTES + 1)
        except OSError as error:
            raise Rejected("unreadable_file", f"the file cannot be read: {error.strerror}.") from error
        if len(data) > _MEMBER_BYTES:
            raise Rejected("too_many_bytes", "the file is larger than 32 MiB.")
        return data

    def open(self, name: str) -> BinaryIO | None:
        path = self._root / name
        if path.is_symlink() or not path.is_file():
            return None
        try:
            return path.open("rb")
        except OSError as error:
            raise CannotRun(f"{path} cannot be read: {error.strerror}. Check its rights.") from error
