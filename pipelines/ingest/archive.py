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
        """Open a file for reading, None if it is not there."""
        ...


def open_archive(path: Path) -> AbstractContextManager[Archive]:
    """Open a folder or a zip. Raises CannotRun when it is neither."""
    if path.is_dir():
        return FolderArchive(path)
    if not path.is_file():
        raise CannotRun(f"there is no folder or file {path}. Name the catalogue's folder or zip.")
    try:
        return ZipArchive(zipfile.ZipFile(path))
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise CannotRun(
            f"{path} cannot be read as a zip: {error}. It may be cut short or be something else: fetch it again. "
            "Nothing was changed."
        ) from error


def name_fault(name: str) -> tuple[str, str] | None:
    """Return (reason, sentence) for a member name that tries to leave the archive, None for a harmless one."""
    parts = re.split(r"[/\\]", name)
    if ".." in parts or not parts[0] or re.match(r"^[A-Za-z]:", name) or "\x00" in name or "\\" in name:
        return "unsafe_name", f"the name {name!r} points outside the archive; such files are never read."
    return None


class ZipArchive(AbstractContextManager["ZipArchive"]):
    """A zip. Sizes that its headers claim are not believed: reading stops at the limit."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._zip = archive
        self._infos: dict[str, zipfile.ZipInfo] = {}

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def members(self) -> Iterator[Member]:
        infos = self._zip.infolist()
        if len(infos) > _MEMBERS:
            raise CannotRun(f"the zip lists {len(infos)} files, more than {_MEMBERS}: split it.")
        for info in infos:
            if info.is_dir():
                continue
            fault = _member_fault(info) or self._twice(info)
            if fault is None:
                self._infos[info.filename] = info
            yield Member(info.filename, f"{info.CRC:08x}-{info.file_size}", fault)

    def _twice(self, info: zipfile.ZipInfo) -> tuple[str, str] | None:
        if info.filename in self._infos:
            return "duplicate_name", f"the zip holds {info.filename!r} more than once; the first one counts."
        return None

    def read(self, member: Member) -> bytes:
        if member.fault:
            raise Rejected(*member.fault)
        try:
            with self._zip.open(self._infos[member.name]) as file:
                data = file.read(_MEMBER_BYTES + 1)
                if len(data) <= _MEMBER_BYTES:
                    file.read(1)  # reaches the end, where the checksum is compared
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError) as error:
            raise Rejected("corrupt_member", f"the zip does not give the file back whole: {error}.") from error
        if len(data) > _MEMBER_BYTES:
            raise Rejected("too_many_bytes", "the file unpacks to more than 32 MiB.")
        return data

    def open(self, name: str) -> BinaryIO | None:
        try:
            return cast(BinaryIO, self._zip.open(name))
        except KeyError:
            return None
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise CannotRun(f"{name} cannot be read from the zip: {error}. Fetch the archive again.") from error


def _member_fault(info: zipfile.ZipInfo) -> tuple[str, str] | None:
    if fault := name_fault(info.filename):
        return fault
    if stat.S_ISLNK(info.external_attr >> 16):
        return "unsafe_name", f"{info.filename!r} is a link; links are never followed."
    if info.flag_bits & 1:
        return "encrypted", f"{info.filename!r} is encrypted; put it into the archive without a password."
    if info.file_size > _MEMBER_BYTES:
        return "too_many_bytes", f"{info.filename!r} unpacks to {info.file_size} bytes, more than 32 MiB."
    if info.file_size > _BOMB_BYTES and info.file_size > _BOMB_RATIO * max(info.compress_size, 1):
        return "zip_bomb", f"{info.filename!r} unpacks to over {_BOMB_RATIO} times its size; no picture does."
    return None


class FolderArchive(AbstractContextManager["FolderArchive"]):
    """A folder. Links are never followed, so nothing outside it is read."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __exit__(self, *_: object) -> None:
        """A folder needs no closing."""

    def members(self) -> Iterator[Member]:
        for path in sorted(self._root.rglob("*")):
            name = path.relative_to(self._root).as_posix()
            if path.is_symlink():
                yield Member(name, "", ("unsafe_name", f"{name!r} is a link; links are never followed."))
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
        return path.open("rb") if path.is_file() and not path.is_symlink() else None
