"""The published archive: fetched once, whole or not at all, and notices when the file changes later."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipelines.lake.errors import CannotRun

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
MD5 = "c58f30108f718f92721af3b95e74349a"  # the one its publisher names; it guards against damage, not against forgers
_NAME = "cifar-10-python.tar.gz"
_LIMIT_BYTES = 256 << 20  # the archive has 170 MB


def download(folder: Path, url: str = URL, md5: str = MD5, limit: int = _LIMIT_BYTES) -> Path:
    """Return the archive in `folder`, fetched if it is not there yet; at most `limit` bytes.

    A download that breaks off is resumed, by the next call too. The file's SHA-256 is kept beside it, so that a file
    that is no longer what was fetched is noticed. Raises CannotRun.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / _NAME
        if target.exists():
            return _as_fetched(target, md5)
        return _fetched(target, url, md5, limit)
    except OSError as error:
        raise CannotRun(
            f"CIFAR-10 cannot be kept in {folder}: {error.strerror}. Make room or check its rights."
        ) from error


def _as_fetched(target: Path, md5: str) -> Path:
    """Return the file that is there. Raises CannotRun when it is not what was fetched."""
    noted = _note_of(target)
    if noted.exists():
        is_same = noted.read_bytes().strip() == _digest(target, "sha256").encode()
    else:  # put there by hand
        is_same = _digest(target, "md5") == md5
    if not is_same:
        raise CannotRun(f"{target} is not the archive that was fetched: it changed on disk. Delete it, and run again.")
    if not noted.exists():
        noted.write_text(_digest(target, "sha256") + "\n")
    return target


def _note_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.sha256")


def _digest(path: Path, name: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(name, usedforsecurity=False)).hexdigest()


def _fetched(target: Path, url: str, md5: str, limit: int) -> Path:
    part = target.with_name(f"{target.name}.part")
    if not (part.exists() and _digest(part, "md5") == md5):  # else only the renaming was left to do
        from pipelines.ingest.cifar10.fetch import Fetch  # brings httpx, which only this needs

        fetch = Fetch(url, part, limit)
        fetch.run()
        if (found := _digest(part, "md5")) != md5:
            part.unlink()
            fetch.fail(f"what came has MD5 {found} where {md5} is published, and was deleted")
    _note_of(target).write_text(_digest(part, "sha256") + "\n")
    return part.replace(target)
