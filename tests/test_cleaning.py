"""Cleaning: of what was deleted no byte is left, and nothing that can still be reached goes."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import warehouse
from pipelines import cleaning
from pipelines.catalog import TABLES
from pipelines.cleaning import CleaningParams, clean
from pipelines.executor import open_executor
from pipelines.imaging import decode, encode_png
from pipelines.ingest import images
from pipelines.ingest.inbox import source as inbox
from pipelines.ingest.retirement import retire
from pipelines.ingest.sample.inbox import Batch
from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import Objects
from pipelines.lake.recipe import Run
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.lake.table import Table
from pipelines.mosaic import mosaic_tiles, mosaics, tile_pictures
from pipelines.mosaic.making import FOLDER
from pipelines.producers import materialize
from warehouse.release import list_releases, release

START = datetime(2026, 1, 5, 8, tzinfo=UTC)


class Home:
    """A lake with an inbox, its releases, and how a night goes in them."""

    def __init__(self, root: Path) -> None:
        self.root, self.store = root, Store(str(root / "lake"))
        self.releases, self.cache = Objects(str(root / "releases")), root / "cache"

    def batch(self, name: str, day: int = 0) -> Batch:
        folder = self.root / "lake" / "incoming" / name
        folder.mkdir(parents=True)
        return Batch(folder, START + timedelta(days=day))

    def night(self) -> str:
        return release(self.make(*TABLES), self.releases, self.root / "scratch").release

    def make(self, *tables: Table) -> Journal:
        """Take the inbox in, and make tables of it."""
        journal = Journal(self.store, Run())
        inbox.ingest(journal)
        retire(journal)
        with open_executor("threads") as executor:
            for table in tables:
                if table.produce:
                    materialize(journal, table, executor, 1.0)
        return journal

    def clean(self, **params: float | bool) -> dict[str, int]:
        return clean(Journal(self.store, Run()), self.releases, self.cache, CleaningParams(**params))  # type: ignore[arg-type]

    def holds(self, needle: bytes) -> list[str]:
        """Return the files in which bytes stand, in the lake and among the releases."""
        places = [file for file in self.root.rglob("*") if file.is_file()]
        return [str(file.relative_to(self.root)) for file in places if needle in file.read_bytes()]

    def shades(self) -> list[int]:
        """Return the shades that pictures of mosaics in the lake have."""
        files = (self.root / "lake" / FOLDER).rglob("*.png")
        return [int(shade) for file in files for shade in np.unique(decode(file.read_bytes()).pixels)]

    def digests(self) -> dict[str, str]:
        return {table.name: digest(table, self.store.snapshot(table).read()) for table in TABLES}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def noise(seed: int) -> bytes:
    """Return a picture whose bytes no codec can hide: it does not compress."""
    return encode_png(np.random.default_rng(seed).integers(0, 256, (48, 48, 3), np.uint8))


def deleted(home: Home) -> tuple[bytes, str]:
    """Two nights: two pictures come in, one of them is taken back; return its bytes and its id."""
    first = home.batch("a")
    image_id = first.upload("mine.png", noise(1), "ana", "shared", "a secret title")
    first.upload("other.png", noise(2), "ben", "shared", "kept")
    first.close()
    home.night()
    second = home.batch("b", day=1)
    second.note("delete", user_id="ana", image_id=image_id)
    second.close()
    home.night()
    return noise(1), image_id


def test_of_what_was_deleted_no_byte_is_left_at_once(home: Home) -> None:
    data, image_id = deleted(home)
    pixels = data[200:400]
    assert home.holds(pixels)
    assert home.holds(b"a secret title")
    before = home.digests()
    removed = home.clean(at_once=True)
    assert home.holds(pixels) == []
    assert home.holds(b"a secret title") == []
    assert removed["data_files"] > 0
    assert removed["inbox_files"] == 4  # two pictures, two manifests
    assert removed["releases"] == 1
    assert home.digests() == before
    assert not list((home.root / "lake" / "incoming").glob("*"))
    with warehouse.connect(releases=home.releases.uri) as connection:
        assert connection.execute("SELECT count(*) FROM images").fetchone() == (1,)
        for table in ("images", "palettes", "uploads", "near_duplicates"):
            found = connection.execute(f'SELECT count(*) FROM "{table}" WHERE image_id = ?', [image_id]).fetchone()
            assert found == (0,), table


def test_nothing_goes_before_its_time(home: Home) -> None:
    data, _ = deleted(home)
    assert sum(home.clean().values()) == 0
    assert home.holds(data[200:400])
    assert len(list_releases(home.releases)) == 2


def test_everything_goes_when_its_time_has_come(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    data, _ = deleted(home)
    age(home.root, days=8)
    later = datetime.now(UTC) + timedelta(days=8)

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return later

    monkeypatch.setattr(cleaning, "datetime", Later)
    removed = home.clean()
    assert removed["inbox_files"] == 4
    assert removed["releases"] == 1
    assert removed["pins"] > 0
    assert data[200:400] not in b"".join(file.read_bytes() for file in (home.root / "lake" / "incoming").rglob("*.png"))


MINE, OTHER, SUBJECT = 180, 20, 200  # shades of grey
MADE = (tile_pictures.TABLE, mosaic_tiles.TABLE, mosaics.TABLE)


def grey(shade: int) -> bytes:
    return encode_png(np.full((48, 48, 3), shade, np.uint8))


def replaced(home: Home) -> None:
    """Two nights: Ana has a mosaic, made of a picture that nobody else may see; she takes that back."""
    first = home.batch("a")
    subject = first.upload("subject.png", grey(SUBJECT), "ana", "private", "what it shows")
    mine = first.upload("mine.png", grey(MINE), "ana", "private", "a tile")
    first.upload("other.png", grey(OTHER), "ben", "shared", "a tile for all")
    first.note("mosaic", user_id="ana", image_id=subject, columns=2, format="png")
    first.close()
    home.make(*MADE)
    assert home.shades() == [MINE]
    second = home.batch("b", day=1)
    second.note("delete", user_id="ana", image_id=mine)
    second.close()
    home.make(*MADE)
    assert sorted(home.shades()) == [OTHER, MINE]


def unfinished(home: Home) -> Path:
    """Leave what a night that makes a mosaic has written before any row names it; return its folder."""
    folder = home.root / "lake" / FOLDER / "0123456789abcdef" / "fedcba9876543210"
    (folder / "mosaic_files" / "0").mkdir(parents=True)
    for name in ("mosaic.dzi", "mosaic.html", "mosaic_files/0/0_0.jpg"):
        (folder / name).write_bytes(b"not committed yet")
    return folder


def test_a_deleted_tile_goes_from_the_pictures_of_mosaics_at_once(home: Home) -> None:
    replaced(home)
    folder = unfinished(home)
    before = home.digests()
    assert home.clean(at_once=True)["mosaic_pictures"] == 1
    assert home.shades() == [OTHER]
    assert home.digests() == before
    [picture] = home.store.snapshot(mosaics.TABLE).read()["picture"].to_pylist()
    assert (home.root / "lake" / picture).exists()
    assert len([file for file in folder.rglob("*") if file.is_file()]) == 3
    assert home.clean(at_once=True)["mosaic_pictures"] == 0


def test_a_mosaic_that_was_taken_back_leaves_nothing(home: Home) -> None:
    replaced(home)
    [asked] = home.store.snapshot(mosaics.TABLE).read().to_pylist()
    third = home.batch("c", day=2)
    third.note("mosaic", user_id="ana", image_id=asked["image_id"], columns=2, format="png", wanted=False)
    third.close()
    home.make(*MADE)
    assert home.clean(at_once=True)["mosaic_pictures"] == 2
    assert list((home.root / "lake" / FOLDER).iterdir()) == []


def test_a_mosaics_earlier_picture_stays_while_an_earlier_version_names_it(home: Home) -> None:
    replaced(home)
    age(home.root / "lake" / FOLDER, days=30)
    assert home.clean()["mosaic_pictures"] == 0
    assert sorted(home.shades()) == [OTHER, MINE]
    home.store.vacuum(mosaics.TABLE, 0, leftovers=False)  # as cleaning does when its time is up
    assert home.clean()["mosaic_pictures"] == 1
    assert home.shades() == [OTHER]


def test_a_picture_that_no_mosaic_named_goes_when_its_time_has_come(home: Home) -> None:
    folder = unfinished(home)
    assert home.clean()["mosaic_pictures"] == 0
    age(folder, days=8)
    assert home.clean()["mosaic_pictures"] == 1
    assert not folder.parent.exists()


def age(folder: Path, days: float) -> None:
    """Make files look as if they had been written days ago."""
    for file in folder.rglob("*"):
        if file.is_file():
            then = file.stat().st_mtime - days * 24 * 3600
            os.utime(file, (then, then))


def test_a_night_after_cleaning_is_quiet_and_its_release_stands(home: Home) -> None:
    deleted(home)
    home.clean(at_once=True)
    before = home.digests()
    held = home.night()
    assert home.digests() | {"runs": ""} == before | {"runs": ""}
    assert [found.release.release for found in list_releases(home.releases)] == [held]


def test_a_batch_that_was_not_taken_stays(home: Home) -> None:
    deleted(home)
    waiting = home.batch("c", day=2)
    waiting.upload("late.png", noise(3), "ana", "private", "waits")
    changed = home.root / "lake" / "incoming" / "b" / "manifest.jsonl"
    changed.write_text(changed.read_text() + "\n{}\n")
    home.clean(at_once=True)
    left = {file.parent.name for file in (home.root / "lake" / "incoming").rglob("*") if file.is_file()}
    assert left == {"b", "c"}


def test_what_a_running_night_has_written_stays(home: Home) -> None:
    deleted(home)
    folder = Path(home.store.folder(images.TABLE).uri)
    staged = folder / "0123456789abcdef" / "staged.parquet"
    staged.parent.mkdir()
    staged.write_bytes(b"not committed yet")
    home.clean(at_once=True)
    assert staged.exists()


def test_less_than_a_day_cannot_be_kept() -> None:
    with pytest.raises(CannotRun, match="--now"):
        CleaningParams(keep_days=0.5)
