"""Retirement: what its owner has taken back, or whose time is up, leaves the tables; the next release is without it.

An image lives as long as a source names it, and what users say of it as long as they may see it. Tables made of
images drop the rows of those that are gone when they are next made; the bytes go with `tessera gc`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingest import image_sources, images, movies
from pipelines.ingest.inbox import batches, deletions, labelled_samples, mosaic_requests, sight, terms, uploads, votes
from pipelines.ingest.inbox.sight import SOURCE, source_key
from pipelines.lake.materialize import Keys, remove, upsert
from pipelines.lake.rows import texts
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.lake.table import Table

_WORDS = (
    (votes.TABLE, "voted_at"),
    (labelled_samples.TABLE, "labelled_at"),
    (mosaic_requests.TABLE, "asked_at"),
    (uploads.TABLE, "uploaded_at"),
)
_PAIR = ("user_id", "image_id")

Rows = list[dict[str, Any]]
Source = tuple[str, str, str]  # source, key, image


def retire(journal: Journal, now: datetime | None = None) -> None:
    """Take out what was deleted or has expired, the images last: a killed run finds them again and goes on."""
    store, run, now = journal.store, journal.run, now or datetime.now(UTC)
    with journal.step("retired") as step:
        deleted = store.snapshot(deletions.TABLE).read([*_PAIR, "deleted_at"]).to_pylist()
        for table, time in _WORDS if deleted else ():
            remove(store, run, table, _taken_back(deleted, time))
        remove(store, run, movies.TABLE, _expired(now))
        words = {table: store.snapshot(table).read() for table, _ in _WORDS}  # read before what they stand on
        doomed = [*_deleted_sources(store, deleted, words), *_expired_sources(store, now)]
        step.rows_in = step.new = len(doomed)
        _hush(journal, words, doomed)
        if doomed:
            _forget(journal, doomed)
        terms.settle(journal)


def _taken_back(deleted: Rows, time: str) -> Any:
    """Return the rule for what a user had said of a picture before taking it back."""
    since = {(row["user_id"], row["image_id"]): row["deleted_at"] for row in deleted}

    def rule(rows: pa.Table) -> pa.ChunkedArray:
        said = rows.select([*_PAIR, time]).to_pylist()
        ends = ((since.get((row["user_id"], row["image_id"])), row[time]) for row in said)
        return pa.chunked_array([pa.array([end is not None and at <= end for end, at in ends], pa.bool_())])

    return rule


def _expired(now: datetime) -> Any:
    return lambda rows: pc.fill_null(
        pc.less_equal(rows["expires_at"], pa.scalar(now, pa.timestamp("us", "UTC"))), False
    )


def _expired_sources(store: Store, now: datetime) -> Iterator[Source]:
    for batch in store.snapshot(image_sources.TABLE).batches(["source", "key", "image_id", "expires_at"]):
        for row in batch.filter(_expired(now)(batch)).to_pylist():
            yield row["source"], row["key"], row["image_id"]


def _deleted_sources(store: Store, deleted: Rows, words: dict[Table, pa.Table]) -> Iterator[Source]:
    """Yield the inbox's own keys of what was taken back and has not been put in again."""
    standing = {
        source_key(kind, *pair)
        for kind, table in (("upload", uploads.TABLE), ("label", labelled_samples.TABLE))
        for pair in _pairs(words[table])
    }
    pairs = [(row["user_id"], row["image_id"]) for row in deleted]
    wanted = {source_key(kind, *pair) for kind in ("upload", "label") for pair in pairs} - standing
    keys = pa.array(sorted(wanted), pa.string())
    for batch in store.snapshot(image_sources.TABLE).batches(["source", "key", "image_id"]):
        for row in batch.filter(pc.is_in(batch["key"], keys)).to_pylist():
            if row["source"] == SOURCE:
                yield row["source"], row["key"], row["image_id"]


def _pairs(rows: pa.Table) -> Iterator[tuple[str, str]]:
    return zip(*(rows[name].to_pylist() for name in _PAIR), strict=True)


