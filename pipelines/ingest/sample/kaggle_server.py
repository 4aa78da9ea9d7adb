"""A local Kaggle: answers kagglehub's one question, for the download of a data set's version, and can fail at it.

kagglehub knows fixed addresses only. One of them is http://localhost, and it keeps to the proxy of the
environment: this server is both. `environment` says what to set.
"""

from __future__ import annotations

import base64
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_ASK, _FILE = "/api/v1/datasets.DatasetApiService/DownloadDataset", "/bundle.zip"


@dataclass
class LocalKaggle:
    """A running server, what it gives, and how it fails.

    Attributes:
        statuses: answers to the next questions instead of the file, first one first.
        cuts: bytes after which the next answers break off, first one first.
        token: what a question must carry, None where anybody may ask.
        md5: what the server says the file's MD5 is, None for the truth.
        requests: the questions so far: path, and the first byte asked for.
    """

    port: int
    data: bytes
    statuses: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    token: str | None = None
    md5: str | None = None
    requests: list[tuple[str, int]] = field(default_factory=list)

    def environment(self, cache: Path) -> dict[str, str]:
        """Return the variables with which kagglehub asks here and keeps its files in `cache`."""
        proxy = f"http://127.0.0.1:{self.port}"
        proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"), proxy)
        here = {"KAGGLE_API_ENVIRONMENT": "LOCALHOST", "KAGGLEHUB_CACHE": str(cache), "HOME": str(cache)}
        return {**proxies, **here, "no_proxy": "", "NO_PROXY": "", "all_proxy": "", "ALL_PROXY": ""}

    @property
    def checksum(self) -> str:
        digest = hashlib.md5(self.data, usedforsecurity=False).digest()
        return self.md5 or base64.b64encode(digest).decode()


@contextmanager
def local_kaggle(files: Mapping[str, bytes]) -> Iterator[LocalKaggle]:
    """Serve a data set of these files until the end of the block."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        kaggle = LocalKaggle(server.server_port, _zipped(files))
        server.kaggle = kaggle  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield kaggle
        finally:
            server.shutdown()
            thread.join()


def _zipped(files: Mapping[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return sink.getvalue()


class _Handler(BaseHTTPRequestHandler):
    """A question comes by POST and is sent on to the file, which comes by GET, as from Kaggle's bucket."""

    @property
    def kaggle(self) -> LocalKaggle:
        return self.server.kaggle  # type: ignore[attr-defined,no-any-return]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.kaggle.requests.append((self._path, 0))
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.kaggle.statuses:
            self._refuse(self.kaggle.statuses.pop(0))
        elif self._path != _ASK:
            self._refuse(404)
        elif self.kaggle.token and token != self.kaggle.token:
            self._refuse(401)
        else:
            self.send_response(302)
            self.send_header("Location", f"http://localhost{_FILE}")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def do_GET(self) -> None:
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.kaggle.requests.append((self._path, first))
        data = self.kaggle.data[first:]
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("x-goog-hash", f"crc32c=AAAAAA==,md5={self.kaggle.checksum}")
        self.end_headers()
        # Without a range kagglehub only looks at the headers of a file of which it has a part.
        is_cut = bool(self.kaggle.cuts)
        self.wfile.write(data[: self.kaggle.cuts.pop(0)] if is_cut else data)
        self.close_connection = True

    @property
    def _path(self) -> str:
        return self.path.removeprefix("http://localhost")

    def _refuse(self, status: int) -> None:
        body = b'{"code": %d, "message": "no"}' % status
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: standard output is the command's."""
