"""Colour names: the published list is whole, each colour finds its own, and the table holds what the file says."""

from __future__ import annotations

import csv
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines import imaging
from pipelines.lake.contract import conform
from pipelines.lake.recipe import Run, recipe
from pipelines.lake.runs import Journal, Step
from pipelines.lake.store import Store
from pipelines.palette import palettes
from pipelines.palette.color import rgb_of, to_oklab
from pipelines.palette.colour_names import TABLE, colour_names, digest, nearest_names
from pipelines.palette.palettes import PaletteParams, swatches
from pipelines.producers import Image, PerImage, WholeTable

FAMILIES = {
    *("black", "grey", "white", "red", "orange", "yellow"),
    *("green", "blue", "purple", "pink", "brown", "beige"),
}


def night(store: Store) -> Step:
    journal = Journal(store, Run())
    assert isinstance(TABLE.produce, WholeTable)
    TABLE.produce.function(journal, TABLE, TABLE.produce.params)
    return journal.steps[0]


def lab(digits: str) -> tuple[float, float, float]:
    return to_oklab(*map(float, rgb_of(digits)))


def test_the_list_is_whole() -> None:
    names = colour_names()
    assert len({colour.name for colour in names}) == len(names) == 267
    assert len({colour.hex for colour in names}) == 267
    assert [colour.name for colour in names] == sorted(colour.name for colour in names)
    assert {colour.family for colour in names} == FAMILIES


def test_each_colour_is_called_by_its_own_name() -> None:
    found = nearest_names(np.array([lab(colour.hex) for colour in colour_names()]))
    assert tuple(found) == colour_names()


@pytest.mark.parametrize(
    ("digits", "family"),
    [
        *(("000000", "black"), ("FFFFFF", "white"), ("808080", "grey"), ("D00010", "red"), ("FF8C00", "orange")),
        *(("FFE000", "yellow"), ("10A040", "green"), ("1040C0", "blue"), ("702090", "purple"), ("FF90B0", "pink")),
        *(("6A4020", "brown"), ("D8C4A0", "beige"), ("1C2C5C", "blue")),
    ],
)
def test_families_are_what_people_say(digits: str, family: str) -> None:
    assert nearest_names(np.array([lab(digits)]))[0].family == family


def test_the_table_holds_what_the_file_says_and_a_quiet_night_commits_nothing(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "lake"))
    assert night(store).new == 267
    held = store.snapshot(TABLE).read()
    conform(TABLE, held)
    assert {(row["name"], row["hex"], row["family"]) for row in held.to_pylist()} == {
        (colour.name, colour.hex, colour.family) for colour in colour_names()
    }
    assert all(row["hex"] == bytes((row["red"], row["green"], row["blue"])).hex().upper() for row in held.to_pylist())
    version = store.snapshot(TABLE).version
    assert night(store).unchanged == 267
    assert store.snapshot(TABLE).version == version


EXPECTED = {
    "Black": "black",
    "White": "white",
    "Navy Blue": "blue",
    "Blue": "blue",
    "Red": "red",
    "Maroon": "red",
    "Green": "green",
    "Pink": "pink",
    "Brown": "brown",
    "Purple": "purple",
    "Yellow": "yellow",
    "Orange": "orange",
    "Beige": "beige",
}


def test_real_pieces_are_in_the_family_that_the_catalogue_says(real_data: Path) -> None:
    """Half of them by their most common colour alone, three quarters by one that a tenth of them has."""
    main, any_of, count = 0, 0, 0
    with zipfile.ZipFile(real_data / "fashion-product-images-small.zip") as held:
        rows = csv.DictReader(held.read("styles.csv").decode().splitlines())
        base = {row["id"]: EXPECTED[row["baseColour"]] for row in rows if row["baseColour"] in EXPECTED}
        for name in sorted(held.namelist())[::30]:
            family = base.get(name.removeprefix("images/").removesuffix(".jpg"))
            if family:
                picture = imaging.decode(held.read(name))
                found = list(swatches(Image("0" * 64, picture.pixels, picture.alpha), PaletteParams()))
                count += 1
                main += found[0]["family"] == family
                any_of += any(row["family"] == family and row["share"] >= 0.1 for row in found)
    assert count > 300
    assert main >= 0.5 * count
    assert any_of >= 0.73 * count


def test_no_grey_is_called_blue_or_pink() -> None:
    found = nearest_names(np.array([lab(f"{level:02X}" * 3) for level in range(256)]))
    assert {colour.family for colour in found} == {"black", "grey", "white"}
    assert found[0].name == "black"
    assert found[255].name == "white"


def test_another_list_makes_all_palettes_anew() -> None:
    made = palettes.TABLE.produce
    assert isinstance(made, PerImage)
    assert made.params.names == digest()
    edited = replace(palettes.TABLE, produce=replace(made, params=replace(made.params, names="another")))
    assert recipe(edited) != recipe(palettes.TABLE)
