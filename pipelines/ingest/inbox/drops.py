"""Drops: the files of the inbox as they lie, in a local folder or a bucket. Links are seen and never followed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import Found, Objects, is_remote

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Odd(Found):
    """What is no plain file, and is never opened: a link, a pipe, a device, a folder that cannot be read."""


class Unreadable(Exception):
    """A file is not there any more, or does not let itself be read; says which and why."""


def listed(objects: Objects, folder: str) -> Iterator[Found]:
    """Yield all that lies in the inbox, which is a folder of the lake; paths are below the lake. Raises CannotRun.

    A name that is no plain text is spelled with backslashes, so that nothing it says can be opened by it.
    """
    if not is_remote(objects.uri):
        yield from _walked(Path(objects.uri), folder)
        return
    try:
        yield from objects.list(folder)
    except CannotRun as error:
        raise CannotRun(
            f"the inbox cannot be listed: {error} Where the sentence names an object with an invalid path (a name "
            "with //, /./ or /../ in it), remove that object: it hides all the others."
        ) from error


def _walked(root: Path, inbox: str) -> Iterator[Found]:
    folders = [inbox]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(root / folder) as entries:
                found = list(entries)
        except FileNotFoundError:  # there is no inbox yet, or the folder has gone since
            continue
        except OSError:
            yield Odd(_plain(folder), 0, datetime.now(UTC))
            continue
        folders += (f"{folder}/{entry.name}" for entry in found if entry.is_dir(follow_symlinks=False))
        yield from filter(None, (_seen(f"{folder}/{entry.name}", entry) for entry in found))


def _seen(path: str, entry: os.DirEntry[str]) -> Found | None:
    """Return what is known of an entry; None for a folder, and for what has gone since."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    if stat.S_ISDIR(status.st_mode):
        return None
    kind = Found if stat.S_ISREG(status.st_mode) else Odd
    return kind(_plain(path), status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _plain(path: str) -> str:
    # On Linux a name need not be text; and a line feed or an escape sequence in it would reach people's terminals.
    text = path.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def read(objects: Objects, path: str, limit: int) -> bytes:
    """Return the first `limit` bytes of a file. Raises Unreadable, and CannotRun where a bucket does not answer."""
    name = path.partition("/")[2]
    try:
        if is_remote(objects.uri):
            return objects.get(path, limit)
        return _opened(Path(objects.uri) / path, limit)
    except FileNotFoundError as error:
        raise Unreadable(f"{name} is not there any more") from error
    except (OSError, ValueError) as error:
        raise Unreadable(f"{name} cannot be read: {getattr(error, 'strerror', error)}") from error


def _opened(path: Path, limit: int) -> bytes:
    # Not to follow a link and not to wait for a pipe that took the file's place since it was listed.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise FileNotFoundError(path)
        return file.read(limit)
