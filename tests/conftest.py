"""What all tests share: real parts, and the real data where it lies."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings

settings.register_profile("tessera", deadline=None)  # how long a test takes says nothing on a shared machine
settings.load_profile("tessera")
os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ.setdefault("TESSERA_DASK_SCHEDULER", "threads")  # starts at once; Dask has tests of its own
os.environ.setdefault("TESSERA_TAG_WEIGHTS", "none")  # no test asks a server far away
_REGISTRY = tempfile.TemporaryDirectory(prefix="tessera-registry-")  # one for all nights: it takes seconds to make
os.environ.setdefault("TESSERA_MLFLOW_URI", f"sqlite:///{_REGISTRY.name}/mlflow.db")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files of slow tests last, the longest first, so that two workers end at about the same time."""
    seconds = Counter[Path]()
    for item in items:
        seconds[item.path] += sum(mark.args[0] if mark.args else 10 for mark in item.iter_markers("slow"))
    items.sort(key=lambda item: (seconds[item.path] > 0, -seconds[item.path]))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real files; tests that need it are skipped where it is not."""
    folder = os.environ.get("TESSERA_REAL_DATA")
    if not folder:
        pytest.skip("TESSERA_REAL_DATA is not set: it names the folder of real data")
    return Path(folder)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """An S3 server over a socket: the one at TESSERA_TEST_S3_ENDPOINT, else moto's own."""
    given = os.environ.get("TESSERA_TEST_S3_ENDPOINT")
    if given:
        yield given
        return
    with socket.socket() as probe:  # a free port
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # In a process of its own: deltalake holds the interpreter lock during some requests, and a server in
    # this process could then never answer.
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _wait_for(port: int) -> None:
    for _ in range(300):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the S3 test server did not start within 30 s")


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty bucket, with the environment set so that clients find it."""
    import boto3

    keys = {
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ACCESS_KEY_ID": os.environ.get("TESSERA_TEST_S3_KEY", "testing"),
        "AWS_SECRET_ACCESS_KEY": os.environ.get("TESSERA_TEST_S3_SECRET", "testing"),
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    name = f"tessera-{uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}"
