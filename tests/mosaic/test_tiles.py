"""Which pictures tiles are cut from, what is said of them, and who may use which."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.imaging import decode, resized
from pipelines.inference import tag_paths
from pipelines.ingest.inbox.mosaic_requests import MosaicRequest, told
from pipelines.lake.objects import sha256
from pipelines.mosaic import mosaic_tiles, tile_pictures
from pipelines.mosaic.material import Tiles
from pipelines.palette import palettes
from tests.ingest.inbox.boxes import Line, delete, upload
from tests.mosaic.workshop import Workshop, cifar_row, photo, swatch

ROWS = {
    "data_batch_1/00000": ((200, 20, 20), "cat"),
    "data_batch_1/00001": ((20, 20, 200), "ship"),
    "data_batch_2/00000": ((20, 150, 20), "frog"),
    "test_batch/00000": ((240, 240, 240), "dog"),
}
CAT, SHIP, FROG, DOG = (sha256(cifar_row(*colour)) for colour, _ in ROWS.values())
PRIVATE, SHARED, OTHERS = (sha256(photo(seed)) for seed in (1, 2, 3))
BEFORE = (palettes.TABLE, tile_pictures.TABLE, tag_paths.TABLE, mosaic_tiles.TABLE)
SHIRT = sha256(swatch(10, 200, 200))


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """CIFAR-10's tiles, a catalogue, ana's private and shared upload, and ben's private one."""
    shop = Workshop(tmp_path_factory.mktemp("stocked") / "lake")
    shop.cifar(ROWS)
    shop.catalogue("fashion", [swatch(10, 200, 200)])
    files = {f"p{seed}.png": photo(seed) for seed in (1, 2, 3)}
    shop.put(
        "a",
        upload(photo(1), "ana", file="p1.png", visibility="private"),
        upload(photo(2), "ana", file="p2.png", visibility="shared"),
        upload(photo(3), "ben", file="p3.png", visibility="private"),
        files=files,
    )
    shop.night()
    shop.make(BEFORE)
    return shop


def of(shop: Workshop, user: str | None = None, image: str = "0" * 64, **options: Any) -> set[str]:
    """Return the tiles a request may have."""
    tiles = Tiles(shop.store.snapshot(mosaic_tiles.TABLE), shop.store.snapshot(tile_pictures.TABLE))
    found = tiles.of(MosaicRequest(user, image, told(options))).to_pylist()
    assert found == sorted(set(found))
    return set(found)


def test_one_row_for_each_picture_that_says_where_it_came_from(stocked: Workshop) -> None:
    rows = stocked.tiles()
    assert {tile: row["source"] for tile, row in rows.items()} == {
        **dict.fromkeys((CAT, SHIP, FROG), "cifar10"),
        DOG: "cifar10_test",
        SHIRT: "fashion",
        **dict.fromkeys((PRIVATE, SHARED, OTHERS), "uploads"),
    }
    assert {tile for tile, row in rows.items() if not row["is_public"]} == {PRIVATE, OTHERS}
    assert {tile: row["owners"] for tile, row in rows.items() if row["owners"]} == {
        PRIVATE: ["ana"],
        SHARED: ["ana"],
        OTHERS: ["ben"],
    }
    assert [(rows[tile]["label"], rows[tile]["tag_path"]) for tile in (CAT, SHIP)] == [
        ("cat", "/animal/fourlegs/cat"),
        ("ship", "/vehicle/water/ship"),
    ]
    assert [rows[FROG][f"mean_{name}"] for name in ("red", "green", "blue")] == [20.0, 150.0, 20.0]


def test_a_tile_is_the_middle_of_its_picture(stocked: Workshop) -> None:
    held = stocked.store.snapshot(tile_pictures.TABLE).read().to_pylist()
    squares = {row["image_id"]: np.frombuffer(row["pixels"], np.uint8).reshape(32, 32, 3) for row in held}
    assert squares.keys() == stocked.tiles().keys()
    assert (squares[CAT] == (200, 20, 20)).all()
    whole = decode(photo(2)).pixels
    expected = resized(whole[:, 16:80], 32, 32)  # of 96 x 64
    assert np.array_equal(squares[SHARED], expected)


def test_by_default_they_are_cifars_training_part_and_uploads(stocked: Workshop) -> None:
    assert of(stocked) == {CAT, SHIP, FROG, SHARED}
    assert of(stocked, "ana") == {CAT, SHIP, FROG, SHARED, PRIVATE}
    assert of(stocked, "ben") == {CAT, SHIP, FROG, SHARED, OTHERS}
    assert of(stocked, "nobody") == of(stocked)


