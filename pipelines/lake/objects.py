"""Files at an address, a local folder or `s3://bucket/prefix`, with the two atomic steps the lake needs.

The steps are `create` (put if absent) and `swap` (replace if unchanged): pins, the release pointer and
the store probe stand on them. The Delta log has its own client; both read the usual `AWS_*` environment.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import LocalStore, ObjectStore, S3Store

from pipelines.lake.errors import CannotRun

_ATTEMPTS = 10


def is_remote(uri: str) -> bool:
    """True for an address in a bucket, False for a local folder."""
    return uri.startswith("s3://")


def allows_http() -> bool:
    """True when the endpoint in the environment is plain HTTP, which the S3 clients refuse by default."""
    return os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")


@lru_cache
def _client(uri: str) -> ObjectStore:
    if not is_remote(uri):
        return LocalStore(prefix=uri, mkdir=True)
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise CannotRun(f"{uri} names no bucket: use s3://bucket or s3://bucket/prefix.")
    return S3Store(bucket, prefix=prefix or None, client_options={"allow_http": allows_http()})


@dataclass(frozen=True)
class Found:
    """An object that is there: its path below the address, its size in bytes, when it was written."""

    path: str
    size: int
    written_at: datetime

    @property
    def age_seconds(self) -> float:
        return (datetime.now(UTC) - self.written_at).total_seconds()


@dataclass(frozen=True)
class Objects:
    """The files below one address. Raises CannotRun when the address cannot be reached or written."""

    uri: str

    @property
    def _store(self) -> ObjectStore:
        with _plain_errors(self.uri):
            return _client(self.uri)

    def _local(self, path: str) -> Path | None:
        return None if is_remote(self.uri) else Path(self.uri) / path

    def get(self, path: str, limit: int | None = None) -> bytes:
        """Return a whole file, or its first `limit` bytes. Raises FileNotFoundError."""
        with _plain_errors(self.uri):
            found = obstore.get(self._store, path)
            if limit is not None and found.meta["size"] > limit:
                return bytes(obstore.get_range(self._store, path, start=0, length=limit)) if limit else b""
            return bytes(found.bytes())

    def is_link(self, path: str) -> bool:
        """True when a local file, or a folder below the address it lies in, is a link to somewhere else."""
        local = self._local(path)
        return local is not None and any(part.is_symlink() for part in (local, *local.parents[: path.count("/")]))

    def find(self, path: str) -> Found | None:
        """Return what is known of a file without reading it, None if it is not there."""
        try:
            with _plain_errors(self.uri):
                meta = obstore.head(self._store, path)
        except FileNotFoundError:
            return None
        return Found(meta["path"], meta["size"], meta["last_modified"])

    def put(self, path: str, data: bytes | Path | BinaryIO) -> None:
        """Write a file, whole or not at all; on a local disk it is durable when this returns."""
        with _plain_errors(self.uri), _bucket(self.uri):
            obstore.put(self._store, path, data)
        self._make_durable(path)

    def create(self, path: str, data: bytes) -> bool:
        """Write a file only if there is none; of many at once, exactly one gets True."""
        for _ in range(_ATTEMPTS):
            try:
                with _plain_errors(self.uri), _bucket(self.uri):
                    obstore.put(self._store, path, data, mode="create")
            except AlreadyExistsError:
                if self.find(path) is not None:
                    return False
                continue  # S3 answers 409, which looks the same, when writers met and none of them won
            self._make_durable(path)
            return True
        raise CannotRun(f"the store {self.uri} neither wrote {path} nor holds it. Run again.")

    def swap(self, path: str, old: bytes | None, new: bytes) -> bool:
        """Replace a file only if it still holds `old` (None: only if it is absent); False if it does not."""
        if old is None:
            return self.create(path, new)
        local = self._local(path)
        return self._swap_remote(path, old, new) if local is None else self._swap_local(local, path, old, new)

    def _swap_remote(self, path: str, old: bytes, new: bytes) -> bool:
        try:
            with _plain_errors(self.uri):
                current = obstore.get(self._store, path)
                tag = current.meta["e_tag"] or ""
                if bytes(current.bytes()) != old:
                    return False
        except FileNotFoundError:
            return False
        # Ceph's gateway compares the tag as it stands in its own records: without the quotes of HTTP.
        return self._put_if(path, new, tag) or self._put_if(path, new, tag.strip('"'))

    def _put_if(self, path: str, data: bytes, tag: str) -> bool:
        try:
            with _plain_errors(self.uri):
                obstore.put(self._store, path, data, mode={"e_tag": tag})
        except (AlreadyExistsError, PreconditionError, FileNotFoundError):
            return False
        return True

    def _swap_local(self, local: Path, path: str, old: bytes, new: bytes) -> bool:
        # A local disk has no conditional replace: writers queue at a lock, readers see one rename.
        with Path(f"{local}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not local.exists() or local.read_bytes() != old:
                return False
            self.put(path, new)
        return True

    def list(self, prefix: str = "") -> Iterator[Found]:
        """Yield the files whose path starts with the folder `prefix`."""
        with _plain_errors(self.uri):
            for page in obstore.list(self._store, prefix=prefix or None):
                yield from (Found(meta["path"], meta["size"], meta["last_modified"]) for meta in page)

    def delete(self, path: str) -> None:
        """Remove a file; one that is not there is no error."""
        try:
            with _plain_errors(self.uri):
                obstore.delete(self._store, path)
        except FileNotFoundError:
            pass

    def remove_empty_folders(self, folder: str) -> None:
        """Remove a local folder that holds no file; in a bucket there are no folders."""
        local = self._local(folder)
        if local is None or not local.is_dir():
            return
        for path in sorted((local, *local.rglob("*")), reverse=True):  # the innermost first
            with suppress(OSError):  # a file came in meanwhile
                path.rmdir()

    def _make_durable(self, path: str) -> None:
        local = self._local(path)
        if local is None:
            return
        for target in (local, local.parent):
            handle = os.open(target, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


@contextmanager
def _plain_errors(uri: str) -> Iterator[None]:
    """Turn a store's failure into a sentence; absence and lost races are answers, not failures."""
    try:
        yield
    except (FileNotFoundError, AlreadyExistsError, PreconditionError):
        raise
    except (BaseError, OSError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CannotRun(
            f"the store {uri} did not answer: {first_line} Check the address, the AWS_* settings and the rights."
        ) from error


@contextmanager
def _bucket(uri: str) -> Iterator[None]:
    """Where something is written, the only thing that can be absent is the bucket."""
    try:
        yield
    except FileNotFoundError as error:
        raise CannotRun(f"there is no bucket for {uri}. Create it, or name another.") from error


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()
