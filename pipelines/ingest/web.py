"""The web: HTTP GET that a hostile or broken server cannot lead astray, stall, flood, or make repeat a secret.

Nothing that an answer says stands in an error, and no address that it names is believed. Proxies are not used:
they would resolve names themselves, behind the check of addresses.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from time import monotonic

import httpcore
import httpx
from pydantic import SecretStr

from pipelines.ingest.addresses import CheckedBackend, Deadline, Network
from pipelines.ingest.bodies import Passing, read_body
from pipelines.ingest.pace import Away, Pace, Retries, retry_after
from pipelines.lake.errors import CannotRun, Rejected

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429})  # and all from 500 on
_URL_CHARACTERS = 2048
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")

# A server may send the token back in a header, and httpcore logs every header at DEBUG.
logging.getLogger("httpcore").setLevel(logging.INFO)


@dataclass(frozen=True)
class Limits:
    """What one request may cost."""

    per_second: float = 20.0  # requests over all threads, retries and redirects among them
    connect_seconds: float = 5.0
    read_seconds: float = 10.0  # between two pieces of an answer
    total_seconds: float = 30.0  # from the connection to the last byte
    redirects: int = 3
    connections: int = 32


@dataclass(frozen=True)
class Answer:
    """What a server said; header names are in lower case."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Asked:
    """One request, as the caller means it."""

    url: httpx.URL
    token: SecretStr | None
    limit_bytes: int  # of the body, unpacked
    accept: frozenset[int]
    seconds: float
    unpack: bool


_RETRIES, _LIMITS, _NETWORK = Retries(), Limits(), Network()


class Web(AbstractContextManager["Web"]):
    """Asks the `hosts` over https, and the servers that the operator `named`, from any number of threads.

    `named` holds addresses such as `http://127.0.0.1:8080`: they alone may be plain http, have a port of their own
    or be private, and only when the caller asks them, never when another server points at them.
    """

    def __init__(
        self,
        hosts: frozenset[str],
        named: frozenset[str] = frozenset(),
        retries: Retries = _RETRIES,
        limits: Limits = _LIMITS,
        network: Network = _NETWORK,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._hosts, self._named = hosts, frozenset(_origin(httpx.URL(url)) for url in named)
        self._retries, self._limits, self._network = retries, limits, network
        self._pace, self._away, self._deadline = Pace(limits.per_second, network), Away(retries.away_after), Deadline()
        private = frozenset((host, port) for _, host, port in self._named)
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or _tls(),
            max_connections=limits.connections,
            keepalive_expiry=15,
            network_backend=CheckedBackend(private, network, self._deadline),
        )

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    def get(
        self,
        url: str,
        params: dict[str, str] | None = None,
        *,
        token: SecretStr | None = None,
        limit_bytes: int = 32 << 20,
        accept: frozenset[int] = frozenset({200}),
        seconds: float | None = None,
        unpack: bool = True,
    ) -> Answer:
        """Return the answer when its status is one of `accept`; `unpack` undoes a gzip that the server added.

        The `token` goes to the server of `url` and to no other. Raises Rejected for this one address (http_404,
        http_timeout, too_many_bytes, …), CannotRun when the token is refused or the host is away.
        """
        asked = Asked(_parsed(url, params), token, limit_bytes, accept, seconds or self._limits.total_seconds, unpack)
        _check_token(token)
        self._away.check(_host(asked.url))
        for attempt in range(self._retries.attempts):
            try:
                answer = self._follow(asked)
            except Passing as error:
                failure = error
                self._wait(error, attempt)
            else:
                self._away.answered(_host(asked.url))
                return answer
        self._away.failed(_host(asked.url))
        raise Rejected(failure.reason, f"{failure.detail} It was asked {self._retries.attempts} times.")

    def _wait(self, error: Passing, attempt: int) -> None:
        wait = self._retries.backoff(attempt) if error.wait is None else error.wait
        wait = min(wait, self._retries.longest_seconds)
        if error.everyone:
            self._pace.hold(wait)
        elif attempt + 1 < self._retries.attempts:
            self._network.sleep(wait)

    def _follow(self, asked: Asked) -> Answer:
        """Ask, and go where redirects lead; each is checked like the first, and other servers get no token."""
        url, token = asked.url, asked.token
        self._check(url, asked.url)
        for _ in range(self._limits.redirects + 1):
            answer = self._once(url, token, asked)
            if answer.status not in _REDIRECTS:
                return _judged(answer, url, asked)
            target = _target(url, answer)
            self._check(target, asked.url)
            token = token if _origin(target) == _origin(url) else None
            url = target
        raise Rejected("too_many_redirects", f"{_host(asked.url)} redirects more than {self._limits.redirects} times.")

    def _check(self, url: httpx.URL, first: httpx.URL) -> None:
        origin, whose = _origin(url), "it" if url is first else f"the place that {_host(first)} redirects to"
        if url.userinfo:
            raise Rejected("credentials_in_url", f"{whose} has a name or password in its address; none is sent.")
        if origin in self._named and origin == _origin(first):
            return
        if url.scheme != "https":
            raise Rejected("scheme_not_allowed", f"{whose} is not an https address.")
        if _host(url) not in self._hosts:
            raise Rejected("host_not_allowed", f"{whose} is on a host that is not on the list of those asked.")
        if origin[2] != 443:
            raise Rejected("port_not_allowed", f"{whose} is at a port other than 443.")

    def _once(self, url: httpx.URL, token: SecretStr | None, asked: Asked) -> Answer:
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        self._pace.turn()
        self._deadline.at = monotonic() + asked.seconds
        with (
            _plain_errors(_host(url)),
            self._pool.stream("GET", target, headers=_headers(token, asked), extensions=self._timeouts()) as response,
        ):
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            encoding = headers.get("content-encoding", "") if asked.unpack else ""
            body = (
                read_body(response.iter_stream(), encoding, asked.limit_bytes)
                if response.status in asked.accept
                else b""
            )
            return Answer(response.status, headers, body)

    def _timeouts(self) -> dict[str, dict[str, float]]:
        read = self._limits.read_seconds
        return {
            "timeout": {
                "connect": self._limits.connect_seconds,
                "read": read,
                "write": read,
                "pool": self._limits.total_seconds,
            }
        }


