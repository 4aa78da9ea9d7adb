"""Whole nights through the command line: the same rows on every store and executor, quiet nights, real archives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipelines.ingest import sample
from tests import command

PIECES = 120


def tessera(home: Path, *arguments: str, settings: Mapping[str, str] | None = None, code: int = 0) -> list[Any]:
    """Run a command; return the JSON lines it wrote."""
    environment = os.environ | {"TESSERA_HOME": str(home)} | dict(settings or {})
    done = command.run(arguments, environment)
    assert done.returncode == code, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def night(home: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a night; return its summary, the steps by name."""
    summary = tessera(home, "nightly", *arguments, settings=settings)[-1]
    return summary | {"steps": {step["step"]: step for step in summary["steps"]}}


def hashes(home: Path, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    rows = tessera(home, "hashes", "--json", settings=settings)
    return {row["table"]: row["row_hash"] for row in rows}


def versions(home: Path) -> dict[str, int]:
    return {log.parent.name: len(list(log.glob("*.json"))) for log in (home / "lake").glob("*/_delta_log")}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A night over the sample source in an empty lake on a local folder, with threads."""
    home = tmp_path_factory.mktemp("first")
    return home, night(home, "--sample", f"--pieces={PIECES}")


def test_the_account_is_what_the_sample_promises(first: tuple[Path, dict[str, Any]]) -> None:
    steps, promised = first[1]["steps"], sample.expected(PIECES)
    pictures, rows, palettes = steps["sample images"], steps["sample rows"], steps["palettes"]
    assert (pictures["in_count"], pictures["new_count"]) == (promised.images, promised.distinct_images)
    assert pictures["duplicate_count"] == promised.surplus
    assert (rows["in_count"], rows["reject_count"]) == (promised.rows, promised.absent)
    assert rows["new_count"] == promised.rows - promised.absent
    taken = sum(step["new_count"] for name, step in steps.items() if name.endswith(" images"))
    taken -= steps["retired"]["new_count"]  # one of the users took a picture back
    assert taken > promised.distinct_images
    assert (palettes["in_count"], palettes["new_count"]) == (taken, taken)


def test_the_release_answers_in_sql(first: tuple[Path, dict[str, Any]]) -> None:
    sources = "SELECT count(DISTINCT image_id) AS n FROM palettes JOIN image_sources USING (image_id) WHERE source = "
    (answer,) = tessera(first[0], "sql", "--json", f"{sources}'sample'")
    assert answer == {"n": sample.expected(PIECES).distinct_images}
    (mine,) = tessera(first[0], "sql", "--json", "SELECT count(*) AS n FROM wardrobe('ana')")
    assert mine == {"n": 2}
    seen = "SELECT count(*) AS n FROM visible_images('ben') JOIN uploads USING (image_id) WHERE user_id = 'ana'"
    assert tessera(first[0], "sql", "--json", seen) == [{"n": 1}]  # the other one is private


@pytest.mark.slow
def test_a_quiet_night_commits_only_its_row_in_runs(first: tuple[Path, dict[str, Any]]) -> None:
    home, before = first
    held = versions(home)
    again = night(home, "--sample", f"--pieces={PIECES}")
    assert all(step["new_count"] == 0 for step in again["steps"].values())
    assert {name for name, commits in versions(home).items() if commits != held[name]} == {"runs"}
    assert again["release"]["release"] == before["release"]["release"]


def test_a_piece_can_be_drawn(first: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    (piece,) = tessera(first[0], "sql", "--json", "SELECT min(product_id) AS id FROM products")
    tessera(first[0], "sheet", str(piece["id"]), f"--folder={tmp_path}")
    assert (tmp_path / f"{piece['id']}.png").read_bytes().startswith(b"\x89PNG")
    assert "Similar in colour" in (tmp_path / f"{piece['id']}.html").read_text()
    told = tessera(first[0], "sheet", "9" * 30, code=2)[-1]["error"]
    assert "the release has no piece" in told


def test_what_is_made_on_request_is_kept_up_to_date_from_then_on(
    first: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(first[0], home)
    asked = ("similar_palettes", "recall_checks")
    left_out = tessera(home, "run", *asked, "--as-at-night")[-1]
    assert left_out["steps"] == []
    made = {step["step"]: step["new_count"] for step in tessera(home, "run", *asked)[-1]["steps"]}
    assert made["similar_palettes"] > 0
    again = night(home, "--sample", f"--pieces={PIECES}")
    assert again["steps"]["similar_palettes"]["new_count"] == 0
    (checked,) = tessera(home, "sql", "--json", "SELECT min(recall) AS least FROM recall_checks")
    assert checked == {"least": 1.0}


@pytest.mark.slow
def test_a_hundred_more_pictures_are_a_hundred_decoded(tmp_path: Path) -> None:
    few, more = (sample.write_fashion(tmp_path / str(count), count) for count in (PIECES, PIECES + 150))
    added = sample.expected(PIECES + 150).distinct_images - sample.expected(PIECES).distinct_images
    night(tmp_path / "home", f"--fashion={few}")
    steps = night(tmp_path / "home", f"--fashion={more}")["steps"]
    assert steps["palettes"]["new_count"] == added
    assert steps["palettes"]["unchanged_count"] == sample.expected(PIECES).distinct_images


@pytest.mark.slow
def test_s3_and_dask_processes_give_the_same_rows(
    first: tuple[Path, dict[str, Any]], tmp_path: Path, bucket: str
) -> None:
    on_s3 = {"TESSERA_LAKE": f"{bucket}/lake", "TESSERA_RELEASES": f"{bucket}/releases"}
    night(tmp_path / "s3", "--sample", f"--pieces={PIECES}", settings=on_s3)
    with_dask = {"TESSERA_DASK_SCHEDULER": "processes"}
    night(tmp_path / "dask", "--sample", f"--pieces={PIECES}", settings=with_dask)
    dated = {"movies", "image_sources"}  # films and posters carry the time at which they were fetched
    expected = {name: rows for name, rows in hashes(first[0]).items() if name not in dated}
    assert len(expected) > 10
    assert expected.items() <= hashes(tmp_path / "s3", on_s3).items()
    assert expected.items() <= hashes(tmp_path / "dask").items()
    (answer,) = tessera(tmp_path / "s3", "sql", "--json", "SELECT count(*) AS n FROM products", settings=on_s3)
    assert answer["n"] > 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("run", "nonsense"), 2, "there is no table 'nonsense'"),
        (("run", "images"), 2, "use tessera ingest"),
        (("ingest", "nonsense"), 2, "there is no source 'nonsense'"),
        (("ingest", "fashion", "--path=/nowhere.zip"), 2, "there is no folder or file /nowhere.zip"),
        (("ingest", "fashion", f"--path={__file__}"), 2, "cannot be read as a zip"),
        (("nightly", "--sample", "--fashion=x"), 2, "give one of them"),
        (("ingest", "sample", "--path=/nowhere.zip"), 2, "--path names a copy of a data set"),
        (("ingest", "tmdb"), 2, "set TESSERA_TMDB_TOKEN"),
        (("ingest", "cifar10", "--path=/nowhere"), 2, "/nowhere"),
        (("ingest", "bechdel", "--path=/nowhere"), 2, "/nowhere"),
        (("sql", "SELECT 1"), 2, "there is no release"),
        (("rollback", "ffff"), 2, "release"),
        (("ingest", "--run-id=../../etc", "sample"), 2, "run id"),
    ],
)
def test_what_cannot_run_says_why(tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    failed = tessera(tmp_path, *arguments, code=code)[-1]
    assert failed["status"] == "failed"
    assert words in failed["error"]


def test_a_broken_contract_is_exit_code_one(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "styles.csv").write_text("id,gender\n1,Men\n")
    failed = tessera(tmp_path, "ingest", "fashion", f"--path={tmp_path / 'bad'}", code=1)[-1]
    assert "styles.csv has no column masterCategory" in failed["error"]


def test_a_failed_command_leaves_its_reason_in_runs(tmp_path: Path) -> None:
    tessera(tmp_path, "ingest", "fashion", "--path=/nowhere.zip", "--run-id=lost", code=2)
    (row,) = tessera(tmp_path, "runs", "--json", "--run-id=lost")
    assert (row["step"], row["status"]) == ("ingest fashion", "failed")
    assert "CannotRun: there is no folder or file /nowhere.zip" in row["error"]


@pytest.mark.slow
def test_the_same_run_started_again_takes_in_what_is_new(tmp_path: Path) -> None:
    for pieces in (20, 40):
        folder = sample.write_fashion(tmp_path / str(pieces), pieces)
        steps = night(tmp_path / "home", f"--fashion={folder}", "--run-id=again")["steps"]
        assert steps["palettes"]["in_count"] == sample.expected(pieces).distinct_images
    (answer,) = tessera(tmp_path / "home", "sql", "--json", "SELECT count(*) AS n FROM products")
    assert answer["n"] == sample.expected(40).images


@pytest.mark.slow
def test_the_same_run_started_again_passes_once_its_source_is_mended(tmp_path: Path) -> None:
    folder = sample.write_fashion(tmp_path / "shop", 20)
    rows = (folder / "styles.csv").read_bytes()
    (folder / "styles.csv").unlink()
    command = ("nightly", f"--fashion={folder}", "--run-id=again")
    assert "holds no styles.csv" in tessera(tmp_path / "home", *command, code=1)[-1]["error"]
    (folder / "styles.csv").write_bytes(rows)
    assert tessera(tmp_path / "home", *command)[-1]["release"]["release"]


@pytest.mark.slow
def test_a_release_stands_though_another_run_takes_pictures_in_meanwhile(tmp_path: Path) -> None:
    tessera(tmp_path, "ingest", "sample", "--pieces=20", "--run-id=a")
    tessera(tmp_path, "run", "palettes", "--run-id=a")
    tessera(tmp_path, "ingest", "sample", "--pieces=40", "--run-id=b")
    assert tessera(tmp_path, "release", "--run-id=a")[-1]["status"] == "done"


def test_a_run_that_is_stopped_says_so(tmp_path: Path) -> None:
    environment = os.environ | {"TESSERA_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "pipelines", "ingest", "sample", "--pieces=20000", "--run-id=stopped"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / "sample").exists():
        time.sleep(0.05)
    process.terminate()
    assert process.wait(timeout=30) == 143
    (row,) = tessera(tmp_path, "runs", "--json", "--run-id=stopped")
    assert row["status"] == "failed"
    assert row["error"].startswith("Stopped from outside")


def test_a_fault_of_ours_is_no_broken_contract(tmp_path: Path) -> None:
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases" / "current.json").write_text("not JSON")
    assert "a fault in Tessera" in tessera(tmp_path, "sql", "SELECT 1", code=2)[-1]["error"]
