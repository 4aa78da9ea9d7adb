"""Three hundred pieces of the real catalogue, against what the tables should hold by definition."""

from __future__ import annotations

import csv
import io
import string
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from by_definition import Piece, complementary, matching, similar
from wardrobe_lake import SEEDS, held, step

from pipelines.duplicates import near_duplicates, perceptual_hashes
from pipelines.inference import labels
from pipelines.ingest import fashion, products
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.palette import palettes
from pipelines.producers import materialize
from pipelines.recommend import complementary as completing
from pipelines.recommend import match_labels, matching_colours
from pipelines.recommend import similar as resembling
from pipelines.recommend.seeds import MATCH_ONLY

COUNT = 300


@pytest.fixture(scope="module")
def some(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A lake of pieces drawn from the real archive, with all that recommendations are made of."""
    folder = tmp_path_factory.mktemp("some")
    with zipfile.ZipFile(real_data / "fashion-product-images-small.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        drawn = set(np.random.default_rng(5).choice(names, COUNT, replace=False).tolist())
        numbers = {Path(name).stem for name in drawn}
        lines = io.TextIOWrapper(archive.open("styles.csv"), "utf-8").readlines()
        chosen = [line for line in lines[1:] if line.partition(",")[0] in numbers]
        with zipfile.ZipFile(folder / "some.zip", "w") as few:
            few.writestr("styles.csv", "".join([lines[0], *chosen]))
            for name in sorted(drawn):
                few.writestr(name, archive.read(name))
    assert len(list(csv.reader(chosen))) == COUNT
    store = Store(str(folder / "lake"))
    fashion.ingest(Journal(store, Run()), folder / "some.zip", fashion.FashionParams())
    with ThreadPoolExecutor(2) as pool:
        for table in (palettes.TABLE, perceptual_hashes.TABLE, near_duplicates.TABLE, labels.TABLE):
            materialize(Journal(store, Run()), table, pool, 0.1)
    return store


def pieces(store: Store) -> list[Piece]:
    """Return what the lake holds as values."""
    palette: dict[str, list[tuple[int, int, int]]] = {}
    for row in held(store, palettes.TABLE):
        palette.setdefault(row["image_id"], []).append((row["red"], row["green"], row["blue"]))
    said: dict[tuple[str, str], set[str]] = {}
    for row in held(store, labels.TABLE):
        said.setdefault((row["image_id"], row["label_group"]), set()).add(row["label"])
    names = {row["product_id"]: row["display_name"] or "" for row in held(store, products.TABLE)}
    meant: dict[str, set[str]] = {}
    for row in held(store, products.PRODUCT_IMAGES):
        words = {word.strip(string.punctuation).lower() for word in names[row["product_id"]].split()}
        meant.setdefault(row["image_id"], set()).update(label for label in MATCH_ONLY if label.lower() in words)
    for image_id, found in meant.items():
        kinds = said.get((image_id, "article_type"), set())
        found |= {label for kind, label in match_labels.SEED.pairs if kind in kinds}
    near: dict[str, set[str]] = {}
    for row in held(store, near_duplicates.TABLE):
        if row["is_near_duplicate"] or row["is_same_picture"]:
            near.setdefault(row["image_id"], set()).add(row["other_image_id"])
            near.setdefault(row["other_image_id"], set()).add(row["image_id"])
    return [
        Piece(
            image_id,
            tuple(palette[image_id]),
            frozenset(said.get((image_id, "piece"), set()) | meant[image_id]),
            frozenset(said.get((image_id, "article_type"), set())),
            frozenset(said.get((image_id, "gender"), set())),
            excluded=frozenset(near.get(image_id, set())),
        )
        for image_id in sorted(palette)
    ]


def test_rows_are_those_by_definition(some: Store) -> None:
    known = pieces(some)
    assert len(known) > COUNT - 5
    for table, define in ((resembling.TABLE, similar), (completing.TABLE, complementary)):
        account = step(some, table)
        assert (account.new, account.rejected) == (len(known), 0)
        expected = define(known, SEEDS)
        assert held(some, table) == expected  # to the last digit
        assert len(expected) > 5 * len(known)


def test_matching_colours_are_those_by_definition(some: Store) -> None:
    step(some, matching_colours.TABLE)
    dominant = {
        row["image_id"]: (row["red"], row["green"], row["blue"])
        for row in held(some, palettes.TABLE)
        if row["is_dominant"]
    }
    found: dict[str, list[tuple[int, int, int]]] = {}
    for row in sorted(held(some, matching_colours.TABLE), key=lambda row: (row["source_id"], row["position"])):
        found.setdefault(row["source_id"], []).append((row["red"], row["green"], row["blue"]))
    assert found == {image_id: matching(colour) for image_id, colour in dominant.items()}
