"""The daily export: every film that TMDB knows, one JSON line each, packed."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, cast

from pipelines.ingest.tmdb.answers import parse_object
from pipelines.lake.errors import ContractBroken, Rejected

PACKED_BYTES = 128 << 20  # 26 MB at the time of writing
_UNPACKED_BYTES = 1 << 30
_LINE_BYTES = 64 << 10
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Listed:
    """A film in the export."""

    tmdb_id: int
    popularity: float
    adult: bool
    video: bool


def read_export(data: bytes) -> Iterator[Listed]:
    """Yield the films, unpacking as it goes. Raises ContractBroken at the first line that is none."""
    return (_listed(line, number) for number, line in enumerate(_lines(data), 1))


def check_whole(data: bytes) -> None:
    """Raise ContractBroken when the export does not unpack to its end."""
    for _ in _lines(data):
        pass


def _lines(data: bytes) -> Iterator[bytes]:
    left = _UNPACKED_BYTES
    try:
        file = _opened(data)
        while line := file.readline(_LINE_BYTES):
            left -= len(line)
            if left < 0 or len(line) == _LINE_BYTES:
                raise ContractBroken("TMDB's list of films is longer, or has longer lines, than an honest one.")
            yield line
    except (OSError, EOFError, zlib.error) as error:
        raise ContractBroken(
            f"TMDB's list of films is cut short or damaged ({type(error).__name__}). Nothing of it was kept: run again."
        ) from None


def _opened(data: bytes) -> IO[bytes]:
    """Unpack once, and once more where a server packed what was packed already."""
    file: IO[bytes] = io.BytesIO(data)
    for _ in range(2):
        is_packed = file.read(2) == _GZIP
        file.seek(0)
        if is_packed:
            file = cast(IO[bytes], gzip.GzipFile(fileobj=file, mode="rb"))
    return file


def _listed(line: bytes, number: int) -> Listed:
    try:
        film = parse_object(line)
        listed = Listed(
            film["id"], float(film.get("popularity") or 0), film.get("adult") is True, film.get("video") is True
        )
    except (Rejected, KeyError, ValueError, TypeError):
        listed = Listed(0, 0, adult=False, video=False)
    if type(listed.tmdb_id) is not int or listed.tmdb_id < 1:
        raise ContractBroken(f"line {number} of TMDB's list of films is none: its format may have changed.")
    return listed
