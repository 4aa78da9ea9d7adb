"""The ledger: statements brought into the tables they change. Of several on one thing the latest counts.

What counts is decided by the time a statement carries (of two at one moment, the later batch by name, the later
line in it), never by when it came in; so the order of batches, a repeat, and a second run make no difference. A
deletion counts against all of its moment. What speaks of a picture that is not there (yet) is refused, and tried
again as long as its batch lies in the inbox.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingest import image_sources
from pipelines.ingest.inbox import deletions, labelled_samples, mosaic_requests, uploads, votes
from pipelines.ingest.inbox.manifest import KINDS, Statement
from pipelines.ingest.inbox.sight import OWN, SOURCE, source_key
from pipelines.lake.materialize import remove, upsert
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal, Step
from pipelines.lake.store import Store
from pipelines.lake.table import Table

__all__ = ["PENDING", "SOURCE", "bring_in", "source_key", "taken_back"]

# Reasons that may pass: the picture may come in, or be shared; another mosaic may be taken back.
PENDING = ("not_yours", "unknown_image", "too_many_mosaics")
_UNREADABLE = "its file is no acceptable picture; that has a reject of its own."
_NOT_YOURS = "the user has no such picture here. The line is tried again every night, as long as its batch lies there."
_UNKNOWN = (
    "there is no such picture that the user may see. The line is tried again every night, as long as its batch lies "
    "there."
)
_TOO_MANY = (
    f"the user asks for {mosaic_requests.LIMIT} other mosaics, and did so later. The line is tried again every night, "
    "as long as its batch lies there: take another one back."
)

Grain = tuple[str, ...]
Row = dict[str, Any]
Lines = Collection[tuple[str, int]]  # (batch, line)

_NEVER = datetime.min.replace(tzinfo=UTC)


def taken_back(store: Store) -> dict[Grain, datetime]:
    """Return when users took pictures back: (user, image) → the last time."""
    rows = store.snapshot(deletions.TABLE).read(["user_id", "image_id", "deleted_at"])
    users, image_ids, times = (column.to_pylist() for column in rows.columns)
    return dict(zip(zip(users, image_ids, strict=True), times, strict=True))


@dataclass(frozen=True)
class _Account:
    """A table that statements go into: which columns one statement speaks for, when, and the rows it says."""

    declared: Table
    about: tuple[str, ...]
    time: str
    rows: Callable[[Statement], list[Row]]

    @property
    def table(self) -> Table:
        """The table, its batch no mere provenance: a later batch that says the same at one moment is the last word."""
        return replace(self.declared, columns=tuple(replace(c, provenance=False) for c in self.declared.columns))


def _row(statement: Statement, **more: Any) -> Row:
    return {"user_id": statement.user_id, "image_id": statement.image_id, "batch": statement.batch, **more}


_DELETIONS = _Account(deletions.TABLE, OWN, "deleted_at", lambda said: [_row(said, deleted_at=said.at)])
_VOTES = _Account(votes.TABLE, OWN, "voted_at", lambda said: [_row(said, value=said.vote, voted_at=said.at)])
_UPLOADS = _Account(
    uploads.TABLE,
    OWN,
    "uploaded_at",
    lambda said: [
        _row(said, title=said.title, visibility=said.visibility, file_name=said.file, uploaded_at=said.at),
    ],
)
_SAMPLES = _Account(
    labelled_samples.TABLE,
    ("task", "image_id", "user_id"),
    "labelled_at",
    lambda said: [
        _row(said, task=said.task, label=label, origin=said.kind, labelled_at=said.at) for label in said.labels
    ],
)
_MOSAICS = _Account(
    mosaic_requests.TABLE,
    ("mosaic_id",),
    "asked_at",
    lambda said: [said.mosaic.row(said.at, said.batch, is_wanted=said.is_wanted)] if said.mosaic else [],
)


def bring_in(journal: Journal, step: Step, statements: Sequence[Statement], unusable: Lines) -> list[Reject]:
    """Bring statements in and account for each row they say; return those that cannot be.

    `unusable` names the lines whose file is no acceptable picture.
    """
    step.rows_in += sum(statement.count for statement in statements)
    if not statements:
        return []
    ledger = _Ledger(journal, step, pa.array(sorted({statement.image_id for statement in statements})))
    good = ledger.allowed(statements, lambda said: (said.batch, said.line) not in unusable, "image_unreadable")
    kinds = {kind: [said for said in good if said.kind == kind] for kind in KINDS}
    ledger.write(_DELETIONS, ledger.allowed(kinds["delete"], ledger.is_theirs, "not_yours"))
    ledger.deleted = ledger.ends()
    ledger.write(_UPLOADS, kinds["upload"])
    ledger.look(kinds["label"])
    ledger.write(_VOTES, ledger.allowed(kinds["vote"], ledger.is_seen, "unknown_image"))
    ledger.write_mosaics(ledger.allowed(kinds["mosaic"], ledger.is_seen, "unknown_image"))
    labels = ledger.allowed(kinds["label"], ledger.is_seen, "unknown_image")
    ledger.write(_SAMPLES, [*labels, *ledger.allowed(kinds["confirm"], ledger.is_uploaded, "not_yours")])
    return ledger.rejects


_RANKED = ["mosaic_id", "user_id", "is_wanted", "asked_at", "batch"]
_WHY = {
    "image_unreadable": _UNREADABLE,
    "not_yours": _NOT_YOURS,
    "unknown_image": _UNKNOWN,
    "too_many_mosaics": _TOO_MANY,
}


@dataclass
class _Ledger:
    """What the lake holds of the images spoken of, and what becomes of the statements."""

    journal: Journal
    step: Step
    image_ids: pa.Array
    rejects: list[Reject] = field(default_factory=list)

    def __post_init__(self) -> None:
        rows = list(self._rows(image_sources.TABLE, ["source", "key", "image_id"]))
        self._keys = {row["key"] for row in rows if row["source"] == SOURCE}
        self._public = {row["image_id"] for row in rows if row["source"] != SOURCE}
        self.deleted = self.ends()

    def ends(self) -> dict[Grain, datetime]:
        """Return when users took the images back."""
        return {(row["user_id"], row["image_id"]): row["deleted_at"] for row in self._held(_DELETIONS)}

    def look(self, labels: Iterable[Statement]) -> None:
        """See who may see the images, as all stands now; `labels` may bring some whose rows are still to come."""
        standing = [row for row in self._held(_UPLOADS, "visibility") if self._stands(row, row["uploaded_at"])]
        self._public |= {row["image_id"] for row in standing if row["visibility"] == "shared"}
        self._uploads = {(row["user_id"], row["image_id"]) for row in standing}
        said = [(row["user_id"], row["image_id"], row["labelled_at"]) for row in self._held(_SAMPLES)]
        said += [(label.user_id, label.image_id, label.at) for label in labels if label.file]
        self._labelled = {
            (user_id, image_id)
            for user_id, image_id, at in said
            if source_key("label", user_id, image_id) in self._keys and at > self._end(user_id, image_id)
        }

    def is_theirs(self, said: Statement) -> bool:
        """True for what the user has put in, or has taken back before."""
        keys = (source_key(kind, said.user_id, said.image_id) for kind in ("upload", "label"))
        return (said.user_id, said.image_id) in self.deleted or any(key in self._keys for key in keys)

    def is_uploaded(self, said: Statement) -> bool:
        return (said.user_id, said.image_id) in self._uploads

    def is_seen(self, said: Statement) -> bool:
        """True for what the user may see: of others' private pictures not even that they are there."""
        brought = said.file is not None or (said.user_id, said.image_id) in self._labelled
        return brought or said.image_id in self._public or self.is_uploaded(said)

    def allowed(
        self, statements: Sequence[Statement], rule: Callable[[Statement], bool], reason: str
    ) -> list[Statement]:
        """Return the statements a rule allows; the others become rejects."""
        good = [rule(said) for said in statements]
        refused = [said for said, is_good in zip(statements, good, strict=True) if not is_good]
        count = sum(said.count for said in refused)
        self.step.rejected += count
        self.step.absent += count if reason in PENDING else 0
        self.rejects += [Reject(said.key, reason, f"{_place(said)}: {_WHY[reason]}") for said in refused]
        return [said for said, is_good in zip(statements, good, strict=True) if is_good]

    def write(self, account: _Account, statements: Sequence[Statement]) -> None:
        """Bring in the latest statement on each thing, unless the lake holds a later one."""
        latest = {self._grain(account, said): said for said in sorted(statements, key=_when)}
        self.step.duplicates += _rows_said(statements) - _rows_said(latest.values())
        news = [said for said in latest.values() if account is _DELETIONS or self._stands(_row(said), said.at)]
        self.step.unchanged += _rows_said(latest.values()) - _rows_said(news)
        if not news:
            return
        rows = pa.Table.from_pylist([row for said in news for row in account.rows(said)], account.table.schema)
        store, run, newest = self.journal.store, self.journal.run, (account.time, "batch")
        came = upsert(store, run, account.table, rows, within=account.about, newest=newest)
        self.step.new += came.new.num_rows + came.changed.num_rows
        self.step.unchanged += came.unchanged

    def write_mosaics(self, wishes: Sequence[Statement]) -> None:
        """Bring in which mosaics are asked for or taken back; those that are too many become rejects.

        Of a mosaic that is too many nothing stays, whatever was said of it before and in whichever order.
        """
        if not wishes:
            return
        held = self._mosaics_of({said.user_id for said in wishes})
        surplus = mosaic_requests.surplus(self._latest(held, wishes).values())
        good = self.allowed(wishes, lambda said: not (said.is_wanted and said.mosaic_id in surplus), "too_many_mosaics")
        counted = [said for said in good if said.mosaic_id not in surplus]
        self.step.unchanged += len(good) - len(counted)
        old = {(name, row["asked_at"]) for name, row in held.items() if name in surplus and not row["is_wanted"]}
        if old:
            remove(self.journal.store, self.journal.run, _MOSAICS.declared, _among(old))
        self.write(_MOSAICS, counted)

    def _mosaics_of(self, users: set[str]) -> dict[str, Row]:
        """Return what the lake holds of the mosaics of some users, by mosaic."""
        names = pa.array(sorted(users), pa.string())
        batches = self.journal.store.snapshot(_MOSAICS.declared).batches(_RANKED)
        held = (batch.filter(pc.is_in(batch["user_id"], names)).to_pylist() for batch in batches)
        return {row["mosaic_id"]: row for rows in held for row in rows}

    def _latest(self, held: dict[str, Row], wishes: Iterable[Statement]) -> dict[str, Row]:
        """Return the last word on each mosaic, of those held and those that come in."""
        latest = dict(held)
        for said in sorted(wishes, key=_when):
            (row,) = _MOSAICS.rows(said)
            last = latest.get(said.mosaic_id, row)
            if self._stands(row, said.at) and (said.at, said.batch) >= (last["asked_at"], last["batch"]):
                latest[said.mosaic_id] = row
        return latest

    def _stands(self, row: Row, at: datetime) -> bool:
        """True unless the user took the picture back at the same time or later."""
        return at > self._end(row["user_id"], row["image_id"])

    def _end(self, user_id: str, image_id: str) -> datetime:
        return self.deleted.get((user_id, image_id), _NEVER)

    def _grain(self, account: _Account, said: Statement) -> Grain:
        return tuple(getattr(said, name) for name in account.about)

    def _held(self, account: _Account, *more: str) -> Iterator[Row]:
        return self._rows(account.declared, [*OWN, account.time, *more])

    def _rows(self, table: Table, columns: list[str]) -> Iterator[Row]:
        """Yield what the lake holds of the images spoken of."""
        for batch in self.journal.store.snapshot(table).batches(columns):
            yield from batch.filter(pc.is_in(batch["image_id"], self.image_ids)).to_pylist()


def _place(said: Statement) -> str:
    return f"{said.batch}, line {said.line}"


def _when(statement: Statement) -> tuple[datetime, str, int]:
    return statement.at, statement.batch, statement.line


def _among(old: set[tuple[str, datetime]]) -> Callable[[pa.Table], pa.ChunkedArray]:
    def rule(rows: pa.Table) -> pa.ChunkedArray:
        said = zip(rows["mosaic_id"].to_pylist(), rows["asked_at"].to_pylist(), strict=True)
        return pa.chunked_array([pa.array([pair in old for pair in said], pa.bool_())])

    return rule


def _rows_said(statements: Iterable[Statement]) -> int:
    return sum(statement.count for statement in statements)