def test_without_cifar_they_are_all_there_are(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "lake")
    ids = shop.catalogue("sample", [swatch(9, 9, 9), swatch(99, 9, 9)])
    shop.make(BEFORE)
    assert of(shop) == set(ids)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"sources": ["cifar10_test"]}, {DOG}),
        ({"sources": ["uploads", "fashion"]}, {SHARED, SHIRT}),
        ({"sources": ["tmdb"]}, set()),
        ({"tag_path": "/animal"}, {CAT, FROG}),
        ({"tag_path": "/animal/"}, {CAT, FROG}),
        ({"tag_path": "/animal/fourlegs/cat"}, {CAT}),
        ({"tag_path": "/ani"}, set()),
        ({"tag_path": "/animal/fourlegs/ca"}, set()),
        ({"tag_path": "/animal", "sources": ["cifar10_test"]}, {DOG}),
        ({"families": ["red"], "sources": ["cifar10", "fashion"]}, {CAT}),
        ({"families": ["red", "blue"], "sources": ["cifar10"]}, {CAT, SHIP}),
        ({"families": ["red"], "tag_path": "/vehicle"}, set()),
    ],
)
def test_filters_leave_what_they_name(stocked: Workshop, options: dict[str, Any], expected: set[str]) -> None:
    assert of(stocked, **options) == expected


def test_a_picture_is_no_tile_of_itself(stocked: Workshop) -> None:
    for image in (CAT, SHARED):
        assert of(stocked, image=image) == of(stocked) - {image}
    assert of(stocked, "ana", PRIVATE) == of(stocked, "ana") - {PRIVATE}


def versions(shop: Workshop) -> dict[str, int]:
    return {table.name: shop.store.snapshot(table).version for table in BEFORE}


def test_one_upload_is_one_tile_once_and_none_when_it_is_deleted(stocked: Workshop, tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "lake")
    shutil.copytree(stocked.lake, shop.lake)
    before = shop.tiles()
    shop.put("b", upload(photo(4), "ben", file="p4.png", visibility="shared"), files={"p4.png": photo(4)})
    shop.night()
    account = shop.make(BEFORE)["mosaic_tiles"]
    assert (account.new, account.unchanged) == (1, len(before))
    now = shop.tiles()
    assert now.keys() - before.keys() == {sha256(photo(4))}
    assert all(now[tile] == row for tile, row in before.items())

    held = versions(shop)
    shop.night()
    assert shop.make(BEFORE)["mosaic_tiles"].new == 0
    assert versions(shop) == held

    shop.put("c", delete(sha256(photo(4)), "ben", 1))
    shop.night()
    shop.make(BEFORE)
    assert shop.tiles() == before


def test_what_is_shared_later_is_for_everybody_from_then_on(stocked: Workshop, tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "lake")
    shutil.copytree(stocked.lake, shop.lake)
    for batch, visibility, expected in (("b", "shared", {PRIVATE}), ("c", "private", set())):
        line: Line = upload(photo(1), "ana", 5 + (batch == "c"), file="p1.png", visibility=visibility)
        shop.put(batch, line, files={"p1.png": photo(1)})
        shop.night()
        shop.make(BEFORE)
        assert of(shop) - {CAT, SHIP, FROG, SHARED} == expected


def test_of_two_who_have_a_picture_each_may_use_it_and_if_one_shares_it_all_may(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "lake")
    shop.put(
        "a",
        *(upload(photo(1), user, file="p.png", visibility="private") for user in ("ana", "ben")),
        files={"p.png": photo(1)},
    )
    shop.night()
    shop.make(BEFORE)
    assert [of(shop, user) for user in ("ana", "ben", "chen", None)] == [{PRIVATE}, {PRIVATE}, set(), set()]
    shop.put("b", upload(photo(1), "ben", 1, file="p.png", visibility="shared"), files={"p.png": photo(1)})
    shop.night()
    shop.make(BEFORE)
    assert [of(shop, user) for user in ("ana", "ben", "chen", None)] == [{PRIVATE}] * 4


def test_an_empty_lake_has_no_tiles(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "lake")
    shop.make(BEFORE)
    assert shop.tiles() == {}
    assert of(shop) == set()


def test_what_the_lake_has_lost_meanwhile_is_no_tile(stocked: Workshop, tmp_path: Path) -> None:
    """A run that makes mosaics without looking at tiles again meets pictures that are gone."""
    shop = Workshop(tmp_path / "lake")
    shutil.copytree(stocked.lake, shop.lake)
    shop.put("b", delete(SHARED, "ana", 1))
    shop.night()
    shop.make((tile_pictures.TABLE,))
    assert SHARED in shop.tiles()
    tiles = Tiles(shop.store.snapshot(mosaic_tiles.TABLE), shop.store.snapshot(tile_pictures.TABLE))
    found = tiles.of(MosaicRequest(None, "0" * 64))
    assert tiles.features(found, "mean_rgb").shape == (len(found), 3)