def _hush(journal: Journal, words: dict[Table, pa.Table], doomed: list[Source]) -> None:
    """Take out what users say of pictures that they may not see any more, or that are not there; surplus mosaics too.

    The batches it came in with are taken in anew, so that it comes back if the picture does.
    """
    store, run = journal.store, journal.run
    spoken = pa.array(sorted({image_id for rows in words.values() for image_id in rows["image_id"].to_pylist()}))
    if not len(spoken):
        return
    seen = sight.look(store, words[uploads.TABLE], spoken, {(source, key) for source, key, _ in doomed})
    there = pa.array(sorted(Keys(images.TABLE).follow(store.snapshot(images.TABLE))), pa.string())
    lost = {}
    for table, rows in words.items():
        stays = pc.and_(seen.of(rows), pc.is_in(rows["image_id"], there))
        if table is mosaic_requests.TABLE:
            stays = pc.and_(stays, pc.invert(_surplus(rows)))
        lost[table] = rows.filter(pc.invert(stays))
    again = pa.array(sorted({name for rows in lost.values() for name in rows["batch"].to_pylist()}), pa.string())
    if len(again):  # before the rows: a run that is killed in between finds them again, but not their batches
        remove(store, run, batches.TABLE, lambda rows: pc.is_in(rows["batch"], again))
    for table, rows in lost.items():
        if rows.num_rows:
            remove(store, run, table, _among(rows, [*table.grain, "batch"]))  # what was said since is not meant


def _surplus(rows: pa.Table) -> pa.ChunkedArray:
    """Return which mosaics are too many, since their users have asked for others later."""
    surplus = mosaic_requests.surplus(rows.to_pylist())
    return pc.and_(rows["is_wanted"], pc.is_in(rows["mosaic_id"], pa.array(sorted(surplus), pa.string())))


def _among(lost: pa.Table, names: list[str]) -> Any:
    gone = texts(lost, names).combine_chunks()
    return lambda rows: pc.is_in(texts(rows, names), gone)


def _forget(journal: Journal, doomed: list[Source]) -> None:
    """Take out source rows, and before them the images that no other source names."""
    store, run = journal.store, journal.run
    keys = {(source, key) for source, key, _ in doomed}
    gone = pa.array(sorted(_unnamed(store, keys, {image_id for _, _, image_id in doomed})), pa.string())
    _take_down(journal, gone)
    remove(store, run, images.TABLE, lambda rows: pc.is_in(rows["image_id"], gone))

    def is_doomed(rows: pa.Table) -> pa.ChunkedArray:
        named = zip(rows["source"].to_pylist(), rows["key"].to_pylist(), strict=True)
        return pa.chunked_array([pa.array([pair in keys for pair in named], pa.bool_())])

    remove(store, run, image_sources.TABLE, is_doomed)


def _take_down(journal: Journal, gone: pa.Array) -> None:
    """Leave films without a poster that is gone: films are asked for again earlier than their posters expire."""
    table = movies.TABLE
    rows = journal.store.snapshot(table).read()
    shown = rows.filter(pc.is_in(rows["poster_image_id"], gone))
    if shown.num_rows:
        at = table.schema.get_field_index("poster_image_id")
        bare = shown.set_column(at, table.schema.field(at), pa.nulls(shown.num_rows, pa.string()))
        upsert(journal.store, journal.run, table, bare)


def _unnamed(store: Store, doomed: set[tuple[str, str]], image_ids: set[str]) -> set[str]:
    """Return those of the images that only doomed source rows name."""
    wanted, named = pa.array(sorted(image_ids), pa.string()), set[str]()
    for batch in store.snapshot(image_sources.TABLE).batches(["source", "key", "image_id"]):
        for row in batch.filter(pc.is_in(batch["image_id"], wanted)).to_pylist():
            if (row["source"], row["key"]) not in doomed:
                named.add(row["image_id"])
    return image_ids - named
