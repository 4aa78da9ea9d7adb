"""Taking the inbox in: whole batches only, their pictures first, then what their lines say."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import pyarrow as pa

from pipelines.ingest.image_sources import Terms
from pipelines.ingest.inbox import batches, drops, terms
from pipelines.ingest.inbox.batches import MANIFEST, Batch, Manifest
from pipelines.ingest.inbox.ledger import PENDING, bring_in, taken_back
from pipelines.ingest.inbox.manifest import MANIFEST_BYTES, MANIFEST_LINES, Statement
from pipelines.ingest.inbox.sight import SOURCE, source_key
from pipelines.ingest.intake import Intake, Item
from pipelines.lake import rejects
from pipelines.lake.errors import CannotRun, Rejected
from pipelines.lake.materialize import upsert
from pipelines.lake.objects import is_remote, sha256
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal, Step

_FILE_BYTES = 32 << 20
_AT_ONCE = 100_000  # lines held in memory before they are brought in
_TOLD = 1_000  # defects of one manifest that are told of one by one
_UNANSWERED = 10  # objects that a bucket may fail to give; more, and it is the bucket that fails
_SKEW = timedelta(hours=1)  # between the clocks of this machine and of the bucket
_UPLOAD = Terms(allow_training=False)  # until its owner gives or confirms a label of it
_SAMPLE = Terms(allow_training=True)  # given with a label: that is what it is for


@dataclass(frozen=True)
class InboxParams:
    """How long the inbox is patient."""

    wait_hours: float = 24  # a batch that is not whole after it is rejected


class _NotWhole(Exception):
    """The batch is still being written, as far as can be seen; says what it lacks."""


def ingest(journal: Journal, params: InboxParams | None = None, now: datetime | None = None) -> None:
    """Take in every batch that is whole and was not taken before; the others wait, and are rejected after a day.

    A batch is taken whole or not at all. All that is committed is keyed by content and time, so that a repeat,
    a second run beside this one, or another order of batches ends in the same rows.
    """
    store = journal.store
    with journal.step(f"{SOURCE} images") as shots, journal.step(f"{SOURCE} rows") as said:
        standing = rejects.standing(store, SOURCE)
        intake = Intake.open(journal, SOURCE, _UPLOAD, shots)
        inbox = _Inbox(journal, params or InboxParams(), now or datetime.now(UTC), intake, said, standing)
        inbox.take_in()
        terms.settle(journal)
        rejects.record(store, journal.run, SOURCE, inbox.rejects, looked_at=_JudgedAnew(inbox.settled, inbox.retried))
        # Last of all: a night that is killed before it takes the batches again, and tells of their defects again.
        upsert(store, journal.run, batches.TABLE, pa.Table.from_pylist(inbox.taken, batches.TABLE.schema))


@dataclass(frozen=True)
class _JudgedAnew:
    """The keys whose rejects are judged anew: all but those of batches that lie there as they were taken."""

    settled: Container[str]
    retried: Container[str]

    def __contains__(self, key: object) -> bool:
        return str(key).partition("/")[0] not in self.settled or key in self.retried


@dataclass
class _Inbox:
    """One pass over the inbox."""

    journal: Journal
    params: InboxParams
    now: datetime
    intake: Intake
    said: Step
    standing: list[Reject]
    rejects: list[Reject] = field(default_factory=list)
    taken: list[dict[str, object]] = field(default_factory=list)  # rows of the batches table
    settled: set[str] = field(default_factory=set)  # batches that were taken and have not changed
    retried: set[str] = field(default_factory=set)
    _held: list[Manifest] = field(default_factory=list)
    _count: int = 0  # of the lines held
    _again: list[Statement] = field(default_factory=list)  # of settled batches: what was refused, and may pass now
    _unusable: set[tuple[str, int]] = field(default_factory=set)  # lines whose file is no acceptable picture
    _unanswered: int = 0

    def __post_init__(self) -> None:
        store = self.journal.store
        self._before, self._deleted = batches.taken_when(store), taken_back(store)
        self._pending = {reject.key for reject in self.standing if reject.reason in PENDING}
        self._patient = {key.partition("/")[0] for key in self._pending}
        self._known = {(reject.key, reject.reason) for reject in self.standing}

    def take_in(self) -> None:
        """Take all whole batches in, by name, a bounded number of statements at a time."""
        for batch in batches.find(self.journal.store.objects):
            try:
                self._take(batch)
            except _NotWhole as lack:
                if batch.is_old(self.now, timedelta(hours=self.params.wait_hours)):
                    self._refuse(batch, "incomplete_batch", f"{lack}. It is taken as soon as it is whole.")
                elif batch.name in self._before:  # in the form it had then, whose rejects stand
                    self.settled.add(batch.name)
            except Rejected as error:
                self._refuse(batch, error.reason, error.detail)
            if self._count >= _AT_ONCE:
                self._bring_in()
        self._bring_in()

    def _take(self, batch: Batch) -> None:
        """Keep a batch for the next commit if it is new. Raises Rejected, _NotWhole."""
        _check(batch)
        digest, when = self._before.get(batch.name, ("", self.now))
        if digest and self._is_older(batch, when) and batch.name not in self._patient:
            self.settled.add(batch.name)
            return
        data = self._read(batch.path(MANIFEST), MANIFEST_BYTES)
        if data.count(b"\n") > MANIFEST_LINES:
            raise Rejected("bad_manifest", f"its manifest has more than {MANIFEST_LINES} lines: split it.")
        manifest = batches.parse(batch, data, self.now)
        if digest == manifest.sha256:
            self.settled.add(batch.name)
            self._again += [said for said in manifest.statements if said.key in self._pending and not said.file]
            return
        if lacks := manifest.missing():
            raise _NotWhole(lacks)
        self._take_files(manifest)
        self._held.append(manifest)
        self._count += len(manifest.statements) + len(manifest.defects)

    def _is_older(self, batch: Batch, taken_at: datetime) -> bool:
        """True for a manifest that a bucket got before the batch was taken. A folder's times can be set at will."""
        written_at = batch.manifest.written_at if batch.manifest else taken_at
        return is_remote(self.journal.store.uri) and written_at < taken_at - _SKEW

    def _refuse(self, batch: Batch, reason: str, detail: str) -> None:
        """Note why a batch was not taken; one that was refused before is not counted again."""
        reject = Reject(batch.name, reason, f"batch {batch.name} was not taken: {detail}")
        self.rejects.append(reject)
        if (reject.key, reason) not in self._known:
            self.said.rows_in += 1
            self.said.rejected += 1
            self.said.absent += reason == "incomplete_batch"

    def _take_files(self, manifest: Manifest) -> None:
        """Keep the batch's pictures, all for one commit. Raises _NotWhole."""
        part, refused = self.intake.part(), list[tuple[Statement, Reject]]()
        for said in manifest.files:
            if said.at <= self._deleted.get((said.user_id, said.image_id), _LONG_AGO):
                part.step.rows_in += 1  # its owner has taken it back since: it must not come back
                part.step.unchanged += 1
                continue
            item = self._item(manifest.batch, said)
            part.take(item)
            if reject := part.rejects.pop(item.key, None):
                refused.append((said, reject))
            if part.is_full:
                part.flush(self.journal)
        self.intake.add(part)
        if self.intake.is_full:
            self.intake.flush(self.journal)
        for said, reject in refused:
            self._unusable.add((said.batch, said.line))
            self.rejects.append(Reject(said.key, reject.reason, reject.detail.replace(reject.key, said.key, 1)))

    def _item(self, batch: Batch, said: Statement) -> Item:
        key = source_key(said.kind, said.user_id, said.image_id)
        given = _SAMPLE if said.kind == "label" else _UPLOAD
        return Item(key, said.image_id, partial(self._picture, batch, said), terms=given)

    def _picture(self, batch: Batch, said: Statement) -> bytes:
        name = str(said.file)
        if batch.is_odd(name):
            raise Rejected("unsafe_name", "it is a link, or lies in one; links are never followed. Put the file there.")
        if said.size > _FILE_BYTES:
            raise Rejected("too_many_bytes", f"it has more than {_FILE_BYTES >> 20} MiB.")
        data = self._read(batch.path(name), said.size)
        if sha256(data) != said.image_id:
            raise _NotWhole(f"{name} is not the file whose sha256 line {said.line} gives")
        return data

    def _read(self, path: str, limit: int) -> bytes:
        """Return a file of a batch. Raises _NotWhole."""
        try:
            return drops.read(self.journal.store.objects, path, limit)
        except drops.Unreadable as error:
            raise _NotWhole(str(error)) from error
        except CannotRun as error:  # one object that is kept from us is its owner's affair
            self._unanswered += 1
            if self._unanswered > _UNANSWERED:
                raise
            raise _NotWhole(f"{path.rpartition('/')[2]} cannot be read") from error

    def _bring_in(self) -> None:
        """Commit the pictures and bring in what the lines say."""
        held, again = self._held, self._again
        self._held, self._again, self._count = [], [], 0
        self.intake.commit(self.journal)
        for manifest in held:
            self._tell(manifest)
        statements = [said for manifest in held for said in manifest.statements]
        refused = bring_in(self.journal, self.said, [*statements, *again], self._unusable)
        self.rejects += refused
        self._not_counted(again, {reject.key for reject in refused})
        self.taken += (self._row(manifest) for manifest in held)

    def _tell(self, manifest: Manifest) -> None:
        """Account for the lines that say nothing usable, and tell of the first of them."""
        count = len(manifest.defects)
        self.said.rows_in += count
        self.said.rejected += count
        for defect in manifest.defects[:_TOLD]:
            self.rejects.append(Reject(f"{defect.batch}/line {defect.line}", defect.reason, defect.detail))
        if count > _TOLD:
            more = f"batch {manifest.batch.name}: {count - _TOLD} more lines say nothing usable. Mend the first ones."
            self.rejects.append(Reject(manifest.batch.name, "more_defects", more))

    def _not_counted(self, again: list[Statement], refused: Container[str]) -> None:
        """What was refused before, and still is, is no item of this run."""
        self.retried |= {said.key for said in again}
        count = sum(said.count for said in again if said.key in refused)
        self.said.rows_in -= count
        self.said.rejected -= count
        self.said.absent -= count

    def _row(self, manifest: Manifest) -> dict[str, object]:
        return {
            "batch": manifest.batch.name,
            "manifest_sha256": manifest.sha256,
            "line_count": len(manifest.statements) + len(manifest.defects),
            "file_count": len(manifest.files),
            "run_id": self.journal.run.run_id,
            "taken_at": self.now,
        }


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _check(batch: Batch) -> None:
    """Raise Rejected or _NotWhole for what cannot be a whole batch, before anything of it is read."""
    if batch.is_odd(MANIFEST):
        raise Rejected("unsafe_name", f"it or its {MANIFEST} is a link or no plain file; such are never read.")
    if "\\" in batch.name:
        raise Rejected("unsafe_name", "its name is no plain text without backslashes: give its folder another one.")
    if batch.manifest is None and "" in batch.files:
        raise _NotWhole("it is no folder. Put it into one, with its manifest.jsonl beside it")
    if batch.manifest is None or not batch.manifest.size:
        raise _NotWhole(f"it has no {MANIFEST}, or an empty one")
    if batch.manifest.size > MANIFEST_BYTES:
        raise Rejected("bad_manifest", f"its manifest has more than {MANIFEST_BYTES >> 20} MiB: split it.")
