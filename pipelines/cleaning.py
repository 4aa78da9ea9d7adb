"""Cleaning: what no table, pin or pointer names any more is removed for good, once its time is up.

Until then a reader of an older version or release still finds its files. What is deleted this way cannot be
brought back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.catalog import TABLES
from pipelines.ingest.inbox import batches
from pipelines.ingest.inbox.batches import INCOMING, MANIFEST, Batch
from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import Objects, sha256
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.lake.table import Table
from pipelines.mosaic import mosaics
from pipelines.mosaic.making import FOLDER
from warehouse import pointer
from warehouse.manifest import file_of, manifest_of

_SHORTEST_DAYS = 1  # files that a run has written and not committed yet look like leftovers
_DAY_SECONDS = 24 * 3600
_BUILD_SECONDS = 3600  # a release without a manifest is being built, or its builder was killed
_OF_RELEASE = re.compile(r"(?:docs/)?([0-9a-f]{16})[./]")


@dataclass(frozen=True)
class CleaningParams:
    """How long what is no longer named is kept; with `at_once` only what a night may be writing is kept."""

    keep_days: float = 7  # longer than the longest run
    report_days: float = 90
    cache_days: float = 180  # TMDB's terms
    at_once: bool = False

    def __post_init__(self) -> None:
        if self.keep_days < _SHORTEST_DAYS:
            raise CannotRun(f"at least {_SHORTEST_DAYS} day must be kept: a running night needs it. For more: --now.")


def clean(journal: Journal, releases: Objects, cache: Path, params: CleaningParams) -> dict[str, int]:
    """Remove what is no longer needed; return how many files of each kind went. Raises CannotRun."""
    objects, days = journal.store.objects, 0 if params.at_once else params.keep_days
    with journal.step("cleaning") as step:
        replaced = _remove_replaced_pictures(journal.store) if params.at_once else 0
        removed = {
            "data_files": sum(_vacuum(journal.store, table, params) for table in TABLES),
            "mosaic_pictures": replaced + _remove_unnamed_pictures(journal.store, params.keep_days),
            "inbox_files": sum(_empty(objects, batch) for batch in _taken(journal.store, days)),
            "releases": _remove_releases(releases, days),
            "local_copies": _remove_copies(cache, releases),
            "pins": _remove_older(objects, "_pins", params.keep_days),
            "reports": _remove_older(objects, "_reports", params.report_days),
            "cached_answers": _remove_older(objects, "_cache", params.cache_days),
        }
        step.rows_in = step.new = sum(removed.values())
    return removed


def _vacuum(store: Store, table: Table, params: CleaningParams) -> int:
    """Remove data files that no version within the time to keep names; leftovers of killed runs after that time."""
    removed = store.vacuum(table, round(params.keep_days * 24))
    if params.at_once:  # files of killed runs stay, for they look like those of a run that goes on beside this one
        removed += store.vacuum(table, 0, leftovers=False)
    return len(removed)


def _remove_replaced_pictures(store: Store) -> int:
    """Remove pictures of mosaics that only earlier versions name; one that no version named yet may be about to be."""
    standing = {_bundle(path) for path in store.snapshot(mosaics.TABLE).read(["picture"])["picture"].to_pylist()}
    replaced = _named_pictures(store) - standing
    return _remove_pictures(store.objects, lambda bundle: bundle in replaced)


def _remove_unnamed_pictures(store: Store, days: float) -> int:
    """Remove pictures of mosaics, written long enough ago, that no version names of which there are files."""
    named = _named_pictures(store)
    return _remove_pictures(store.objects, lambda bundle: bundle not in named, days)


def _named_pictures(store: Store) -> set[str]:
    """Return what any data file of `mosaics` names, of whichever version."""
    files = [file.path for file in store.folder(mosaics.TABLE).list() if not file.path.startswith("_delta_log/")]
    rows = (store.open(mosaics.TABLE, path).read(columns=["picture"]) for path in files if path.endswith(".parquet"))
    return {_bundle(path) for held in rows for path in held["picture"].to_pylist()}


def _bundle(path: str) -> str:
    """Return the folder of one picture, in which all its files lie: `_mosaics/MOSAIC/CONTENT`."""
    return "/".join(path.split("/")[:3])


def _remove_pictures(objects: Objects, is_gone: Callable[[str], bool], days: float = 0) -> int:
    """Remove pictures with all their files, the one first whose presence says that the others are there."""
    found = [file for file in objects.list(FOLDER) if is_gone(_bundle(file.path))]
    old = [file.path for file in found if file.age_seconds > days * _DAY_SECONDS]
    for path in sorted(old, key=lambda path: path.count("/")):
        objects.delete(path)
    gone = {_bundle(path) for path in old}
    for mosaic in {bundle.rpartition("/")[0] for bundle in gone}:
        objects.remove_empty_folders(mosaic)
    return len(gone)


def _taken(store: Store, days: float) -> Iterator[Batch]:
    """Yield the batches whose time is up: those that were taken in as they lie there."""
    taken = batches.taken(store)
    for batch in batches.find(store.objects):
        manifest = batch.manifest
        if manifest is None or batch.name not in taken or manifest.age_seconds < days * _DAY_SECONDS:
            continue
        if sha256(store.objects.get(batch.path(MANIFEST))) == taken[batch.name]:
            yield batch


def _empty(objects: Objects, batch: Batch) -> int:
    """Remove a batch's files, the manifest last: without it the rest would look like a batch that is being written."""
    for name in sorted(batch.files, key=lambda name: name == MANIFEST):
        objects.delete(batch.path(name))
    objects.remove_empty_folders(f"{INCOMING}/{batch.name}")
    return len(batch.files)


def _remove_older(objects: Objects, folder: str, days: float) -> int:
    old = [found.path for found in objects.list(folder) if found.age_seconds > days * _DAY_SECONDS]
    for path in old:
        objects.delete(path)
    return len(old)


def _remove_releases(releases: Objects, days: float) -> int:
    """Remove releases that were replaced long enough ago, and what killed or refused builds left.

    Never the one readers see, nor the newest published.
    """
    at, horizon = pointer.current(releases), datetime.now(UTC) - timedelta(days=days)
    held = {found.release: datetime.fromisoformat(found.created_at) for found in pointer.manifests(releases)}
    old = {name for name, made in held.items() if made < horizon and name not in (at.release, at.last_published)}
    doomed: dict[str, str] = {}
    for file in releases.list():
        match = _OF_RELEASE.match(file.path)
        is_leftover = file.age_seconds > max(days * _DAY_SECONDS, _BUILD_SECONDS)
        if match and (match[1] in old or (match[1] not in held and is_leftover)):
            doomed[file.path] = match[1]
    manifests = {manifest_of(name) for name in old}
    for path in sorted(doomed, key=lambda path: path not in manifests):  # without it no reader finds the rest
        releases.delete(path)
    return len(set(doomed.values()))


def _remove_copies(cache: Path, releases: Objects) -> int:
    """Remove this machine's copies of releases that are gone."""
    held = {file_of(found.release) for found in pointer.manifests(releases)}
    gone = [file for file in cache.glob("*.duckdb") if file.name not in held]
    for file in gone:
        file.unlink()
    return len(gone)
