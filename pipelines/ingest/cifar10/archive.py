"""Archive: the files of CIFAR-10 in a folder or in a tar as it is published, read as they lie, never unpacked."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from pipelines.ingest.archive import name_fault
from pipelines.ingest.cifar10.unpickle import FILE_BYTES
from pipelines.lake.errors import CannotRun, ContractBroken

_FOLDER = "cifar-10-batches-py"
_TAR_BYTES = 512 << 20  # of all files together, unpacked; the published tar has 186 MB
_MEMBERS = 64  # the published one has 9
_HEADER_BYTES = 64 << 10  # of what tar programs write about a file into the archive itself
_GZIP = b"\x1f\x8b"
_HEADERS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
# All that gzip and tarfile raise on damage, by reading them and by fuzzing.
_DAMAGE = (tarfile.TarError, zlib.error, OSError, EOFError, ValueError, OverflowError, LookupError)

File = tuple[str, Callable[[], bytes]]  # its name, and how to read it; in a tar only until the next one is asked for


def files(path: Path) -> Iterator[File]:
    """Yield the files of CIFAR-10 at `path`: a folder, the folder around it, or a tar of either, gzipped or not.

    Of a tar everything is looked at, so one that is read to its end is whole. Raises CannotRun when there is
    nothing at `path`, ContractBroken for a file that is larger than 64 MiB, a damaged tar, and one that holds links,
    devices, names that lead out of it, or more than any honest copy.
    """
    if path.is_dir():
        below = path / _FOLDER
        return _in_folder(below if below.is_dir() and not below.is_symlink() else path)
    if not path.is_file():
        raise CannotRun(
            f"there is no folder or file {path}. Name the folder or the tar.gz of CIFAR-10's python batches."
        )
    return _in_tar(path)


def _in_folder(folder: Path) -> Iterator[File]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            raise ContractBroken(f"{str(path)!r} is a link; links are never followed. Put the file itself there.")
        if path.is_file():
            yield path.name, partial(_read_file, path)


def _read_file(path: Path) -> bytes:
    with _opened(path) as file:
        return _whole(file, str(path))


def _opened(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise CannotRun(f"{path} cannot be read: {error.strerror}. Check its rights.") from error


def _whole(file: BinaryIO, name: str) -> bytes:
    data = file.read(FILE_BYTES + 1)
    if len(data) > FILE_BYTES:
        raise ContractBroken(f"{name} has more than {FILE_BYTES >> 20} MiB: no batch of CIFAR-10 has. Fetch it again.")
    return data


def _in_tar(path: Path) -> Iterator[File]:
    with _opened(path) as raw, _sentences(path):
        is_packed = raw.peek(2)[:2] == _GZIP
        stream = Stream(path, cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if is_packed else raw)
        with tarfile.open(fileobj=cast(BinaryIO, stream), mode="r|", tarinfo=Member) as archive:
            for count, member in enumerate(archive):
                _check(path, member, count)
                if member.isreg():
                    yield _name(member), partial(_read_member, archive, member, path)
        while stream.read(1 << 20):  # to the end, where gzip's checksum is compared
            pass


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise ContractBroken(f"{path} is damaged, or no tar: {error}. Fetch it again.") from error


class Stream:
    """An archive's bytes, unpacked as they are asked for, and no more of them than an honest one has."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file, self._left = path, file, _TAR_BYTES

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise ContractBroken(
                f"{self._path} unpacks to more than {_TAR_BYTES >> 20} MiB: CIFAR-10 does not. It was not read on."
            )
        return data


class Member(tarfile.TarInfo):
    """A tar header that is refused before tarfile reads, into memory, what it announces."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Member:
        member = super().frombuf(buf, encoding, errors)
        limit = _HEADER_BYTES if member.type in _HEADERS else FILE_BYTES
        if not 0 <= member.size <= limit or member.type == tarfile.GNUTYPE_SPARSE:
            raise ContractBroken(
                f"{member.name!r} in the tar is larger than any file of CIFAR-10. Fetch the tar again."
            )
        return member


def _check(path: Path, member: tarfile.TarInfo, count: int) -> None:
    """Raise ContractBroken for a member that no honest archive holds."""
    fault: str | None = None
    if count >= _MEMBERS:
        fault = f"comes after {_MEMBERS} others"
    elif not (member.isreg() or member.isdir()) or member.issparse():
        fault = "is a link, a device or a file with holes"
    elif not 0 <= member.size <= FILE_BYTES:  # again, as a second header may have changed it
        fault = f"has more than {FILE_BYTES >> 20} MiB"
    elif name_fault(member.name):
        fault = "has a name that leads out of it"
    if fault:
        raise ContractBroken(f"{path}: {member.name[:200]!r} {fault}. It was not read on: fetch the archive again.")


def _name(member: tarfile.TarInfo) -> str:
    return member.name.removeprefix("./").removeprefix(f"{_FOLDER}/")


def _read_member(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> bytes:
    with _sentences(path):
        file = archive.extractfile(member)
        if file is None:
            raise EOFError(f"{member.name} cannot be read")
        return _whole(cast(BinaryIO, file), f"{member.name} in {path}")
