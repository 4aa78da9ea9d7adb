"""The cache: what TMDB answered, in the lake, so that nothing is asked twice while it may be kept.

An answer is `<2 hex digits>/<key>.json`, with the bytes of a picture beside it as `<key>.bin`. The key is made of
path and parameters, never of the token. What is damaged is as good as absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipelines.ingest.tmdb.answers import Json, parse_object
from pipelines.lake.errors import Rejected
from pipelines.lake.objects import Objects, sha256

ANSWERS = frozenset({200, 404})  # what is kept: a film, or that there is none
_SKEW = timedelta(hours=1)  # by which clocks may differ; what was fetched later than that is damaged


@dataclass(frozen=True)
class Entry:
    """One cached answer: `body` is its JSON, {} for a status other than 200 and for bytes."""

    status: int
    fetched_at: datetime
    body: Json
    data: bytes = b""

    def is_younger(self, days: float) -> bool:
        age = datetime.now(UTC) - self.fetched_at
        return -_SKEW <= age < timedelta(days=days)


@dataclass(frozen=True)
class Cache:
    """The cached answers below a folder of the lake. Raises CannotRun when the store does not answer."""

    objects: Objects
    folder: str

    def read(self, path: str, params: Mapping[str, str], *, binary: bool = False) -> Entry | None:
        """Return the answer to a request, of whatever age; None when there is none, or none that is whole."""
        name = self._name(path, params)
        try:
            stored = parse_object(self.objects.get(f"{name}.json"))
            fetched_at = datetime.fromisoformat(stored["fetched_at"]).astimezone(UTC)
            status, body = stored["status"], stored["body"]
            data = self.objects.get(f"{name}.bin") if binary and status == 200 else b""
            if not isinstance(body, dict) or status not in ANSWERS or stored["path"] != path:
                return None
            whole = sha256(data) == stored["sha256"]
        except (FileNotFoundError, Rejected, KeyError, TypeError, ValueError, OverflowError):
            return None
        return Entry(status, fetched_at, body, data) if whole else None

    def write(self, path: str, params: Mapping[str, str], entry: Entry) -> None:
        """Keep an answer in place of an older one."""
        name = self._name(path, params)
        if entry.data:
            self.objects.put(f"{name}.bin", entry.data)
        told = {
            "path": path,
            "params": dict(params),
            "status": entry.status,
            "fetched_at": entry.fetched_at.isoformat(),
            "sha256": sha256(entry.data),
            "body": entry.body,
        }
        self.objects.put(f"{name}.json", json.dumps(told, ensure_ascii=False, allow_nan=False).encode())

    def forget(self, days: float) -> int:
        """Delete what was written longer ago than `days`; return how many files that were."""
        old = [found.path for found in self.objects.list(self.folder) if found.age_seconds > days * 86_400]
        for path in old:
            self.objects.delete(path)
        return len(old)

    def _name(self, path: str, params: Mapping[str, str]) -> str:
        key = sha256(json.dumps(["GET", path, sorted(params.items())]).encode())
        return f"{self.folder}/{key[:2]}/{key}"