@lru_cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii")  # as it is looked up: `url.host` turns xn--… into other letters, or fails


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, _host(url), url.port or {"http": 80, "https": 443}.get(url.scheme, 0)


def _parsed(url: str, params: dict[str, str] | None) -> httpx.URL:
    try:
        parsed = httpx.URL(url, params=params) if params else httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise Rejected("bad_url", "the address is not one that can be read.") from None
    if len(str(parsed)) > _URL_CHARACTERS:
        raise Rejected("bad_url", f"the address is longer than {_URL_CHARACTERS} characters.")
    return parsed


def _check_token(token: SecretStr | None) -> None:
    if token is not None and not _TOKEN.fullmatch(token.get_secret_value()):
        raise CannotRun("the access token holds blanks, line ends or other signs that no token has. Set it anew.")


def _headers(token: SecretStr | None, asked: Asked) -> list[tuple[str, str]]:
    headers = [("Accept-Encoding", "gzip" if asked.unpack else "identity"), ("User-Agent", "tessera")]
    return headers if token is None else [*headers, ("Authorization", f"Bearer {token.get_secret_value()}")]


def _target(url: httpx.URL, answer: Answer) -> httpx.URL:
    try:
        return _parsed(str(url.join(answer.headers["location"])), None)
    except (KeyError, httpx.InvalidURL, ValueError):
        raise Rejected("bad_redirect", f"{_host(url)} redirects to nowhere.") from None


def _judged(answer: Answer, url: httpx.URL, asked: Asked) -> Answer:
    if answer.status in asked.accept:
        return answer
    if answer.status in (401, 403) and asked.token is not None:
        raise CannotRun(f"{_host(url)} refused the access token (HTTP {answer.status}). Check it, and set it anew.")
    sentence = f"{_host(url)} answered HTTP {answer.status}."
    if answer.status in _PASSING or answer.status >= 500:
        wait = retry_after(answer.headers.get("retry-after")) if answer.status in (429, 503) else None
        raise Passing(f"http_{answer.status}", sentence, wait, everyone=answer.status == 429)
    raise Rejected(f"http_{answer.status}", sentence)


@contextmanager
def _plain_errors(host: str) -> Iterator[None]:
    """Turn what the transport raises into a sentence; its own words may repeat what the server sent."""
    try:
        yield
    except httpcore.TimeoutException:
        raise Passing("http_timeout", f"{host} did not answer in time.") from None
    except (httpcore.ConnectError, OSError):
        raise Passing("http_unreachable", f"{host} cannot be reached.") from None
    except (httpcore.NetworkError, httpcore.RemoteProtocolError):
        raise Passing("http_protocol", f"{host} broke off, or did not answer in HTTP.") from None
    except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol):
        raise Rejected("bad_url", "the address cannot be asked for over HTTP.") from None
