"""Tag paths: every class has one place, both spellings find it, and a quiet night commits nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.inference import tag_paths
from pipelines.inference.tag_paths import TABLE, class_names, key, path_of, put_up
from pipelines.ingest.cifar10.labels import LABELS
from pipelines.lake.contract import conform
from pipelines.lake.recipe import Run
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal, Step
from pipelines.lake.store import Store
from pipelines.producers import WholeTable


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lake"))


def night(store: Store) -> Step:
    journal = Journal(store, Run())
    assert isinstance(TABLE.produce, WholeTable)
    put_up(journal, TABLE, TABLE.produce.params)
    return journal.steps[0]


def test_there_are_a_thousand_names_no_two_alike() -> None:
    assert len({key(name) for name in class_names()}) == 1000
    assert (class_names()[0], class_names()[105], class_names()[999]) == ("tench", "koala", "toilet tissue")


@pytest.mark.parametrize(
    ("tag", "path"),
    [
        ("koala", "/animal/fourlegs/koala"),
        ("Egyptian_cat", "/animal/fourlegs/cat/egyptian_cat"),
        ("egyptian cat", "/animal/fourlegs/cat/egyptian_cat"),
        ("jack-o'-lantern", "/household/decoration/jack_o_lantern"),
        ("crane", "/animal/bird/wader/crane"),
        ("cardigan", "/clothing/top/cardigan"),
        ("Cardigan Welsh corgi", "/animal/fourlegs/dog/cardigan_welsh_corgi"),
        ("puma", "/animal/fourlegs/big_cat/cougar"),  # known by another name
        ("automobile", "/vehicle/road/car"),
        ("espresso", "/food/drink/espresso"),
    ],
)
def test_either_spelling_finds_its_place(tag: str, path: str) -> None:
    assert path_of(tag) == path


def test_a_tag_of_another_model_has_no_place() -> None:
    assert path_of("a tag nobody knows") is None


def test_classes_that_share_a_name_are_apart() -> None:
    names = class_names()
    assert [path_of(names[index]) for index in (134, 517)] == [
        "/animal/bird/wader/crane",
        "/machine/heavy/construction_crane",
    ]
    assert [path_of(names[index]) for index in (638, 639)] == [
        "/clothing/swimwear/maillot",
        "/clothing/swimwear/tank_suit",
    ]


def test_breeds_hang_below_the_labels_of_cifar10() -> None:
    paths = {path_of(name) or "" for name in class_names()}
    for label in ("dog", "cat", "bird", "horse", "frog", "truck", "ship", "automobile", "airplane"):
        assert any(path.startswith(f"{path_of(label)}/") for path in paths), label


def test_the_table_keeps_its_contract_and_holds_every_tag(store: Store) -> None:
    assert night(store).new == 1010
    held = store.snapshot(TABLE).read()
    conform(TABLE, held)
    assert set(LABELS) <= set(held["tag"].to_pylist())
    assert held.filter(held["class_index"].is_valid()).sort_by("class_index")["tag"].to_pylist() == [*class_names()]


def test_a_quiet_night_commits_nothing(store: Store) -> None:
    night(store)
    before = store.snapshot(TABLE).version
    step = night(store)
    assert (step.new, step.unchanged, store.snapshot(TABLE).version) == (0, 1010, before)


def test_a_tree_that_was_edited_replaces_the_old_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    night(store)
    rows = tuple(row | {"path": "/animal/tree/koala"} if row["tag"] == "koala" else row for row in tag_paths._rows())
    monkeypatch.setattr(tag_paths, "_rows", lambda: rows)
    assert night(store).new == 1010
    held = store.snapshot(TABLE).read()
    assert held.num_rows == 1010
    assert "/animal/tree/koala" in held["path"].to_pylist()
    monkeypatch.undo()
    assert night(store).new == 1010  # back again, beside the file that was there before
    assert night(store).new == 0


def test_rows_change_only_together_with_the_version(store: Store) -> None:
    night(store)
    assert isinstance(TABLE.produce, WholeTable)
    held = TABLE.produce.version, digest(TABLE, store.snapshot(TABLE).read())[:8]
    assert held == (1, "2deac6e2"), "the tree changed: say the new digest here"


def test_the_names_are_those_of_the_real_list(real_data: Path) -> None:
    lines = (real_data / "imagenet-tflite" / "imagenet_labels.txt").read_text(encoding="utf-8").splitlines()[1:]
    for index, (line, name) in enumerate(zip(lines, class_names(), strict=True)):
        assert name in line.split(", ") or index == 517
        assert path_of(name) is not None
        assert path_of(line.split(", ")[0].replace(" ", "_")) is not None
