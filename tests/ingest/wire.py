"""A server that sends exactly the bytes a test says, well-formed or not, and remembers what it was sent."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpcore

from pipelines.ingest.addresses import Network
from pipelines.ingest.pace import Retries
from pipelines.ingest.web import Limits, Web

Send = Callable[[bytes], None]
Script = bytes | Callable[[Send], None]
QUICK = Retries(attempts=2, first_seconds=0.001, longest_seconds=0.01, away_after=1_000_000)
SHORT = Limits(per_second=10_000, connect_seconds=2, read_seconds=2, total_seconds=2)


def reply(status: int = 200, body: bytes = b"", **headers: str | int) -> bytes:
    """Return a whole answer; `Content_Length` is right unless it is given."""
    lines = {"Content_Length": len(body), "Connection": "close"} | headers
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode("latin-1") + body


@dataclass
class Wire:
    """A running server: `scripts` holds what each path is answered with, one after another; the last one stays."""

    port: int
    scripts: dict[str, list[Script]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)  # path, whole head

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def on(self, path: str, *scripts: Script) -> str:
        self.scripts[path] = list(scripts)
        return self.url + path

    def count(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.requests)

    def answer(self, connection: socket.socket) -> None:
        """Answer one request and close."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += (got := connection.recv(65536))
            if not got:
                return
        path = head.split(b" ", 2)[1].decode().partition("?")[0]
        self.requests.append((path, head.decode("latin-1")))
        scripts = self.scripts.get(path, [reply(404)])
        script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        if callable(script):
            script(connection.sendall)
        else:
            connection.sendall(script)


@contextmanager
def serving(wrap: Callable[[socket.socket], socket.socket] = lambda plain: plain) -> Iterator[Wire]:
    """Run a server; `wrap` may put TLS around a connection."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), wrap(self.request) as connection:
                connection.settimeout(5)
                wire.answer(connection)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    wire = Wire(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        server.shutdown()
        server.server_close()


class Switchboard(httpcore.SyncBackend):
    """Sees each address that is dialled; `lines` leads some of them to a port of this machine, others are dead."""

    def __init__(self, **lines: int) -> None:
        self.lines = {name.replace("_", "."): port for name, port in lines.items()}
        self.dialled: list[str] = []

    def connect_tcp(self, host: str, port: int, *args: object, **kwargs: object) -> httpcore.NetworkStream:
        self.dialled.append(host)
        if host not in self.lines:
            raise httpcore.ConnectError("dead")
        return super().connect_tcp("127.0.0.1", self.lines[host], 2)


def web_for(*wires: Wire, hosts: frozenset[str] = frozenset(), **kwargs: object) -> Web:
    """Return a client to whom the operator named these servers; impatient, unless told otherwise."""
    told = {"retries": QUICK, "limits": SHORT, "network": Network(sleep=lambda _: None)} | kwargs
    return Web(hosts, frozenset(wire.url for wire in wires), **told)  # type: ignore[arg-type]
