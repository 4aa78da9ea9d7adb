"""The Kaggle fashion catalogue: `styles.csv`, pictures and records, from zips, folders or a download.

The smaller set is `styles.csv` and `images/<id>.jpg`. The larger one has large pictures, and the shop's records
beside them in `styles/<id>.json`. The pictures of the catalogue itself are its products' thumbnails whatever their
size, as every product has exactly one; photos are those named as such, which may be the very same files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from pipelines.ingest import kaggle, products, styles
from pipelines.ingest.archive import DAMAGE, Archive, Member, home, open_archive, root_of
from pipelines.ingest.catalogue import ABSENT, Catalogue, FashionParams
from pipelines.ingest.image_sources import Terms
from pipelines.ingest.intake import Item
from pipelines.ingest.intake import ingest as take_in
from pipelines.ingest.photos import take_in as take_in_photos
from pipelines.ingest.records import take_in as take_in_records
from pipelines.ingest.styles import Header, Line
from pipelines.lake import rejects
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.runs import Journal

__all__ = ["ABSENT", "HANDLE", "LARGE_HANDLE", "TERMS", "FashionParams", "download", "ingest"]

HANDLE = "paramaggarwal/fashion-product-images-small/versions/1"
LARGE_HANDLE = "paramaggarwal/fashion-product-images-dataset/versions/1"
TERMS = Terms(allow_training=True, attribution="Fashion Product Images (Kaggle, stated licence MIT)")
_STYLES = "styles.csv"
_IMAGE = re.compile(r"images/[0-9]{1,18}\.jpg")
_RECORD = re.compile(r"styles/([0-9]{1,18})\.json")
_CHUNK_ROWS = 50_000


def download(journal: Journal, handle: str = HANDLE) -> Path:
    """Fetch a set with kagglehub and return its folder, if it holds what it did the first time.

    Raises CannotRun, ContractBroken.
    """
    folder = kaggle.fetch(handle)
    kaggle.compare(journal.store, handle, folder)
    return folder


@dataclass(frozen=True)
class Copy:
    """An archive, and what stands in it before the names that count."""

    archive: Archive
    place: str

    def members(self) -> Iterator[tuple[str, Member]]:
        """Yield what lies there, by its name from there on, and whatever must not be read."""
        for member in self.archive.members():
            if member.fault or member.name.startswith(self.place):
                yield member.name.removeprefix(self.place), member


def ingest(
    journal: Journal,
    path: Path,
    params: FashionParams,
    source: str = "fashion",
    photos: Path | None = None,
    details: Path | None = None,
) -> None:
    """Take the catalogue at `path` in: its pictures, its rows, and the reasons of what can be neither.

    `photos` holds large pictures, `<id>.jpg` at its root or in `images/`, and `details` records, `<id>.json` at its
    root or in `styles/`; without `details` the catalogue's own records are taken. All may lie in one more folder.

    Raises CannotRun when an archive cannot be opened, ContractBroken when one does not hold what it should or
    `styles.csv` lacks a column: both before anything is taken in.
    """
    with ExitStack() as stack:
        whole, file = _catalogue(stack, path)
        album = _beside(stack, photos, "images", "jpg") if photos else None
        cabinet = _beside(stack, details, "styles", "json") if details else None
        header, lines = _opened(file, path)
        own: list[tuple[Member, str]] = []
        shots = take_in(journal, source, TERMS, _items(whole, own))
        with journal.step(f"{source} rows") as step:
            catalogue = Catalogue(source, header, params, shots, step)
            for chunk in _chunks(_whole(lines, path)):
                catalogue.commit(journal, [row for line in chunk if (row := catalogue.take(line))])
        found = [*shots.rejects.values(), *catalogue.rejects.values()]
        listed = products.listed(journal.store, source, catalogue.absent) if album or cabinet or own else None
        if album and listed:
            found += take_in_photos(journal, source, TERMS, album.archive, album.place, listed)
        if listed and (cabinet or own):
            files = _records(cabinet) if cabinet else own
            found += take_in_records(journal, source, (cabinet or whole).archive, files, listed)
        rejects.record(journal.store, journal.run, source, found)


def _catalogue(stack: ExitStack, path: Path) -> tuple[Copy, BinaryIO]:
    """Open the archive and its `styles.csv`, which lies at its root or in the one folder there."""
    archive = stack.enter_context(open_archive(path))
    file = archive.open(_STYLES)
    place = "" if file else root_of(archive, _STYLES)
    file = file or (archive.open(place + _STYLES) if place else None)
    if file is None or place is None:
        raise ContractBroken(f"{path} holds no styles.csv at its root. Nothing was taken in: is it the right archive?")
    return Copy(archive, place), stack.enter_context(file)


def _beside(stack: ExitStack, path: Path, folder: str, suffix: str) -> Copy:
    """Open an archive of files that are named by their product."""
    archive = stack.enter_context(open_archive(path))
    place = home(archive, folder, suffix)
    if place is None:
        raise ContractBroken(
            f"{path} holds no <id>.{suffix}, neither at its root nor in {folder}/. Nothing was taken in: name the "
            "folder or zip that holds them, or leave it out."
        )
    return Copy(archive, place)


def _items(copy: Copy, own: list[tuple[Member, str]]) -> Iterator[Item]:
    """Yield the pictures, and put the records aside."""
    for name, member in copy.members():
        if record := _RECORD.fullmatch(name):
            own.append((member, record[1]))
        elif (member.fault and name != _STYLES) or _IMAGE.fullmatch(name):
            yield Item(name, member.stamp, partial(copy.archive.read, member))


def _records(copy: Copy) -> Iterator[tuple[Member, str]]:
    for name, member in copy.members():
        if member.fault or re.fullmatch(r"[0-9]{1,18}\.json", name):
            yield member, name.removesuffix(".json")


def _opened(file: BinaryIO, path: Path) -> tuple[Header, Iterator[Line]]:
    try:
        return styles.open_lines(file)
    except DAMAGE as error:
        raise CannotRun(f"styles.csv in {path} is damaged: {error}. Nothing was taken in: fetch it again.") from error


def _whole(lines: Iterator[Line], path: Path) -> Iterator[Line]:
    try:
        yield from lines
    except DAMAGE as error:
        raise CannotRun(
            f"styles.csv in {path} breaks off: {error}. What was taken in before is kept; fetch the archive again."
        ) from error


def _chunks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    chunk: list[Line] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == _CHUNK_ROWS:
            yield chunk
            chunk = []
    yield chunk
