"""The pointer: which release readers get, and how it came to that. Moved only by compare-and-set."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import Objects
from pipelines.lake.recipe import Run
from warehouse.manifest import Release, from_json, is_news, manifest_of

PATH = "current.json"
_ATTEMPTS = 50
_MANIFEST = re.compile(r"[0-9a-f]{16}\.json")


@dataclass(frozen=True)
class Move:
    """One move of the pointer; `action` is publish or rollback."""

    release: str
    action: str
    at: str
    run_id: str


@dataclass(frozen=True)
class Pointer:
    """The release readers get (None before the first), and every move so far, oldest first."""

    release: str | None = None
    history: tuple[Move, ...] = ()

    @property
    def last_published(self) -> str | None:
        """The newest release a run published; differs from `release` while a person holds an older one."""
        return next((move.release for move in reversed(self.history) if move.action == "publish"), None)

    @property
    def earlier(self) -> str | None:
        """The release readers had before this one, those a person rolled back from left out."""
        trail: list[str] = []
        for move in self.history:
            if move.release in trail:
                del trail[trail.index(move.release) :]
            trail.append(move.release)
        return trail[-2] if len(trail) > 1 else None

    def moved(self, release: str, action: str, run: Run) -> Pointer:
        move = Move(release, action, datetime.now(UTC).isoformat(timespec="seconds"), run.run_id)
        return replace(self, release=release, history=(*self.history, move))


def current(releases: Objects) -> Pointer:
    """Return where the pointer stands."""
    return _read(releases)[1]


def _read(releases: Objects) -> tuple[bytes | None, Pointer]:
    try:
        data = releases.get(PATH)
    except FileNotFoundError:
        return None, Pointer()
    found = json.loads(data)
    return data, Pointer(found["release"], tuple(Move(**move) for move in found["history"]))


def find_release(releases: Objects, release: str | None) -> Release | None:
    """Return a release by its name, None if there is none of that name."""
    if release is None:
        return None
    try:
        return from_json(releases.get(manifest_of(release)))
    except FileNotFoundError:
        return None


def manifests(releases: Objects) -> list[Release]:
    """Return every whole release, newest first; one that was never published is among them."""
    names = [found.path for found in releases.list() if _MANIFEST.fullmatch(found.path)]
    held = (from_json(releases.get(name)) for name in names)
    return sorted(held, key=lambda release: release.created_at, reverse=True)


@dataclass(frozen=True)
class Listed:
    """A release in a list: is it the one readers see, was it ever?"""

    release: Release
    is_current: bool
    is_published: bool

    def summary(self) -> dict[str, object]:
        """Return the line of the list as JSON-ready values."""
        return {
            "release": self.release.release,
            "is_current": self.is_current,
            "is_published": self.is_published,
            "created_at": self.release.created_at,
            "run_id": self.release.run_id,
            "rows": self.release.rows,
            "size": self.release.size,
        }


def list_releases(releases: Objects) -> list[Listed]:
    """Return every whole release, newest first, and how it stands."""
    pointer = current(releases)
    published = {move.release for move in pointer.history}
    return [
        Listed(found, found.release == pointer.release, found.release in published) for found in manifests(releases)
    ]


def publish(releases: Objects, release: Release, run: Run) -> bool:
    """Point readers to a release; False, and nothing is moved, when it tells nothing new."""

    def plan(pointer: Pointer) -> Pointer | None:
        last = find_release(releases, pointer.last_published)
        return pointer.moved(release.release, "publish", run) if is_news(release.pins, last) else None

    return _move(releases, plan)


def rollback(releases: Objects, to: str | None = None, run: Run | None = None) -> str:
    """Point readers back to a release, by default to the one before; return its name. Raises CannotRun.

    It holds until a run finds new data.
    """
    # Chosen once: planned anew after an answer that got lost, "the one before" would be another one.
    target, run = to or current(releases).earlier, run or Run()
    if target is None:
        raise CannotRun(f"there is no earlier release at {releases.uri} to go back to.")
    if find_release(releases, target) is None:
        names = ", ".join(release.release for release in manifests(releases)) or "none"
        raise CannotRun(f"there is no release {target!r} at {releases.uri}. There are: {names}.")
    _move(releases, lambda at: None if at.release == target else at.moved(target, "rollback", run))
    return target


def _move(releases: Objects, plan: Callable[[Pointer], Pointer | None]) -> bool:
    """Bring the pointer to what `plan` makes of it, asking again whenever someone else moved it first."""
    for attempt in range(_ATTEMPTS):
        old, pointer = _read(releases)
        planned = plan(pointer)
        if planned is None:
            return False
        if releases.swap(PATH, old, json.dumps(asdict(planned), indent=2).encode()):
            return True
        time.sleep(min(0.01 * 2**attempt, 1.0))
    raise CannotRun(f"the pointer at {releases.uri} was moved by others {_ATTEMPTS} times in a row. Run again.")
