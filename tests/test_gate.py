"""Gate one: a night stops where it must, says why, and audits each row once."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines import gate
from pipelines.gate import GateParams
from pipelines.imaging import encode_png
from pipelines.ingest import image_sources, images, sample
from pipelines.ingest.fashion import FashionParams, ingest
from pipelines.lake import bookmarks
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.materialize import upsert
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Change, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lake"))


def taken_in(store: Store, folder: Path, spoil: int = 0, absent: int = 0) -> Journal:
    """Take in a catalogue of 20 pieces, some of whose pictures are damaged or not there."""
    root = sample.write_fashion(folder, 20)
    pictures = sorted((root / "images").iterdir())
    for picture in pictures[:spoil]:
        picture.write_bytes(b"no picture")
    for picture in pictures[spoil : spoil + absent]:
        picture.unlink()
    journal = Journal(store, Run())
    ingest(journal, root, FashionParams())
    return journal


def report_of(journal: Journal) -> dict[str, object]:
    data = journal.store.objects.get(f"_reports/{journal.run.run_id}/gate/audit.json")
    found: dict[str, object] = json.loads(data)
    return found


def test_what_is_good_passes_and_its_report_stays_with_the_run(store: Store, tmp_path: Path) -> None:
    journal = taken_in(store, tmp_path / "shop")
    summary = gate.examine(journal, GateParams(max_defect_share=0.5))
    assert summary["ok"]
    assert report_of(journal)["ok"]
    page = store.objects.get(f"_reports/{journal.run.run_id}/gate/report.html").decode()
    assert "All rules hold" in page
    for link in re.findall(r'href="([^"]+)"', page):
        assert store.objects.find(f"_reports/{journal.run.run_id}/gate/{link}"), link
    assert "products" in page


def test_each_row_is_audited_once(store: Store, tmp_path: Path) -> None:
    first = taken_in(store, tmp_path / "shop")
    gate.examine(first, GateParams(max_defect_share=0.5))
    assert first.steps[-1].rows_in > 20
    again = Journal(store, Run())
    ingest(again, tmp_path / "shop", FashionParams())
    assert gate.examine(again, GateParams(max_defect_share=0.5))["report"] is None
    assert again.steps[-1].rows_in == 0


def test_what_a_killed_run_brought_is_audited_by_the_next(store: Store, tmp_path: Path) -> None:
    taken_in(store, tmp_path / "shop")  # and killed before its gate
    journal = Journal(store, Run())
    gate.examine(journal, GateParams())
    assert journal.steps[-1].rows_in > 20


def test_too_many_defects_stop_the_night_and_say_why(store: Store, tmp_path: Path) -> None:
    journal = taken_in(store, tmp_path / "shop", spoil=15)
    with pytest.raises(ContractBroken, match="at most 10% defects among the fashion images") as stopped:
        gate.examine(journal, GateParams())
    assert "tessera rejects" in str(stopped.value)
    assert f"_reports/{journal.run.run_id}/gate/report.html" in str(stopped.value)
    assert not report_of(journal)["ok"]
    assert bookmarks.came_since(store, gate.READER, store.snapshot(images.TABLE))  # it has not passed


def test_what_is_merely_absent_has_its_own_limit(store: Store, tmp_path: Path) -> None:
    journal = taken_in(store, tmp_path / "shop", absent=15)
    assert gate.examine(journal, GateParams(max_defect_share=0.5))["ok"]
    with pytest.raises(ContractBroken, match="fashion rows without image"):
        gate.examine(journal, GateParams(max_defect_share=0.5, max_absent_share=0.5))


def test_the_accounts_of_earlier_commands_of_the_run_count(store: Store, tmp_path: Path) -> None:
    journal = taken_in(store, tmp_path / "shop", spoil=15)
    journal.write()
    with pytest.raises(ContractBroken, match="fashion images"):
        gate.examine(Journal(store, journal.run), GateParams())


def test_what_was_refused_stays_refused_until_it_is_mended(store: Store, tmp_path: Path) -> None:
    journal = taken_in(store, tmp_path / "shop", spoil=15)
    journal.write()
    for _ in range(2):
        with pytest.raises(ContractBroken, match="fashion images"):
            gate.examine(Journal(store, Run()), GateParams())
    gate.examine(taken_in(store, tmp_path / "shop"), GateParams(max_defect_share=0.5))


def test_what_was_passed_is_not_judged_again(store: Store, tmp_path: Path) -> None:
    journal = taken_in(store, tmp_path / "shop", spoil=15)
    gate.examine(journal, GateParams(max_defect_share=1))
    journal.write()
    assert gate.examine(Journal(store, Run()), GateParams())["ok"]


def test_a_source_that_was_killed_stops_the_night_until_it_is_taken_in(store: Store) -> None:
    run = Run()
    with Journal(store, run).under_way("ingest fashion"), pytest.raises(ContractBroken, match="was killed"):
        gate.examine(Journal(store, run), GateParams())
    done = Journal(store, run)
    with done.under_way("ingest fashion"):
        pass
    done.write()
    assert gate.examine(Journal(store, run), GateParams())["ok"]


def test_a_source_that_was_away_stops_nothing_one_that_broke_its_contract_does(store: Store) -> None:
    journal = Journal(store, Run())
    journal.fail("ingest tmdb", CannotRun("TMDB is away."))
    assert gate.examine(journal, GateParams())["ok"]
    journal.fail("ingest fashion", ContractBroken("styles.csv is missing."))
    with pytest.raises(ContractBroken, match=r"styles\.csv is missing"):
        gate.examine(journal, GateParams())


def test_a_row_that_points_to_nothing_is_found(store: Store) -> None:
    row = image_sources.row("fashion", "images/1.jpg", "stamp", "0" * 64, image_sources.Terms(allow_training=True))
    upsert(store, Run(), image_sources.TABLE, pa.Table.from_pylist([row], image_sources.TABLE.schema))
    with pytest.raises(ContractBroken, match="each image_id stands in images"):
        gate.examine(Journal(store, Run()), GateParams())


def test_a_row_that_breaks_its_declaration_is_found(store: Store) -> None:
    """Such rows cannot be staged; they come from another writer, which is what the gate is for."""
    data = encode_png(np.zeros((4, 4, 3), np.uint8))
    row = images.row("f" * 64, data) | {"width_px": 40_000}
    rows = pa.Table.from_pylist([row], images.TABLE.schema)
    change = Change([store.write(images.TABLE, "other/file.parquet", rows)])
    store.change(images.TABLE, Run(), lambda held: None if held.files else change)
    with pytest.raises(ContractBroken, match="width_px"):
        gate.examine(Journal(store, Run()), GateParams())


def test_what_users_drop_never_stops_the_night(store: Store) -> None:
    journal = Journal(store, Run())
    with journal.step("inbox rows") as step:
        step.rows_in = step.rejected = 30
    assert gate.examine(journal, GateParams())["ok"]
