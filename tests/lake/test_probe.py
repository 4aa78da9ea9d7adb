"""The store probe: an honest store passes and keeps nothing of it; each broken promise is found by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import Objects
from pipelines.lake.probe import probe


@pytest.fixture(params=["local", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "store") if request.param == "local" else request.getfixturevalue("bucket")


def test_an_honest_store_passes_and_nothing_is_left_in_it(uri: str) -> None:
    probe(Objects(uri))
    probe(Objects(uri))
    assert list(Objects(uri).list()) == []


@dataclass(frozen=True)
class CreatesTwice(Objects):
    """Put-if-absent that puts."""

    def create(self, path: str, data: bytes) -> bool:
        self.put(path, data)
        return True


@dataclass(frozen=True)
class NeverCreates(Objects):
    def create(self, path: str, data: bytes) -> bool:
        return False


@dataclass(frozen=True)
class CreatesTwiceInARace(Objects):
    """Like a store that was seen: refuses the second of two in a row, and takes several at once."""

    def create(self, path: str, data: bytes) -> bool:
        return super().create(path, data) or (path.endswith("-race") and data == b"7")


@dataclass(frozen=True)
class SwapsBlindly(Objects):
    def swap(self, path: str, old: bytes | None, new: bytes) -> bool:
        self.put(path, new)
        return True


@dataclass(frozen=True)
class NeverSwaps(Objects):
    def swap(self, path: str, old: bytes | None, new: bytes) -> bool:
        return False


@dataclass(frozen=True)
class ReadsStale(Objects):
    """Says that it swapped, and gives the old bytes back."""

    def swap(self, path: str, old: bytes | None, new: bytes) -> bool:
        return old == b"1" and new == b"3"


@pytest.mark.parametrize(
    ("store", "promise"),
    [
        (CreatesTwice, "refuse to create a file twice"),
        (NeverCreates, "create a file"),
        (CreatesTwiceInARace, "let one of 16 simultaneous writers win"),
        (SwapsBlindly, "refuse to replace a changed file"),
        (NeverSwaps, "replace an unchanged file"),
        (ReadsStale, "read back what was written"),
    ],
)
def test_a_store_that_breaks_a_promise_is_refused(tmp_path: Path, store: type[Objects], promise: str) -> None:
    objects = store(str(tmp_path / "store"))
    with pytest.raises(CannotRun) as raised:
        probe(objects)
    assert f"the store {objects.uri} failed to {promise}" in str(raised.value)
    assert str(raised.value).endswith("Use another.")
    assert list(objects.list()) == []


def test_a_store_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CannotRun, match="did not answer"):
        probe(Objects(str(tmp_path / "file" / "store")))


def test_a_bucket_that_is_not_there_is_refused(bucket: str) -> None:
    with pytest.raises(CannotRun, match="there is no bucket"):
        probe(Objects(f"{bucket}-nowhere"))
