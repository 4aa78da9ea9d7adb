"""Nights over requests: what is asked for is made, what is taken back goes, and no night does anything twice."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from PIL import Image as Pillow

from pipelines.imaging import encode_png
from pipelines.ingest.inbox import mosaic_requests
from pipelines.ingest.inbox.mosaic_requests import MosaicRequest, told
from pipelines.lake.errors import ContractBroken
from pipelines.lake.materialize import remove
from pipelines.lake.objects import sha256
from pipelines.lake.recipe import Run
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal
from pipelines.mosaic import mosaic_cells, mosaics
from tests.ingest.inbox.boxes import delete, upload
from tests.mosaic.workshop import OURS, Workshop, flat, photo, wish

SOURCE = sha256(photo(1))
SECRET, SHARED = sha256(photo(2)), sha256(photo(3))


def ask(shop: Workshop, *wishes: tuple[str, Any], batch: str = "a", **files: bytes) -> list[str]:
    shop.put(batch, *(line for _, line in wishes), files=files)
    shop.evening()
    return [mosaic_id for mosaic_id, _ in wishes]


def drawn(shop: Workshop, mosaic_id: str) -> np.ndarray[Any, Any]:
    return np.asarray(Pillow.open(io.BytesIO(shop.store.objects.get(shop.made()[mosaic_id]["picture"]))))


def test_a_night_makes_what_is_asked_for_and_a_quiet_one_commits_nothing(shop: Workshop) -> None:
    mosaic_id, limited = ask(shop, wish(SOURCE, format="png"), wish(SOURCE, columns=5, max_uses=2, apart=1))
    row, cells = shop.made()[mosaic_id], shop.cells(mosaic_id)
    assert (row["columns"], row["rows"], row["width_px"], row["height_px"]) == (3, 2, 96, 64)
    assert [(cell["y"], cell["x"]) for cell in cells] == [(y, x) for y in range(2) for x in range(3)]
    assert [cell["rank"] for cell in cells] == [1] * 6
    assert row["gap"] == pytest.approx(0, abs=1e-9)
    assert row["distance"] == pytest.approx(np.mean([cell["distance"] for cell in cells]))
    assert SOURCE not in shop.shown(mosaic_id)
    assert shop.made()[limited]["most_uses"] <= 2
    colours = {
        tile: [round(row[f"mean_{name}"]) for name in ("red", "green", "blue")] for tile, row in shop.tiles().items()
    }
    picture = drawn(shop, mosaic_id)
    for cell in cells:
        shown = picture[cell["y"] * 32 : cell["y"] * 32 + 32, cell["x"] * 32 : cell["x"] * 32 + 32]
        assert np.abs(shown.mean(axis=(0, 1)) - colours[cell["tile_id"]]).max() <= 1

    held = shop.commits()
    account = shop.evening()["mosaics"]
    assert (account.rows_in, account.new, account.unchanged, account.rejected) == (2, 0, 2, 0)
    assert shop.commits() == held


def test_a_mosaic_that_is_taken_back_leaves_both_tables_and_may_come_again(shop: Workshop) -> None:
    stays, goes = ask(shop, wish(SOURCE), wish(SOURCE, columns=4))
    before = shop.cells(goes)
    ask(shop, (goes, wish(SOURCE, columns=4, at=1, wanted=False)[1]), batch="b")
    assert set(shop.made()) == set(shop.values(mosaic_cells.TABLE, "mosaic_id")) == {stays}
    ask(shop, (goes, wish(SOURCE, columns=4, at=2)[1]), batch="c")
    assert shop.cells(goes) == before


def test_a_deleted_picture_takes_its_mosaics_along(shop: Workshop) -> None:
    ask(shop, wish(SOURCE), wish(SOURCE, "ben"), wish(SHARED, "ben"))
    assert len(shop.made()) == 3
    shop.put("b", delete(SOURCE, "ana", 5))
    shop.evening()
    (left,) = shop.made().values()
    assert left["image_id"] == SHARED
    assert SOURCE not in shop.shown(left["mosaic_id"])
    assert set(shop.values(mosaic_cells.TABLE, "mosaic_id")) == {left["mosaic_id"]}


def test_a_deleted_tile_leaves_every_mosaic_and_the_other_cells_stay(shop: Workshop) -> None:
    (mosaic_id,) = ask(shop, wish(SOURCE, columns=6, sources=["sample", "uploads"], max_uses=1))
    before = shop.shown(mosaic_id)
    assert SHARED in before
    shop.put("b", delete(SHARED, "ana", 5))
    shop.evening()
    now = shop.shown(mosaic_id)
    assert SHARED not in now
    assert [one for one, other in zip(before, now, strict=True) if one != other] == [SHARED]
    assert shop.made()[mosaic_id]["changed_count"] == 1


def test_a_private_tile_shows_in_its_owners_mosaics_alone(shop: Workshop) -> None:
    shop.put(
        "x",
        upload(encode_png(flat((7, 8, 9), 64, 64)), "ana", file="x.png", visibility="shared"),
        upload(encode_png(flat((7, 8, 9), 40, 40)), "ana", file="y.png", visibility="private"),
        files={"x.png": encode_png(flat((7, 8, 9), 64, 64)), "y.png": encode_png(flat((7, 8, 9), 40, 40))},
    )
    shop.evening()
    image, private = (sha256(encode_png(flat((7, 8, 9), side, side))) for side in (64, 40))
    mine, hers = ask(shop, wish(image, "ana"), wish(image, "ben"))
    assert set(shop.shown(mine)) == {private}
    assert private not in shop.shown(hers)
    mosaic_requests.ask(journal := Journal(shop.store, Run()), MosaicRequest(None, image))
    shop.make()
    assert private not in shop.shown(MosaicRequest(None, image).mosaic_id)
    assert not journal.steps


def test_what_cannot_be_made_is_said_and_the_others_are_made(shop: Workshop) -> None:
    many, none, fine = ask(
        shop,
        wish(SOURCE, columns=50, max_uses=1),
        wish(SOURCE, tag_path="/animal"),
        wish(SOURCE),
    )
    assert set(shop.made()) == {fine}
    said = shop.rejects()
    assert "tiles used 1 times at most fill" in said[many, "too_few_tiles"]
    assert "no tile fits the filter" in said[none, "no_tiles"]
    assert SOURCE[:12] in said[none, "no_tiles"]
    held = shop.commits()
    account = shop.evening()["mosaics"]
    assert (account.new, account.unchanged, account.rejected) == (0, 1, 2)
    assert shop.commits() == held
    ask(shop, wish(SOURCE, tag_path="/animal", at=3, wanted=False), batch="b")
    assert set(shop.rejects()) == {(many, "too_few_tiles")}


@pytest.mark.parametrize("options", [{"columns": 5, "max_uses": 2}, {"apart": 2, "columns": 4}])
def test_a_mosaic_that_cannot_be_any_more_does_not_show_what_was_deleted(
    shop: Workshop, options: dict[str, Any]
) -> None:
    ids = [sha256(photo(seed)) for seed in range(20, 30)]
    files = {f"q{seed}.png": photo(seed) for seed in range(20, 30)}
    lines = [upload(data, "ben", file=name, visibility="shared") for name, data in files.items()]
    shop.put("x", *lines, files=files)
    (mosaic_id,) = ask(shop, wish(SOURCE, "ben", sources=["uploads"], **options))
    assert set(shop.shown(mosaic_id)) & set(ids)
    shop.put("b", *(delete(image, "ben", 5) for image in ids))
    shop.evening()
    assert (mosaic_id, "too_few_tiles") in shop.rejects()
    assert not set(shop.shown(mosaic_id)) - set(shop.tiles())
    assert mosaic_id not in shop.made()


class TestKilled:
    """A run that was killed goes on, and it ends as if it had not been."""

    def state(self, shop: Workshop) -> dict[str, str]:
        return {table.name: digest(table, shop.store.snapshot(table).read()) for table in OURS}

    def wishes(self) -> list[tuple[str, Any]]:
        return [wish(SOURCE, columns=5, max_uses=1), wish(SOURCE), wish(SHARED, columns=4)]

    def test_while_drawing(self, shop: Workshop, tmp_path: Path) -> None:
        other = Workshop(tmp_path / "other")
        shutil.copytree(shop.lake, other.lake)
        ask(other, *self.wishes())
        shop.put("a", *(line for _, line in self.wishes()))
        shop.night()
        drawn_already = list[str]()

        def stop(step: str, *_: int | None) -> None:
            if step.startswith("mosaic ") and step not in drawn_already:
                drawn_already.append(step)
                if len(drawn_already) == 2:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            shop.make(progress=stop)
        assert len(shop.made()) == 1
        account = shop.make()["mosaics"]
        assert (account.new, account.unchanged) == (2, 1)
        assert self.state(shop) == self.state(other)

    def test_between_the_cells_and_the_row(self, shop: Workshop) -> None:
        first, *_ = ask(shop, *self.wishes())
        before = self.state(shop)
        remove(shop.store, Run(), mosaics.TABLE, lambda rows: pc.equal(rows["mosaic_id"], first))
        assert shop.make()["mosaics"].new == 1
        assert self.state(shop) == before

    def test_before_the_cells_of_what_was_taken_back_had_gone(self, shop: Workshop) -> None:
        first, second, third = ask(shop, *self.wishes())
        remove(shop.store, Run(), mosaics.TABLE, lambda rows: pc.equal(rows["mosaic_id"], second))
        ask(shop, (second, wish(SOURCE, at=1, wanted=False)[1]), batch="b")
        assert set(shop.values(mosaic_cells.TABLE, "mosaic_id")) == {first, third} == set(shop.made())


def test_an_operator_cannot_ask_for_what_nobody_may_see(shop: Workshop) -> None:
    with pytest.raises(ContractBroken, match="that everybody may see"):
        mosaic_requests.ask(Journal(shop.store, Run()), MosaicRequest(None, SECRET))
    mosaic_requests.ask(Journal(shop.store, Run()), MosaicRequest("ana", SECRET, told({"columns": 3})))
    shop.make()
    assert len(shop.made()) == 1
