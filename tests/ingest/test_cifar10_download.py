"""The archive is fetched once, whole or not at all, from where it was asked for, whatever the server does."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines.ingest.cifar10 import download
from pipelines.lake.errors import CannotRun

BODY = random.Random(5).randbytes(300_000)
MD5 = hashlib.md5(BODY).hexdigest()
SHA = hashlib.sha256(BODY).hexdigest()
NAME = "cifar-10-python.tar.gz"

Answer = Callable[[BaseHTTPRequestHandler], None]


def sends(body: bytes = BODY, status: int = 200, claims: int | None = None, **headers: str) -> Answer:
    """Return an answer; `claims` is the length that it claims to have."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if claims is None else claims))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def goes_on(start: int, claimed: int | None = None) -> Answer:
    at = start if claimed is None else claimed
    return sends(BODY[start:], 206, Content_Range=f"bytes {at}-{len(BODY) - 1}/{len(BODY)}")


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100_000):
        handler.wfile.write(bytes(10_000))


def redirects(to: str) -> Answer:
    return sends(b"", 302, Location=to)


@dataclass
class Server:
    """What the server was asked, and what it will answer, one after another; the last answer stays."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.ranges.append(self.headers["Range"])
            answer = told.answers.pop(0) if len(told.answers) > 1 else told.answers[0]
            with suppress(ConnectionError):
                answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    told.url = f"http://127.0.0.1:{http.server_port}/{NAME}"
    yield told
    http.shutdown()
    thread.join()
    http.server_close()


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refused(server: Server, folder: Path, words: str, **options: int) -> None:
    with pytest.raises(CannotRun, match=words) as error:
        download(folder, server.url, MD5, **options)
    assert "--path" in str(error.value)
    assert NAME not in held(folder)


def test_it_is_fetched_once(server: Server, tmp_path: Path) -> None:
    server.answers = [sends(), sends(b"other")]
    path = download(tmp_path / "new" / "folder", server.url, MD5)
    assert held(path.parent) == {NAME: BODY, f"{NAME}.sha256": f"{SHA}\n".encode()}
    assert download(path.parent, server.url, MD5) == path
    assert server.ranges == [None]


def test_a_cut_body_is_resumed_where_it_broke_off(server: Server, tmp_path: Path) -> None:
    server.answers = [sends(BODY[:100_000], claims=len(BODY)), goes_on(100_000)]
    assert download(tmp_path, server.url, MD5).read_bytes() == BODY
    assert server.ranges == [None, "bytes=100000-"]


def test_a_server_that_cannot_resume_begins_again(server: Server, tmp_path: Path) -> None:
    server.answers = [sends(BODY[:100_000], claims=len(BODY)), sends()]
    assert download(tmp_path, server.url, MD5).read_bytes() == BODY


def test_the_next_run_resumes_as_well(server: Server, tmp_path: Path) -> None:
    server.answers = [sends(BODY[:70_000], claims=len(BODY)), *[sends(b"", 206, 9, Content_Range="bytes 70000-")] * 2]
    refused(server, tmp_path, "could not be fetched from http://127.0.0.1/.*RemoteProtocolError")
    assert held(tmp_path) == {f"{NAME}.part": BODY[:70_000]}
    server.answers = [goes_on(70_000)]
    assert download(tmp_path, server.url, MD5).read_bytes() == BODY
    assert server.ranges[-1] == "bytes=70000-"


def test_a_part_that_was_whole_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(BODY)
    assert download(tmp_path, server.url, MD5).read_bytes() == BODY
    assert server.ranges == []


def test_a_part_that_is_too_long_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(BODY + b"more")
    server.answers = [sends(b"", 416), sends()]
    assert download(tmp_path, server.url, MD5).read_bytes() == BODY
    assert server.ranges == [f"bytes={len(BODY) + 4}-", None]


def test_a_server_that_resumes_elsewhere_is_not_believed(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(BODY[:1000])
    server.answers = [goes_on(1000, claimed=2000)]
    refused(server, tmp_path, "goes on at another place")


@pytest.mark.parametrize("body", [BODY[:-1], BODY + b"x", bytes(len(BODY)), b"<html>Not here</html>", b""])
def test_another_file_is_deleted(server: Server, tmp_path: Path, body: bytes) -> None:
    server.answers = [sends(body)]
    refused(server, tmp_path, f"MD5 {hashlib.md5(body).hexdigest()} where {MD5} is published, and was deleted")
    assert held(tmp_path) == {}


def test_a_resumed_file_of_another_version_is_deleted(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(bytes(1000))
    server.answers = [goes_on(1000)]
    refused(server, tmp_path, "and was deleted")
    assert held(tmp_path) == {}


@pytest.mark.parametrize("status", [400, 403, 404, 410, 500, 503])
def test_a_refusal_is_a_sentence(server: Server, tmp_path: Path, status: int) -> None:
    server.answers = [sends(b"secret of the server", status)]
    refused(server, tmp_path, rf"the server answers {status}\)")
    assert held(tmp_path) == {}


@pytest.mark.parametrize(
    "to",
    [
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "gopher://127.0.0.1/x",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost/x",
        "https://example.org/x",
        "//example.org/x",
        "http://user:secret@example.org/x",
        "data:,x",
    ],
)
def test_a_redirect_elsewhere_is_not_followed(server: Server, tmp_path: Path, to: str) -> None:
    server.answers = [redirects(to), sends()]
    with pytest.raises(CannotRun) as error:
        download(tmp_path, server.url, MD5)
    assert "secret" not in str(error.value)
    assert held(tmp_path) == {}


def test_a_redirect_within_the_server_is_followed(server: Server, tmp_path: Path) -> None:
    server.answers = [redirects("/elsewhere"), sends()]
    assert download(tmp_path, server.url, MD5).read_bytes() == BODY


def test_redirects_without_end_are_not_followed(server: Server, tmp_path: Path) -> None:
    server.answers = [redirects("/again")]
    refused(server, tmp_path, "TooManyRedirects")
    assert len(server.ranges) == 4


def test_a_body_without_end_stops_at_the_limit(server: Server, tmp_path: Path) -> None:
    server.answers = [endless]
    refused(server, tmp_path, "does not end after 1,000,000 bytes; what came was deleted", limit=1_000_000)
    assert held(tmp_path) == {}


def test_a_packed_answer_is_kept_as_it_comes(server: Server, tmp_path: Path) -> None:
    """Servers call a tar.gz a packed tar, and clients that believe it unpack it."""
    server.answers = [sends(Content_Encoding="gzip")]
    assert download(tmp_path, server.url, MD5).read_bytes() == BODY


def test_no_server_is_a_sentence(tmp_path: Path) -> None:
    refused(Server("http://127.0.0.1:9/x"), tmp_path, "ConnectError")
    refused(Server("no address"), tmp_path, "could not be fetched")
    refused(Server("http://name:secret@127.0.0.1:9/x"), tmp_path, r"http://127.0.0.1/x \(ConnectError\)")


def test_a_file_that_changed_on_disk_is_noticed(server: Server, tmp_path: Path) -> None:
    server.answers = [sends()]
    path = download(tmp_path, server.url, MD5)
    path.write_bytes(BODY[:-1] + b"x")
    with pytest.raises(CannotRun, match=f"{NAME} is not the archive that was fetched: it changed on disk. Delete it"):
        download(tmp_path, server.url, MD5)
    path.write_bytes(BODY)
    assert download(tmp_path, server.url, MD5) == path
    (tmp_path / f"{NAME}.sha256").write_bytes(b"\xff\x00" * 10)
    with pytest.raises(CannotRun, match="changed on disk"):
        download(tmp_path, server.url, MD5)


def test_a_file_put_there_by_hand_is_checked_and_noted(server: Server, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(BODY)
    assert download(tmp_path, server.url, MD5) == tmp_path / NAME
    assert held(tmp_path)[f"{NAME}.sha256"] == f"{SHA}\n".encode()
    (tmp_path / f"{NAME}.sha256").unlink()
    with pytest.raises(CannotRun, match="is not the archive"):
        download(tmp_path, server.url, "0" * 32)
    assert server.ranges == []


def test_a_folder_that_cannot_be_made_is_a_sentence(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CannotRun, match=r"cannot be kept in .*file/below: Not a directory"):
        download(tmp_path / "file" / "below", server.url, MD5)
