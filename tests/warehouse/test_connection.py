"""Connections: read-only, locked, to the release that was meant, from a folder and from S3."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from tiny_lake import Night, add_product

import warehouse
from pipelines.lake.errors import CannotRun
from warehouse.connection import ask, verify
from warehouse.pointer import current
from warehouse.release import rollback

REFUSED = [
    "COPY products TO '/tmp/stolen.csv'",
    "ATTACH '/tmp/other.duckdb'",
    "EXPORT DATABASE '/tmp/stolen'",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SET enable_external_access = true",
    "SET threads = 1",
    "INSTALL httpfs",
    "LOAD httpfs",
    "DELETE FROM products",
    "DROP VIEW products_flat",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_what_reaches_beyond_the_release_is_refused(later: Night, statement: str) -> None:
    with warehouse.connect(releases=later.uri) as connection, pytest.raises(duckdb.Error):
        connection.execute(statement)


def test_two_connections_in_one_process(later: Night) -> None:
    with warehouse.connect(releases=later.uri) as one, warehouse.connect(releases=later.uri) as two:
        for connection in (one, two):
            assert connection.execute("SELECT count(*) FROM products").fetchall() == [(2,)]
            with pytest.raises(duckdb.Error):
                connection.execute(REFUSED[0])


def test_a_new_connection_sees_the_new_release_while_an_old_one_is_open(later: Night) -> None:
    with warehouse.connect(releases=later.uri) as old:
        add_product(later.store, 3)
        later.release()
        with warehouse.connect(releases=later.uri) as new:
            assert new.execute("SELECT count(*) FROM products").fetchall() == [(3,)]
        assert old.execute("SELECT count(*) FROM products").fetchall() == [(2,)]


def test_a_named_release_can_be_opened(later: Night) -> None:
    first = current(later.releases).release
    add_product(later.store, 3)
    later.release()
    with warehouse.connect(first, later.uri) as connection:
        assert connection.execute("SELECT count(*) FROM products").fetchall() == [(2,)]


def test_times_come_out_without_further_packages(later: Night) -> None:
    with warehouse.connect(releases=later.uri) as connection:
        (at,) = connection.execute("SELECT started_at FROM runs").fetchall()[0]
        assert at.tzinfo is None


def test_the_settings_say_where_releases_are(later: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_RELEASES", later.uri)
    assert ask("SELECT count(*) AS pieces FROM products") == (["pieces"], [(2,)])


def test_home_is_where_releases_are_otherwise(later: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TESSERA_RELEASES", raising=False)
    monkeypatch.setenv("TESSERA_HOME", str(Path(later.uri).parent))
    assert ask("SELECT 1 AS one") == (["one"], [(1,)])


def test_questions_that_make_no_sense_are_answered_in_a_sentence(later: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_RELEASES", later.uri)
    with pytest.raises(CannotRun, match="the query cannot be answered: Parser Error"):
        ask("SELEKT 1")


def test_no_release_yet(night: Night) -> None:
    with pytest.raises(CannotRun, match=r"no release at .* yet"):
        warehouse.connect(releases=night.uri)


def test_an_unknown_release(later: Night) -> None:
    with pytest.raises(CannotRun, match="no release 'beef'"):
        warehouse.connect("beef", later.uri)


def test_a_file_that_is_gone_or_damaged_is_named(later: Night) -> None:
    name = current(later.releases).release
    assert verify(later.releases) == []
    file = Path(later.uri) / f"{name}.duckdb"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert verify(later.releases) == [name]
    file.write_bytes(b"no database")
    with pytest.raises(CannotRun, match="cannot be opened"):
        warehouse.connect(releases=later.uri)
    file.unlink()
    assert verify(later.releases) == [name]
    with pytest.raises(CannotRun, match="is gone"):
        warehouse.connect(releases=later.uri)


@pytest.fixture
def remote(night: Night, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    """Releases in a bucket, with one in it, fetched into a cache of this test's own."""
    monkeypatch.setenv("TESSERA_HOME", str(tmp_path / "home"))
    remote = Night(night.store, f"{bucket}/releases", night.scratch)
    remote.release()
    return remote


def test_releases_in_a_bucket(remote: Night, tmp_path: Path) -> None:
    with warehouse.connect(releases=remote.uri) as connection:
        assert connection.execute("SELECT count(*) FROM products").fetchall() == [(2,)]
    (cached,) = (tmp_path / "home" / "cache").iterdir()
    assert cached.name == f"{current(remote.releases).release}.duckdb"
    before = remote.files()
    remote.release()
    assert remote.files() == before
    add_product(remote.store, 3)
    remote.release()
    with warehouse.connect(releases=remote.uri) as connection:
        assert connection.execute("SELECT count(*) FROM products").fetchall() == [(3,)]
    rollback(remote.releases)
    with warehouse.connect(releases=remote.uri) as connection:
        assert connection.execute("SELECT count(*) FROM products").fetchall() == [(2,)]
    assert verify(remote.releases) == []


def test_a_damaged_copy_is_fetched_again_and_a_damaged_original_refused(remote: Night, tmp_path: Path) -> None:
    warehouse.connect(releases=remote.uri).close()
    (cached,) = (tmp_path / "home" / "cache").iterdir()
    whole = cached.read_bytes()
    cached.write_bytes(whole[:-1])
    warehouse.connect(releases=remote.uri).close()
    assert cached.read_bytes() == whole
    cached.unlink()
    remote.releases.put(cached.name, whole[:-1])
    with pytest.raises(CannotRun, match="is damaged: its SHA-256 differs"):
        warehouse.connect(releases=remote.uri)
    assert verify(remote.releases) == [cached.stem]


def test_columns_of_one_name_are_all_there(later: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_RELEASES", later.uri)
    assert ask("SELECT 1 AS x, 2 AS x, 3 AS x") == (["x", "x_1", "x_2"], [(1, 2, 3)])
