"""Recipes name all that decides rows and nothing else; run ids are safe in paths."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.lake.errors import CannotRun
from pipelines.lake.recipe import Run, new_run_id, recipe
from pipelines.lake.table import Column, Table
from pipelines.palette import palettes

STEADY = settings(deadline=None)  # the machine may be busy


@dataclass(frozen=True)
class Made:
    version: int = 1
    size: int = 5

    @property
    def fingerprint(self) -> dict[str, Any]:
        return {"params": {"size": self.size}}


ID = Column("id", pa.string(), "Which.")
SOURCE = Table("sources", "Sources.", ("id",), (ID,))
MIDDLE = Table("middles", "Middles.", ("id",), (ID,), inputs=(SOURCE,), produce=Made())
LAST = Table("lasts", "Lasts.", ("id",), (ID,), inputs=(MIDDLE, SOURCE), produce=Made())


def test_a_recipe_is_16_hex_digits_and_the_same_in_every_process() -> None:
    assert len(recipe(LAST)) == 16
    assert set(recipe(LAST)) <= set("0123456789abcdef")
    command = (
        "from pipelines.lake.recipe import recipe\n"
        "from pipelines.palette import palettes\n"
        "print(recipe(palettes.TABLE))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", command], check=True, capture_output=True, text=True, env={"PYTHONHASHSEED": seed}
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {recipe(palettes.TABLE)}


@pytest.mark.parametrize(
    "other",
    [
        replace(LAST, name="others"),
        replace(LAST, version=2),
        replace(LAST, produce=Made(version=2)),
        replace(LAST, produce=Made(size=6)),
        replace(LAST, produce=None),
        replace(LAST, inputs=(MIDDLE,)),
        replace(LAST, inputs=(SOURCE, MIDDLE)),
        replace(LAST, inputs=(replace(MIDDLE, produce=Made(version=2)), SOURCE)),
        replace(LAST, inputs=(replace(MIDDLE, inputs=(replace(SOURCE, version=2),)), SOURCE)),
    ],
)
def test_all_that_decides_rows_changes_the_recipe(other: Table) -> None:
    assert recipe(other) != recipe(LAST)


@pytest.mark.parametrize(
    "other",
    [
        replace(LAST, description="Better words."),
        replace(LAST, columns=(replace(ID, description="Better words."),)),
        replace(LAST, inputs=(replace(MIDDLE, description="Better words."), SOURCE)),
        replace(LAST, produce=Made()),
    ],
)
def test_words_do_not_change_the_recipe(other: Table) -> None:
    assert recipe(other) == recipe(LAST)


def test_palettes_are_made_anew_when_a_parameter_changes() -> None:
    produce = palettes.TABLE.produce
    changes = [
        replace(produce, version=produce.version + 1),
        replace(produce, params=palettes.PaletteParams(size=3)),
        replace(produce, params=palettes.PaletteParams(center_sigma=0)),
        replace(produce, min_side=None),
    ]
    recipes = {recipe(replace(palettes.TABLE, produce=change)) for change in (produce, *changes)}
    assert len(recipes) == 5


def test_run_ids_sort_by_time_and_differ() -> None:
    made = [new_run_id() for _ in range(50)]
    assert made == sorted(made)
    assert [Run(run_id).run_id for run_id in made] == made
    assert Run().started_at.tzinfo is not None


@pytest.mark.parametrize("good", ["a", "manual__2026-11-21T00:00:00+00:00", "scheduled_1.2", "x" * 200])
def test_airflows_run_ids_are_usable(good: str) -> None:
    assert Run(good).run_id == good


@pytest.mark.parametrize(
    "bad", ["", ".", "..", "../up", "a/b", "a\\b", "-rf", "a b", "a\n", "\u00e4", "x" * 201, "a\x00", "$(id)"]
)
def test_run_ids_that_are_no_part_of_a_path_are_refused(bad: str) -> None:
    with pytest.raises(CannotRun, match="is not usable"):
        Run(bad)


@STEADY
@given(st.text(max_size=20))
def test_any_run_id_that_is_taken_stays_within_its_folder(text: str) -> None:
    try:
        run_id = Run(text).run_id
    except CannotRun:
        return
    assert "/" not in run_id
    assert run_id.strip(".")
