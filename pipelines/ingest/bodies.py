"""Bodies: what an answer brings, unpacked and read piece by piece, and never more of it than was asked for."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import NoReturn

import httpcore

from pipelines.lake.errors import Rejected

_SLACK = 64 << 10  # bytes by which a packed body may be longer than an unpacked one


class Passing(Rejected):
    """A failure that another attempt may not meet; `wait` is what the server asked for, in seconds."""

    def __init__(self, reason: str, detail: str, wait: float | None = None, everyone: bool = False) -> None:
        super().__init__(reason, detail)
        self.wait, self.everyone = wait, everyone


def read_body(chunks: Iterable[bytes], encoding: str, limit: int) -> bytes:
    """Return a body, unpacked when the header `Content-Encoding` says gzip, of at most `limit` bytes.

    Raises Passing when it ends early or is damaged, Rejected when it is too long or packed in another way.
    """
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise Rejected("unknown_encoding", "the answer is packed in a way that was not asked for.")
    try:
        packed = _limited(chunks, limit + _SLACK)
        return _joined(_unpacked(packed, limit) if "gzip" in encoding else packed, limit)
    except (httpcore.NetworkError, httpcore.ProtocolError, zlib.error, EOFError):
        raise Passing("http_cut_body", "the answer ended early or came damaged.") from None


def _limited(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    for chunk in chunks:
        limit -= len(chunk)
        if limit < 0:
            _too_many()
        yield chunk


def _unpacked(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Undo gzip, never more than one byte beyond the limit at a time. Raises zlib.error and EOFError."""
    unpack = zlib.decompressobj(wbits=31)
    for chunk in chunks:
        yield unpack.decompress(chunk, limit + 1)
        if unpack.unconsumed_tail:
            _too_many()
    if not unpack.eof:
        raise EOFError


def _joined(chunks: Iterable[bytes], limit: int) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > limit:
            _too_many()
    return bytes(body)


def _too_many() -> NoReturn:
    raise Rejected("too_many_bytes", "the answer is longer than any of its kind.")
