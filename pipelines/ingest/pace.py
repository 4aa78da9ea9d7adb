"""Pace: how often a service is asked over all threads, how long to wait after a failure, when to give it up."""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pipelines.ingest.addresses import Network
from pipelines.lake.errors import CannotRun


@dataclass(frozen=True)
class Retries:
    """What happens when a service answers 429 or 5xx, too late, in part or not at all."""

    attempts: int = 4
    first_seconds: float = 0.5  # before the second attempt, doubled before each further one; half of it by chance
    longest_seconds: float = 60.0  # of one wait, whatever the service asks for
    away_after: int = 5  # requests in a row that failed for good; then the service is taken to be away

    def backoff(self, attempt: int) -> float:
        """Return the seconds to wait after the failed attempt of this number, from 0."""
        longest = self.first_seconds * 2.0 ** min(attempt, 30)
        return min(longest * random.uniform(0.5, 1), self.longest_seconds)


def retry_after(value: str | None) -> float | None:
    """Return the seconds that a `Retry-After` header asks for, by number or by date; None when it says neither."""
    text = (value or "").strip()
    if re.fullmatch("[0-9]{1,9}", text):
        return float(text)
    try:
        date = parsedate_to_datetime(text[:64])
        return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


class Pace:
    """Lets requests through one by one, at most `per_second`, in whichever thread they are made."""

    def __init__(self, per_second: float, network: Network) -> None:
        self._gap, self._network = 1 / per_second, network
        self._next, self._lock = network.clock(), threading.Lock()

    def turn(self) -> None:
        """Wait for this request's turn."""
        with self._lock:
            now = self._network.clock()
            turn = max(now, self._next)
            self._next = turn + self._gap
        if turn > now:
            self._network.sleep(turn - now)

    def hold(self, seconds: float) -> None:
        """Let nobody through for so long: the service said that all of us are too fast."""
        with self._lock:
            self._next = max(self._next, self._network.clock() + seconds)


class Away:
    """Which hosts have failed so often in a row that asking on would only pass the night waiting."""

    def __init__(self, after: int) -> None:
        self._after, self._failures, self._lock = after, Counter[str](), threading.Lock()

    def check(self, host: str) -> None:
        """Raise CannotRun when the host is away."""
        if self._failures[host] >= self._after:
            raise CannotRun(
                f"{host} is away: {self._after} requests in a row failed, each after several attempts. Nothing is "
                "lost: what was fetched is kept, and a later run goes on from there."
            )

    def failed(self, host: str) -> None:
        """Count a request that failed for good. Raises CannotRun when it was one too many."""
        with self._lock:
            self._failures[host] += 1
        self.check(host)

    def answered(self, host: str) -> None:
        """Forget the failures: the host is there."""
        with self._lock:
            self._failures[host] = 0
