"""One night over every source at once, on the real files: their counts, their accounts, and a quiet night after it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest

from pipelines.ingest import sample
from pipelines.ingest.sample import replay
from pipelines.registry import Registry
from tests.registry.networks import log_mobilenet

pytestmark = [pytest.mark.slow(40), pytest.mark.timeout(900)]

# in, new, unchanged, rejected, duplicates: the counts of the data's own README.
ACCOUNTS = {
    "fashion images": (16_000, 15_893, 0, 0, 107),
    "fashion rows": (44_446, 16_000, 0, 28_446, 0),
    "fashion photos": (52, 52, 0, 0, 0),
    "fashion details": (100, 100, 0, 0, 0),
    "cifar10 images": (9_085, 9_085, 0, 0, 0),
    "cifar10 rows": (9_085, 9_085, 0, 0, 0),
    "bechdeltest rows": (10_408, 10_408, 0, 0, 0),
    "bechdeltest_2021 rows": (8_839, 8_839, 0, 0, 0),
    "fivethirtyeight rows": (1_794, 1_794, 0, 0, 0),
    "inbox images": (6, 6, 0, 0, 0),
    "inbox rows": (17, 15, 1, 0, 1),
}
COUNTS = ("in_count", "new_count", "unchanged_count", "reject_count", "duplicate_count")


@pytest.fixture(scope="module")
def settings(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    home = tmp_path_factory.mktemp("home")
    sample.write_inbox(home / "lake")
    with replay.serve(real_data / "tmdb" / "recorded") as server:
        yield os.environ | {
            "TESSERA_HOME": str(home),
            "TESSERA_DASK_SCHEDULER": "local",  # as people have it
            "TESSERA_MLFLOW_URI": _with_tags(real_data / "imagenet-tflite", home),
            "TESSERA_FASHION": str(real_data / "fashion-product-images-small.zip"),
            "TESSERA_FASHION_PHOTOS": str(real_data / "fashion-highres"),
            "TESSERA_FASHION_DETAILS": str(real_data / "fashion-styles"),
            "TESSERA_CIFAR10": str(real_data / "cifar-10-batches-py"),
            "TESSERA_BECHDEL": str(real_data / "bechdel"),
            "TESSERA_TMDB_TOKEN": "canary-a1b2c3",
            "TESSERA_TMDB_API": server.url,
        }


def _with_tags(models: Path, home: Path) -> str:
    """Return a registry of its own that holds a real model for tags, and for labels nothing yet."""
    uri = f"sqlite:///{home / 'mlflow.db'}"
    Registry(uri, str(home / "mlartifacts"), home / "models").versions("generic-tags")  # makes it
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    log_mobilenet(models, "mobilenet_v1_0.25_128_quant", 128, home)
    return uri


def tessera(settings: dict[str, str], *arguments: str) -> list[Any]:
    command = [sys.executable, "-m", "pipelines", *arguments]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "canary-a1b2c3" not in done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def night(settings: dict[str, str]) -> dict[str, Any]:
    return dict(tessera(settings, "nightly")[-1])


def test_every_account_is_what_is_known_of_the_files(night: dict[str, Any]) -> None:
    found = {step["step"]: tuple(step[count] for count in COUNTS) for step in night["steps"]}
    assert {name: found[name] for name in ACCOUNTS} == ACCOUNTS
    assert found["tmdb rows"] == (3, 1, 0, 2, 0)  # of two films only other requests were recorded
    for given, *out in found.values():
        assert given == sum(out)
    fashion = 15_893 + 52
    assert found["label_scores"] == (fashion + 5, fashion + 5, 0, 0, 0)  # and the users' pictures
    assert found["augmentations"] == (fashion, fashion, 0, 0, 0)
    for name in ("thumbnails", "tags"):
        assert found[name] == (fashion + 5, fashion + 5, 0, 0, 0)  # no poster came, and CIFAR-10 has none
    made = found["palettes"]
    pictures = sum(counts[1] for name, counts in found.items() if name.endswith((" images", " photos")))
    assert made == (pictures - 1, pictures - 1, 0, 0, 0)  # a user took one back
    assert (
        max(step["peak_memory_bytes"] for step in night["steps"]) < 2 << 30
    )  # TensorFlow, for the tags, is half of it


def test_the_release_knows_them_all(settings: dict[str, str], night: dict[str, Any]) -> None:
    assert night["release"]["release"]
    (split,) = tessera(settings, "sql", "--json", "SELECT count_if(split = 'train') AS n FROM cifar10_labels")
    assert split == {"n": 8_068}
    (shoes,) = tessera(
        settings,
        "sql",
        "--json",
        "SELECT count(*) AS n FROM products WHERE gender = 'Men' AND sub_category = 'Shoes' AND year >= 2012",
    )
    assert shoes == {"n": 949}
    (repaired,) = tessera(settings, "sql", "--json", "SELECT count_if(is_repaired) AS n FROM products")
    assert repaired == {"n": 22}
    blobs = "SELECT count(*) AS n FROM duckdb_columns() WHERE data_type = 'BLOB'"
    assert tessera(settings, "sql", "--json", blobs) == [{"n": 0}], "a release carries no picture"
    (photos,) = tessera(settings, "sql", "--json", "SELECT count(photo_id) AS n FROM products_flat")
    assert photos == {"n": 52}
    (untaught,) = tessera(
        settings, "sql", "--json", "SELECT count_if(allow_training) AS n FROM movies WHERE source = 'tmdb'"
    )
    assert untaught == {"n": 0}
    asked = "SELECT count(DISTINCT image_id) AS n FROM labels WHERE source = 'true' AND label_group = 'piece'"
    (pieces,) = tessera(settings, "sql", "--json", asked)
    assert pieces == {"n": 4_314}  # pictures of pieces that are one of the 21 classes
    reasons = tessera(settings, "rejects", "--json")
    assert {row["reason"] for row in reasons if row["source"] in ("fashion", "cifar10", "inbox")} == {"image_absent"}


def test_a_night_without_news_commits_nothing(settings: dict[str, str], night: dict[str, Any]) -> None:
    again = tessera(settings, "nightly")[-1]
    assert {step["step"]: step["new_count"] for step in again["steps"] if step["new_count"]} == {}
    assert again["release"]["release"] == night["release"]["release"]


def test_a_selection_of_it(settings: dict[str, str], night: dict[str, Any]) -> None:
    chosen = ("--gender=Men", "--sub-category=Shoes", "--start-year=2012")
    summary = tessera(settings, "select", *chosen, "--run-id=shoes")[-1]
    folder = Path(settings["TESSERA_HOME"]) / "runs" / "shoes"
    assert len(json.loads((folder / "metadata.json").read_text())) == 949
    assert len(list((folder / "images").iterdir())) == summary["counts"]["images"]
    assert tessera(settings, "select", "--status=shoes")[-1]["status"] == "done"
