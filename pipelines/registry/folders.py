"""A model's files as one value: their digest, and their place in the cache of this machine."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pipelines.lake.errors import ContractBroken


def digest(folder: Path) -> str:
    """Return the SHA-256 of all names and bytes below a folder, as 64 hex digits. Raises ContractBroken for a link."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise ContractBroken(f"the model holds a link, {name}; links are never followed. Log it again without.")
        if path.is_file():
            with path.open("rb") as file:
                held = hashlib.file_digest(file, "sha256").hexdigest()
            whole.update(f"{held}  {name}\n".encode())
    return whole.hexdigest()


def cached(cache: Path, wanted: str) -> Path | None:
    """Return the cached folder of that digest, None where there is none; one whose files changed is thrown away."""
    folder = cache / wanted
    if not folder.is_dir():
        return None
    if digest(folder) == wanted:
        return folder
    with tempfile.TemporaryDirectory(dir=cache, prefix="spoiled-") as aside, suppress(FileNotFoundError):
        folder.rename(Path(aside) / wanted)  # in one step, so that nobody opens half a folder
    return None


def keep(cache: Path, download: Callable[[Path], Path]) -> tuple[str, Path]:
    """Download a model into the cache; return its digest and its folder there. Two processes may do so at once."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="incoming-") as aside:
        incoming = download(Path(aside))
        name = digest(incoming)
        folder = cache / name
        try:
            os.rename(incoming, folder)  # noqa: PTH104 - fails where the other process was first
        except OSError:
            if cached(cache, name) is None:
                shutil.copytree(incoming, folder)
        return name, folder
