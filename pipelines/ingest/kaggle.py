"""Kaggle: a pinned version of a data set, fetched whole and compared with what came the first time."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.store import Store

_ATTEMPTS, _PAUSE_SECONDS = 5, 2.0  # kagglehub goes on where an attempt broke off
_ROWS = "styles.csv"
_ADVICE = {
    401: "Check KAGGLE_API_TOKEN, or leave it out: the set is public.",
    403: "Check KAGGLE_API_TOKEN, or leave it out: the set is public.",
    404: "There is no such version of it any more.",
}


@dataclass(frozen=True)
class Manifest:
    """What a version of a data set is: its files by name and size, and its rows by content."""

    handle: str
    files: int
    bytes: int
    tree_sha256: str  # over name and size of each file, in order of the names
    rows_sha256: str  # over the nearest styles.csv


def fetch(handle: str) -> Path:
    """Return the folder of a data set's version, downloaded where it is not there yet. Raises CannotRun.

    kagglehub reads KAGGLE_API_TOKEN itself, and asks without a name where there is none.
    """
    import kagglehub  # slow to import, and only needed here

    attempts = 0
    while True:
        attempts += 1
        try:
            return Path(kagglehub.dataset_download(handle))
        except Exception as error:  # kagglehub raises whatever its transport raises
            status = getattr(getattr(error, "response", None), "status_code", 0)
            if attempts == _ATTEMPTS or status in _ADVICE:
                what = f"it answers {status}" if status else f"{type(error).__name__} in {attempts} attempts"
                advice = _ADVICE.get(status, "Check the network, and run again: it goes on where it broke off.")
                raise CannotRun(
                    f"{handle} could not be downloaded from Kaggle: {what}. {advice} Or name a copy you have with "
                    "--path. Or begin with: tessera nightly --sample."
                ) from None  # the error itself may hold what was sent, a token too
        time.sleep(_PAUSE_SECONDS)


def compare(store: Store, handle: str, folder: Path) -> Manifest:
    """Compare a version's files with those that came the first time, or keep what they are; return that.

    Raises ContractBroken when they differ.
    """
    found = manifest(handle, folder)
    path = f"_downloads/{handle.split('/')[1]}.json"
    try:
        kept = Manifest(**json.loads(store.objects.get(path)))
    except FileNotFoundError:
        kept = None
    except (ValueError, TypeError) as error:
        raise ContractBroken(f"{store.uri}/{path} is damaged. Delete it to keep what is there now.") from error
    if kept == found:
        return found
    if kept and kept.handle == handle:
        raise ContractBroken(
            f"{folder} holds other files than {handle} did when it first came: {_said(found)}, not {_said(kept)}. "
            f"Nothing was taken in: delete the folder to fetch it again, or {store.uri}/{path} to accept it."
        )
    store.objects.put(path, json.dumps(asdict(found)).encode())
    return found


def manifest(handle: str, folder: Path) -> Manifest:
    """Return what lies in a folder. Raises CannotRun when it cannot be read."""
    try:
        sizes = sorted(_sizes(folder))
        rows = min(
            (name for name, _ in sizes if name.split("/")[-1] == _ROWS), key=lambda name: name.count("/"), default=None
        )
        content = sha256((folder / rows).read_bytes() if rows else b"").hexdigest()
    except OSError as error:
        raise CannotRun(f"{folder} cannot be read: {error.strerror}. Delete it to fetch it again.") from error
    tree = sha256("".join(f"{name}\0{size}\n" for name, size in sizes).encode(errors="surrogateescape")).hexdigest()
    return Manifest(handle, len(sizes), sum(size for _, size in sizes), tree, content)


def _sizes(folder: Path) -> Iterator[tuple[str, int]]:
    for place, _, names in os.walk(folder, onerror=_raise):
        for name in names:
            path = Path(place, name)
            yield path.relative_to(folder).as_posix(), path.lstat().st_size


def _raise(error: OSError) -> None:
    raise error


def _said(known: Manifest) -> str:
    return (
        f"{known.files} files of {known.bytes} bytes (names and sizes {known.tree_sha256[:12]}, "
        f"{_ROWS} {known.rows_sha256[:12]})"
    )
