"""Options: what may be applied to the images of a bundle once it is whole, each with an account of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pipelines.lake import rejects
from pipelines.lake.objects import Objects
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal, Step
from pipelines.producers import Encoded
from pipelines.selection.bundle import Bundle
from pipelines.selection.choice import located
from pipelines.selection.pictures import originals

_GONE = "The lake no longer holds the picture: it was deleted, or has expired, after it was selected."


@dataclass(frozen=True)
class Work:
    """One option on its way through the distinct images of a bundle, `image_ids`, which are sorted."""

    journal: Journal
    step: Step
    bundle: Bundle
    image_ids: Sequence[str]

    def originals(self, there: Collection[str], failed: list[Reject]) -> Iterator[list[Encoded]]:
        """Yield the pictures of all images but those `there`, few at a time; note those that are gone as `failed`."""
        wanted = set(self.image_ids).difference(there)
        files = located(self.journal.store, self.journal.run, wanted) if wanted else {}
        gone = wanted.difference(*files.values())
        failed += [Reject(image_id, "image_gone", _GONE) for image_id in sorted(gone)]
        return originals(self.journal.store, files)

    def advance(self, count: int) -> None:
        """Account for images that are done."""
        self.step.new += count
        self.journal.progress(self.step.step, self.step.new + self.step.unchanged, len(self.image_ids))

    def leave_out(self, failed: Sequence[Reject]) -> None:
        """Account for the images that are left out, which are all those that it could not be applied to."""
        store, run = self.journal.store, self.journal.run
        rejects.record(store, run, self.step.step, failed, looked_at=frozenset(self.image_ids))
        self.step.rejected = len(failed)

    @property
    def summary(self) -> dict[str, Any]:
        """What became of it."""
        step = self.step
        if step.status == "skipped":
            return {"status": step.status, "reason": step.error}
        return {"status": step.status, "counts": {"images": step.new + step.unchanged, "left_out": step.rejected}}


@contextmanager
def applied(journal: Journal, bundles: Objects, name: str) -> Iterator[Work]:
    """Open the account of an option; it is skipped where nothing was selected. Raises CannotRun for half a bundle."""
    bundle = Bundle(bundles, journal.run)
    with journal.step(name) as step:
        work = Work(journal, step, bundle, bundle.image_ids)
        step.rows_in = len(work.image_ids)
        if not work.image_ids:
            step.status, step.error = "skipped", "The selection is empty: there are no pictures."
        yield work
