"""Options that are asked for again, cut short, or raced."""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipelines.lake.objects import Objects
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.registry import Registry
from pipelines.selection import augment, predict, status
from tests.selection.small_lake import ask, files
from tests.selection.small_models import LABELS, place, register
from tests.selection.test_selection_repeats import child

# Applies an option in a process that kills itself at its Nth file, before or after that is written.
DIE = """
import itertools, os, sys
from pathlib import Path
from pipelines.inference.scoring import ModelPlace
from pipelines.lake.objects import Objects
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.registry import Registry
from pipelines.selection import augment, predict

lake, bundles, nth, when, *rest = sys.argv[1:]
count = itertools.count(1)

class DyingObjects(Objects):
    def create(self, path, data):
        is_last = next(count) == int(nth)
        if is_last and when == "before":
            os.kill(os.getpid(), 9)
        written = super().create(path, data)
        if is_last:
            os.kill(os.getpid(), 9)
        return written

journal, bundles = Journal(Store(lake), Run("r1")), DyingObjects(bundles)
if rest:
    registry = Registry(rest[0], rest[1], Path(rest[2]))
    predict(journal, bundles, lambda: ModelPlace(registry, registry.resolve(rest[3]), "cpu"), rest[3])
else:
    augment(journal, bundles)
"""


@pytest.mark.parametrize(("nth", "when"), [(1, "before"), (4, "after"), (11, "before"), (11, "after")])
def test_an_augmentation_that_was_killed_goes_on(store: Store, bundles: Objects, nth: int, when: str) -> None:
    ask(store, bundles, "r1")
    killed = child(DIE, store.uri, bundles.uri, str(nth), when)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = {path for path in files(bundles, "r1") if path.startswith("augmentation/")}
    assert len(left) in {1: range(11), 4: range(1, 11), 11: range(1, 12)}[nth]
    if left:
        assert status(store, bundles, "r1")["augment"]["status"] == "unfinished"
    ask(store, bundles, "r1")  # what lies there does not make it another selection
    journal = Journal(store, Run("r1"))
    augment(journal, bundles)
    assert (journal.steps[0].new, journal.steps[0].unchanged) == (11 - len(left), len(left))
    ask(store, bundles, "undisturbed")
    augment(Journal(store, Run("undisturbed")), bundles)
    assert files(bundles, "r1") == files(bundles, "undisturbed")


@pytest.mark.parametrize("when", ["before", "after"])
def test_predictions_that_were_killed_go_on_with_the_model_they_began_with(
    store: Store, bundles: Objects, registry: Registry, name: str, when: str
) -> None:
    register(registry, name, LABELS)
    ask(store, bundles, "r1")
    known = (registry.uri, registry.artifacts, str(registry.cache), name)
    killed = child(DIE, store.uri, bundles.uri, "1", when, *known)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    found = files(bundles, "r1")
    assert ("predictions.parquet" in found, "predictions.json" in found) == (when == "after", False)
    told = status(store, bundles, "r1")["predict"]
    assert (told and told["status"]) == (None if when == "before" else "unfinished")
    register(registry, name, LABELS, seed=2)
    summary = predict(Journal(store, Run("r1")), bundles, lambda: place(registry, name), name)
    assert summary["model"] == f"{name}/{2 if when == 'before' else 1}"
    rows = json.loads(files(bundles, "r1")["predictions.json"])
    assert {f"{row['model_name']}/{row['model_version']}" for row in rows} == {summary["model"]}


def test_a_repeat_finds_everything_there(store: Store, bundles: Objects, registry: Registry, name: str) -> None:
    register(registry, name, LABELS)
    ask(store, bundles, "r1")
    written = []
    for expected in ((11, 0), (0, 11)):  # new, unchanged
        journal = Journal(store, Run("r1"))
        predict(journal, bundles, lambda: place(registry, name), name)
        augment(journal, bundles)
        assert [(step.new, step.unchanged) for step in journal.steps] == [expected] * 2
        written.append({found.path: found.written_at for found in bundles.list()})
    assert written[0] == written[1]


def test_several_at_once_under_one_id_make_one_bundle(
    store: Store, bundles: Objects, registry: Registry, name: str
) -> None:
    register(registry, name, LABELS)
    ask(store, bundles, "r1")

    def attempt(number: int) -> str:
        journal = Journal(store, Run("r1"))
        if number % 2:
            return str(augment(journal, bundles)["status"])
        return str(predict(journal, bundles, lambda: place(registry, name), name)["status"])

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(attempt, range(4))) == {"done"}
    ask(store, bundles, "r2")
    augment(Journal(store, Run("r2")), bundles)
    predict(Journal(store, Run("r2")), bundles, lambda: place(registry, name), name)
    assert files(bundles, "r1") == files(bundles, "r2")
