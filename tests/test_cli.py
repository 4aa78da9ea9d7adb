"""The commands a person types to look around; nights have a file of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import catalog, dictionary
from pipelines.settings import Settings


def tessera(home: Path, *arguments: str, code: int = 0) -> str:
    environment = os.environ | {"TESSERA_HOME": str(home)}
    command = [sys.executable, "-m", "pipelines", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_help_lists_what_the_readme_names(tmp_path: Path) -> None:
    words = tessera(tmp_path, "--help")
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    for command in ("nightly", "run", "releases", "rollback", "sql", "runs", "rejects", "hashes", "lineage"):
        assert command in words
        assert command in readme


def test_describe_tells_every_column(tmp_path: Path) -> None:
    words = tessera(tmp_path, "describe", "palettes")
    for column in catalog.find("palettes").columns:
        assert column.name in words


def test_lineage_runs_both_ways(tmp_path: Path) -> None:
    assert "made of images" in tessera(tmp_path, "lineage", "palettes")
    assert "palettes" in tessera(tmp_path, "lineage", "images")


def test_doctor_finds_a_sound_machine_well_and_says_what_is_not(tmp_path: Path) -> None:
    tessera(tmp_path, "doctor")
    environment = os.environ | {
        "TESSERA_HOME": str(tmp_path),
        "TESSERA_FASHION": "/nowhere",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "doctor"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "not well: fashion" in done.stderr


def test_an_empty_lake_has_no_rows_and_no_errors(tmp_path: Path) -> None:
    assert tessera(tmp_path, "runs") == "no rows\n"
    assert tessera(tmp_path, "rejects") == "no rows\n"
    assert tessera(tmp_path, "releases") == "no rows\n"


def test_sample_writes_all_sources(tmp_path: Path) -> None:
    last = tessera(tmp_path, "sample", str(tmp_path / "out"), "--pieces=20").splitlines()[-1]
    assert json.loads(last)["status"] == "done"
    for path in ("fashion/styles.csv", "cifar-10-batches-py/data_batch_1", "tmdb", "bechdel/movies.csv", "incoming"):
        assert (tmp_path / "out" / path).exists()


def test_pages_are_what_the_tables_declare(tmp_path: Path) -> None:
    dictionary.write(catalog.TABLES, tmp_path)
    assert dictionary.outdated(catalog.TABLES, tmp_path) == []
    (tmp_path / "palettes.md").write_text("something else")
    (tmp_path / "gone.md").write_text("a table that was")
    assert dictionary.outdated(catalog.TABLES, tmp_path) == ["gone.md", "palettes.md"]


def test_settings_say_where_things_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TESSERA_HOME", str(tmp_path))
    assert Settings().lake_uri == str(tmp_path / "lake")
    monkeypatch.setenv("TESSERA_LAKE", "s3://bucket/lake/")
    assert Settings().lake_uri == "s3://bucket/lake"
    with pytest.raises(ValueError, match="frozen"):
        Settings().lake = "elsewhere"  # type: ignore[misc]  # that is the point
