"""Archives: a folder or a zip read as it lies, member by member, never unpacked to disk."""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from pipelines.lake.errors import CannotRun, ContractBroken, Rejected

_MEMBER_BYTES = 32 << 20  # of one picture, unpacked
_BOMB_BYTES, _BOMB_RATIO = 1 << 20, 200  # a member that unpacks to over 1 MiB and 200 times its size is a bomb
_MEMBERS = 5_000_000
_LOCAL = struct.Struct("<4s22xHH")  # a member's own header: magic, length of its name, of its extra fields
_GUESS = 512  # bytes of name and extra fields that are read along
_UTF8, _PATCH = 0x800, 0x20  # flags: how the name is written; that the data are a patch to another file
_KIND, _REGULAR = 0o170000, (0, stat.S_IFREG)  # of a Unix mode
_DRIVE = re.compile(r"[A-Za-z]:")
_TEXT_BYTES = 512 << 20  # of the one file that is read as a stream
# All that zipfile raises on damaged archives, by reading it and by fuzzing.
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, OverflowError, RuntimeError)


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

    def read(self, member: Member, limit: int = _MEMBER_BYTES) -> bytes:
        """Return a file's bytes, at most `limit` of them. Raises Rejected."""
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
    leaves = name.startswith("/") or ".." in name.split("/") or _DRIVE.match(name)
    if not name or leaves or "\\" in name or "\x00" in name:
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

    def read(self, member: Member, limit: int = _MEMBER_BYTES) -> bytes:
        if member.fault:
            raise Rejected(*member.fault)
        info = self._infos[member.name]
        if info.file_size > limit:
            raise Rejected("too_many_bytes", f"the file unpacks to more than {limit >> 20} MiB.")
        try:
            return _unpacked(info, self._packed(info))
        except DAMAGE as error:
            raise Rejected("corrupt_member", f"the zip does not give the file back whole: {error}.") from error

    def _packed(self, info: zipfile.ZipInfo) -> bytes:
        """Return a member's bytes as they lie in the zip, in one read.

        zipfile's own reader costs as much again as unpacking a small picture.
        """
        file = cast(BinaryIO, self._zip.fp)
        file.seek(info.header_offset)
        held = file.read(_LOCAL.size + _GUESS + info.compress_size)
        magic, name_length, extra_length = _LOCAL.unpack_from(held)
        start = _LOCAL.size + name_length + extra_length
        if magic != b"PK\x03\x04":
            raise zipfile.BadZipFile("there is no file where its directory says")
        if held[_LOCAL.size : _LOCAL.size + name_length] != _spelled(info):
            raise zipfile.BadZipFile("the file there has another name than in the directory")
        held += file.read(max(0, start + info.compress_size - len(held)))
        return held[start : start + info.compress_size]

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


def _unpacked(info: zipfile.ZipInfo, packed: bytes) -> bytes:
    """Return a member's bytes: as many as its directory says and with that checksum. Raises BadZipFile, zlib.error."""
    if info.flag_bits & _PATCH:
        raise zipfile.BadZipFile("it is a patch to another file")
    data = packed
    if info.compress_type == zipfile.ZIP_DEFLATED:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, info.file_size + 1)
    if len(data) != info.file_size:
        raise zipfile.BadZipFile(f"it has {'more' if len(data) > info.file_size else 'fewer'} bytes than it says")
    if zlib.crc32(data) != info.CRC:
        raise zipfile.BadZipFile("its checksum is wrong")
    return data


def _spelled(info: zipfile.ZipInfo) -> bytes:
    """Return a member's name as it is written: UTF-8 where a flag says so, else code page 437."""
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")


def _member_fault(info: zipfile.ZipInfo, limit: int) -> tuple[str, str] | None:
    if fault := name_fault(info.filename):
        return fault
    if info.external_attr >> 16 & _KIND not in _REGULAR:
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
        folders = [os.fspath(self._root)]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(folder) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError as error:
                yield Member(self._name(folder), "", ("unreadable_folder", f"it cannot be read: {error.strerror}."))
                continue
            # Of the rest, what is in them costs time and tells nothing: pipes, sockets, devices.
            folders += (entry.path for entry in reversed(entries) if entry.is_dir(follow_symlinks=False))
            yield from filter(None, map(self._member, entries))

    def _member(self, entry: os.DirEntry[str]) -> Member | None:
        """Return a file, or a link as a fault; None for what is neither."""
        if entry.is_symlink():
            return Member(self._name(entry.path), "", ("unsafe_name", "it is a link; links are never followed."))
        if not entry.is_file(follow_symlinks=False):
            return None
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError as error:  # gone since, or in a folder that lists its files and does not give them
            return Member(self._name(entry.path), "", ("unreadable_file", f"it cannot be read: {error.strerror}."))
        return Member(self._name(entry.path), f"{status.st_size}-{status.st_mtime_ns}")

    def _name(self, path: str) -> str:
        # A name need not be text on Linux, and a reject's key must be.
        return Path(path).relative_to(self._root).as_posix().encode(errors="backslashreplace").decode()

    def read(self, member: Member, limit: int = _MEMBER_BYTES) -> bytes:
        if member.fault:
            raise Rejected(*member.fault)
        try:
            with (self._root / member.name).open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise Rejected("unreadable_file", f"the file cannot be read: {error.strerror}.") from error
        if len(data) > limit:
            raise Rejected("too_many_bytes", f"the file is larger than {limit >> 20} MiB.")
        return data

    def open(self, name: str) -> BinaryIO | None:
        path = self._root / name
        try:
            return None if path.is_symlink() or not path.is_file() else path.open("rb")
        except OSError as error:
            raise CannotRun(f"{path} cannot be read: {error.strerror}. Check its rights.") from error


def home(archive: Archive, folder: str, suffix: str) -> str | None:
    """Return what stands before the numbers of `<id>.<suffix>` in an archive, None if it holds no such files.

    They may lie at its root or in `folder`, and all of it below one more folder. Copies elsewhere do not count;
    the nearest place does. Raises ContractBroken when two places are equally near.
    """
    pattern = re.compile(rf"((?:[^/]+/)?(?:{folder}/)?)[0-9]{{1,18}}\.{suffix}")
    places = {found[1] for member in archive.members() if (found := pattern.fullmatch(member.name))}
    return _nearest(places, f"{folder}/")


def root_of(archive: Archive, name: str) -> str | None:
    """Return the folder (empty, or ending in a slash) at or right below the root that holds a file; None if none does.

    Raises ContractBroken when two folders hold one.
    """
    tops = {member.name.removesuffix(name) for member in archive.members() if member.name.endswith(name)}
    return _nearest({top for top in tops if not top or re.fullmatch(r"[^/]+/", top)}, "")


def _nearest(places: set[str], folder: str) -> str | None:
    for near in (folder, ""):
        if near in places:
            return near
    inside = sorted(place for place in places if place.endswith(f"/{folder}")) or sorted(places)
    if len(inside) > 1:
        raise ContractBroken(f"both {inside[0]} and {inside[1]} hold a copy. Nothing was taken in: name one of them.")
    return inside[0] if inside else None
