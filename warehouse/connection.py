"""Connections for readers: read-only, to one whole release, with no way to touch anything else.

Each release has its own file name, and only whole ones are named by the pointer, so a reader is never
blocked and never sees a mixture. A connection keeps its release while newer ones are published.
"""

from __future__ import annotations

import os
from hashlib import file_digest
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import duckdb

from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import Objects, is_remote, sha256
from pipelines.settings import Settings
from warehouse import pointer
from warehouse.manifest import Release, file_of

Connection = duckdb.DuckDBPyConnection  # to one release

# Handed over when the file is opened: DuckDB shares one instance among a process's connections to a file,
# and what is set later on the first would refuse the second.
_LOCKED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "lock_configuration": "true",
}


def connect(release: str | None = None, releases: str | None = None) -> duckdb.DuckDBPyConnection:
    """Open a release to read: the current one, or that of the given name.

    `releases` is a folder or an `s3://` address; without it the settings say (TESSERA_RELEASES, else
    TESSERA_HOME/releases). Raises CannotRun.
    """
    settings = Settings()
    place = Objects(_address(releases) if releases else settings.releases_uri)
    found = _wanted(place, release)
    file = _fetched(place, found, settings.root / "cache") if is_remote(place.uri) else _local(place, found)
    try:
        return duckdb.connect(file, read_only=True, config=_LOCKED)
    except duckdb.Error as error:
        raise CannotRun(
            f"release {found.release} cannot be opened: {str(error).splitlines()[0]} "
            "Use another one with: tessera rollback."
        ) from error


def ask(query: str, release: str | None = None) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the column names and rows that answer a query. Raises CannotRun when DuckDB does not understand it.

    Of columns with one name, as a join gives them, the later ones are numbered: `image_id`, `image_id_1`.
    """
    with connect(release) as connection:
        try:
            rows = connection.execute(query).fetchall()
        except duckdb.Error as error:
            raise CannotRun(f"the query cannot be answered: {str(error).splitlines()[0]}") from error
        return _distinct([column[0] for column in connection.description or ()]), rows


def _distinct(names: list[str]) -> list[str]:
    """Number the names that stand there more than once."""
    return [f"{name}_{names[:i].count(name)}" if name in names[:i] else name for i, name in enumerate(names)]


def verify(releases: Objects) -> list[str]:
    """Return the names of the releases whose file is gone or no longer what was published."""
    return [found.release for found in pointer.manifests(releases) if not _is_intact(releases, found)]


def _address(releases: str) -> str:
    return releases.rstrip("/") if is_remote(releases) else str(Path(releases).expanduser().resolve())


def _wanted(place: Objects, release: str | None) -> Release:
    name = release or pointer.current(place).release
    if name is None:
        raise CannotRun(f"there is no release at {place.uri} yet. Make one with: tessera nightly.")
    found = pointer.find_release(place, name)
    if found is None:
        raise CannotRun(f"there is no release {name!r} at {place.uri}. List them with: tessera releases.")
    return found


def _local(place: Objects, found: Release) -> Path:
    file = Path(place.uri) / file_of(found.release)
    if not file.is_file():
        raise CannotRun(f"the file of release {found.release} is gone from {place.uri}. Use: tessera rollback.")
    return file


def _fetched(place: Objects, found: Release, cache: Path) -> Path:
    """Return a local copy whose bytes are those that were published."""
    file = cache / file_of(found.release)
    if not (file.is_file() and _hash_of(file) == found.sha256):
        data = place.get(file.name)
        if sha256(data) != found.sha256:
            raise CannotRun(
                f"release {found.release} at {place.uri} is damaged: its SHA-256 differs from the manifest's."
            )
        _write_whole(file, data)
    return file


def _write_whole(file: Path, data: bytes) -> None:
    """Write a file aside and rename it: another process may fetch or read the same one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=file.parent, delete=False) as aside:
        aside.write(data)
    os.replace(aside.name, file)  # noqa: PTH105 the temporary file's name is a text


def _hash_of(file: Path) -> str:
    with file.open("rb") as data:
        return file_digest(data, "sha256").hexdigest()


def _is_intact(releases: Objects, found: Release) -> bool:
    try:
        return sha256(releases.get(file_of(found.release))) == found.sha256
    except FileNotFoundError:
        return False
