"""Fetch: one large file over HTTP, resumed where it broke off, from the host that was asked and no other."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import httpx

from pipelines.lake.errors import CannotRun

_LIMIT_SECONDS = 3600.0
_SILENCE_SECONDS = 30.0
_ATTEMPTS = 3  # each goes on where the one before broke off
_REDIRECTS = 3
_PARTIAL = 206
_UNSATISFIABLE = 416

_NEXT = "Try again later, or fetch it by hand and name the file with --path."


@dataclass
class Fetch:
    """One file on its way from an address to `part`."""

    url: str
    part: Path
    limit: int
    deadline: float = field(default_factory=lambda: time.monotonic() + _LIMIT_SECONDS)

    @property
    def size(self) -> int:
        """How many bytes have come so far."""
        return self.part.stat().st_size if self.part.exists() else 0

    def run(self) -> None:
        """Fetch all of it. Raises CannotRun."""
        why = ""
        with httpx.Client(timeout=_SILENCE_SECONDS, event_hooks={"request": [self._stay]}) as client:
            client.follow_redirects, client.max_redirects = True, _REDIRECTS
            for _ in range(_ATTEMPTS):
                try:
                    self._attempt(client)
                except httpx.TransportError as error:
                    why = type(error).__name__  # its words may repeat what the server sent
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    self.fail(type(error).__name__)
                else:
                    return
        self.fail(why)

    def fail(self, why: str) -> NoReturn:
        """Raise CannotRun."""
        raise CannotRun(f"CIFAR-10 could not be fetched from {_shown(self.url)} ({why}). {_NEXT}")

    def _stay(self, request: httpx.Request) -> None:
        """Refuse to be sent to another host, or from https to something less."""
        asked = httpx.URL(self.url)
        if request.url.host != asked.host or request.url.scheme not in ("https", asked.scheme):
            self.fail(f"it sends to {request.url.scheme}://{request.url.host}, which is another place")

    def _attempt(self, client: httpx.Client) -> None:
        have = self.size
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with client.stream("GET", self.url, headers=headers) as answer:
            if answer.status_code == _UNSATISFIABLE:
                self.part.unlink(missing_ok=True)
                raise httpx.ReadError("what had come before does not fit; it was deleted")
            if not answer.is_success:
                self.fail(f"the server answers {answer.status_code}")
            goes_on = answer.status_code == _PARTIAL
            if goes_on and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                self.fail("the server goes on at another place than it was asked to")
            self._keep(answer, have if goes_on else 0)

    def _keep(self, answer: httpx.Response, have: int) -> None:
        with self.part.open("ab" if have else "wb") as file:
            for piece in answer.iter_raw():
                have += len(piece)
                if have > self.limit:
                    self.part.unlink()
                    self.fail(f"it does not end after {self.limit:,} bytes; what came was deleted")
                if time.monotonic() > self.deadline:
                    self.fail(f"it takes longer than {_LIMIT_SECONDS:.0f} s; the next run goes on from here")
                file.write(piece)


def _shown(url: str) -> str:
    """Return an address without any password or token in it."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return "an address that cannot be read"
    return f"{parsed.scheme}://{parsed.host}{parsed.path}"
