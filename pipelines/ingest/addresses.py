"""Addresses: which machines may be spoken to. A name is resolved once, checked, and connected to as checked."""

from __future__ import annotations

import ipaddress
import math
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import httpcore

from pipelines.lake.errors import Rejected

Resolve = Callable[[str, int], list[str]]
Options = Iterable[httpcore.SOCKET_OPTION]

_GLOBAL_V6 = ipaddress.ip_network("2000::/3")  # all that IANA has given out for the public network
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # the IPv4 address is the last 32 bits
_RELAYS = ipaddress.ip_network("192.88.99.0/24")  # of 6to4, withdrawn: leads wherever someone says so
_TRIED = 4  # addresses of one name


def is_public(address: str) -> bool:
    """True for a unicast address of the public internet, whichever way an IPv4 address is wrapped into IPv6."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if "%" in address:  # a zone (fe80::1%eth0) means a network of this machine's own
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return _is_public_v4(ip)
    if ip.sixtofour is not None:
        return _is_public_v4(ip.sixtofour)
    if ip in _NAT64:
        return _is_public_v4(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return _is_public_v4(ip.ipv4_mapped) if ip.ipv4_mapped is not None else ip in _GLOBAL_V6 and ip.is_global


def _is_public_v4(ip: ipaddress.IPv4Address) -> bool:
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and ip not in _RELAYS


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, as the system orders them. Raises OSError or UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


@dataclass(frozen=True)
class Network:
    """The world outside: how names are resolved and connections made, and how time passes."""

    resolve: Resolve = resolve
    backend: httpcore.NetworkBackend = httpcore.SyncBackend()  # noqa: RUF009 - it has no state
    clock: Callable[[], float] = time.monotonic  # seconds
    sleep: Callable[[float], None] = time.sleep


class Deadline(threading.local):
    """When the request that this thread makes must be over; every read and write is cut to what is left."""

    at = math.inf

    def left(self, timeout: float | None) -> float:
        """Return the seconds that one operation may take. Raises ReadTimeout when none are left."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for the whole request is over")
        return left if timeout is None else min(left, timeout)


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to public addresses only, but for the hosts and ports that the operator named.

    The address that was checked is the one connected to, so a name that answers differently a moment later
    gains nothing. One address that is not public spoils the name.
    """

    def __init__(self, named: frozenset[tuple[str, int]], network: Network, deadline: Deadline) -> None:
        self._named, self._network, self._deadline = named, network, deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Options | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in self._addresses(host, port)[:_TRIED]:
            try:
                stream = self._network.backend.connect_tcp(
                    address, port, self._deadline.left(timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return TimedStream(stream, self._deadline)
        raise failure

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            addresses = self._network.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name cannot be resolved") from error
        if (host, port) not in self._named and not all(map(is_public, addresses)):
            raise Rejected("address_not_public", f"{host} leads to an address that is not on the public internet.")
        return addresses


class TimedStream(httpcore.NetworkStream):
    """A connection whose every operation ends by the deadline: a byte a second is no way around it."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
