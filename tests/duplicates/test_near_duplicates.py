"""Near duplicates in the lake: what is one, and the same rows however many nights it took."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from looks import BLUE, again, design, fill, held, night, pair, row_hash, step

from pipelines.duplicates import perceptual_hashes
from pipelines.duplicates.near_duplicates import TABLE, NearDuplicateParams, compare
from pipelines.imaging import encode_png
from pipelines.ingest import fashion, images, products
from pipelines.ingest.fashion import FashionParams
from pipelines.lake.errors import CannotRun
from pipelines.lake.materialize import remove
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal, Step
from pipelines.lake.store import Store
from pipelines.lake.table import Table
from pipelines.palette import palettes
from pipelines.producers import PerImage, WholeTable

# Families of one design each: the piece, three copies of it, and the piece in another colour.
FAMILIES = (0, 1, 3, 4, 6, 8)


def family(seed: int) -> list[bytes]:
    piece = design(seed)
    copies = [again(piece, quality=80), again(piece, 2.0), encode_png(piece)]
    return [again(piece, quality=95), *copies, again(design(seed, BLUE), quality=95)]


PICTURES = [data for seed in FAMILIES for data in family(seed)]
FLAT = [encode_png(np.full((80, 60, 3), level, np.uint8)) for level in range(200, 240)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lake"))


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of all pictures, in two files, compared in one night."""
    folder = tmp_path_factory.mktemp("compared") / "lake"
    store = Store(str(folder))
    fill(store, PICTURES[:10])
    fill(store, [*PICTURES[10:], *FLAT])
    night(store)
    return folder


@pytest.fixture
def done(compared: Path, tmp_path: Path) -> Store:
    """A copy of that lake."""
    shutil.copytree(compared, tmp_path / "done")
    return Store(str(tmp_path / "done"))


def counts(step: Step) -> tuple[int, int, int]:
    return step.rows_in, step.new, step.unchanged


ALL = len(PICTURES) + len(FLAT)


def with_params(version: int = 1, **changed: Any) -> Table:
    return replace(TABLE, produce=WholeTable(compare, NearDuplicateParams(**changed), version))


def retire(store: Store, ids: list[str]) -> None:
    """Take pictures out, as their owner's deletion does."""
    remove(store, Run(), images.TABLE, lambda rows: pc.is_in(rows["image_id"], pa.array(ids)))


def test_copies_are_near_duplicates_and_other_colours_are_not(store: Store) -> None:
    ids = [fill(store, family(seed)) for seed in FAMILIES]
    assert counts(night(store)) == (5 * len(FAMILIES), 5 * len(FAMILIES), 0)
    found = held(store)
    for one, *copies, other_colour in ids:
        for copy in copies:
            row = found[pair(one, copy)]
            assert row["is_near_duplicate"]
            assert row["is_same_picture"]
            assert row["palette_distance"] <= 0.02
        for same_cut in (one, *copies):
            row = found.get(pair(same_cut, other_colour), {"is_near_duplicate": False, "is_same_picture": False})
            assert not row["is_near_duplicate"]
            assert not row["is_same_picture"]
    families = {image_id: seed for seed, members in enumerate(ids) for image_id in members}
    assert all(families[one] == families[other] for one, other in found)
    assert max(row["hash_distance"] for row in found.values()) <= 2


def test_colour_variants_stand_in_the_table_with_their_distances(store: Store) -> None:
    grey = design(1, (120, 120, 120))
    tinted = np.where(grey == 255, 255, np.clip(grey.astype(int) + np.array((30, -12, -9)), 0, 255)).astype(np.uint8)
    one, other = fill(store, [encode_png(grey), encode_png(tinted)])
    night(store)
    row = held(store)[pair(one, other)]
    assert row["hash_distance"] <= 2
    assert row["palette_distance"] > 0.02
    assert row["layout_distance"] > 0.03
    assert (row["is_near_duplicate"], row["is_same_picture"]) == (False, False)


def test_flat_pictures_are_taken_into_account_but_pair_with_none(store: Store) -> None:
    ids = fill(store, FLAT)
    assert counts(night(store)) == (len(FLAT), len(FLAT), 0)
    assert held(store) == {}
    assert counts(night(store)) == (len(FLAT), 0, len(FLAT))
    assert {row["phash"] for row in store.snapshot(perceptual_hashes.TABLE).read().to_pylist()} == {None}
    assert len(ids) == len(set(ids))


def test_an_empty_lake_has_no_pairs(store: Store) -> None:
    assert counts(night(store)) == (0, 0, 0)
    assert held(store) == {}


@pytest.mark.parametrize("seed", range(3))
def test_rows_do_not_depend_on_the_number_or_the_order_of_nights(done: Store, tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    pictures = [[*PICTURES, *FLAT][i] for i in random.permutation(ALL)]
    store = Store(str(tmp_path / "nights"))
    first = 0
    for last in sorted({*random.integers(1, ALL, 2), ALL}):
        fill(store, pictures[first:last])
        assert counts(night(store)) == (last, last - first, first)
        first = last
    assert row_hash(store) == row_hash(done)


def test_a_quiet_night_reads_logs_and_commits_nothing(done: Store) -> None:
    version = done.snapshot(TABLE).version
    for table in (images.TABLE, perceptual_hashes.TABLE, palettes.TABLE, TABLE):
        for file in Path(done.folder(table).uri).rglob("*.parquet"):
            file.unlink()
    assert counts(step(done, TABLE)) == (ALL, 0, ALL)
    assert done.snapshot(TABLE).version == version


def test_a_lost_note_of_progress_costs_time_only(done: Store) -> None:
    version = done.snapshot(TABLE).version
    for lost in (b"", b"{}", b'{"recipe": 1, "more": 2}', None):
        if lost is None:
            done.objects.delete(f"_bookmarks/{TABLE.name}.json")
        else:
            done.objects.put(f"_bookmarks/{TABLE.name}.json", lost)
        assert counts(step(done, TABLE)) == (ALL, ALL, 0)
        assert done.snapshot(TABLE).version == version
        assert counts(step(done, TABLE)) == (ALL, 0, ALL)


def test_a_lost_table_is_made_anew(done: Store) -> None:
    before = row_hash(done)
    shutil.rmtree(done.folder(TABLE).uri)
    assert counts(step(done, TABLE)) == (ALL, ALL, 0)
    assert row_hash(done) == before


def test_a_run_killed_before_it_noted_its_progress_is_repeated_without_harm(done: Store) -> None:
    before = done.objects.get(f"_bookmarks/{TABLE.name}.json")
    ids = fill(done, family(50))
    night(done)
    rows, version = row_hash(done), done.snapshot(TABLE).version
    done.objects.put(f"_bookmarks/{TABLE.name}.json", before)  # as it was when the kill came
    assert counts(step(done, TABLE)) == (ALL + len(ids), len(ids), ALL)
    assert (row_hash(done), done.snapshot(TABLE).version) == (rows, version)


@pytest.mark.parametrize("chosen", [[0, 7], list(range(10)), list(range(len(PICTURES)))])
def test_pairs_of_deleted_images_go(done: Store, tmp_path: Path, chosen: list[int]) -> None:
    gone = fill(Store(str(tmp_path / "ids")), [PICTURES[i] for i in chosen])
    retire(done, gone)
    night(done)
    assert not {end for ends in held(done) for end in ends} & set(gone)
    never = Store(str(tmp_path / "never"))
    fill(never, [data for i, data in enumerate([*PICTURES, *FLAT]) if i not in chosen])
    night(never)
    assert row_hash(done) == row_hash(never)
    version = done.snapshot(TABLE).version
    assert counts(step(done, TABLE))[1] == 0
    assert done.snapshot(TABLE).version == version


@pytest.mark.parametrize("victim", range(5))
def test_a_full_set_of_partners_is_filled_up_when_one_of_them_goes(tmp_path: Path, victim: int) -> None:
    few = with_params(partners=1)
    store, never = Store(str(tmp_path / "lake")), Store(str(tmp_path / "never"))
    pictures = family(0)
    ids = fill(store, pictures)
    night(store, few)
    fill(never, pictures[:victim] + pictures[victim + 1 :])
    night(never, few)
    retire(store, [ids[victim]])
    night(store, few)
    assert row_hash(store, few) == row_hash(never, few)


def test_another_recipe_replaces_all_rows_in_one_commit(done: Store) -> None:
    version, before = done.snapshot(TABLE).version, row_hash(done)
    exact = with_params(version=2, hash_distance=0)
    assert counts(step(done, exact)) == (ALL, ALL, 0)
    assert done.snapshot(exact).version == version + 1
    assert {row["hash_distance"] for row in held(done, exact).values()} == {0}
    step(done, with_params(version=3, hash_distance=0, palette_distance=0.0))
    step(done, TABLE)  # and back
    assert row_hash(done) == before


def test_a_recipe_without_pairs_leaves_none_behind(store: Store) -> None:
    fill(store, [again(design(1)), again(design(1), quality=40)])
    night(store)
    before = row_hash(store)
    assert held(store)
    none = with_params(version=2, hash_distance=-1)
    step(store, none)
    assert held(store, none) == {}
    step(store, TABLE)
    assert row_hash(store) == before


def test_a_palette_made_anew_is_compared_anew(done: Store) -> None:
    plain = replace(palettes.TABLE, produce=replace(palettes.TABLE.produce, params=palettes.PaletteParams(size=3)))
    assert isinstance(plain.produce, PerImage)
    other = replace(TABLE, inputs=(perceptual_hashes.TABLE, plain))
    before = row_hash(done)
    step(done, plain)
    assert counts(step(done, other)) == (ALL, ALL, 0)
    assert row_hash(done, other) != before
    step(done, palettes.TABLE)
    assert counts(step(done, TABLE)) == (ALL, ALL, 0)
    assert row_hash(done) == before


def test_palettes_that_come_later_bring_their_images(store: Store) -> None:
    ids = fill(store, family(0))
    step(store, perceptual_hashes.TABLE)
    assert counts(step(store, TABLE)) == (len(ids), len(ids), 0)
    assert held(store) == {}
    assert counts(night(store)) == (len(ids), len(ids), 0)
    assert held(store)


def test_runs_side_by_side_never_double_or_lose_rows(done: Store, tmp_path: Path) -> None:
    for race in range(3):
        store = Store(str(tmp_path / str(race)))
        fill(store, PICTURES[:10])
        night(store)
        fill(store, [*PICTURES[10:], *FLAT])
        step(store, palettes.TABLE)
        step(store, perceptual_hashes.TABLE)
        barrier = threading.Barrier(2)

        def start(store: Store = store, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            step(store, TABLE)

        with ThreadPoolExecutor(2) as runs:
            for future in [runs.submit(start) for _ in range(2)]:
                future.result()
        assert row_hash(store) == row_hash(done)


def test_a_run_with_an_old_pin_takes_nothing_from_a_newer_one(done: Store) -> None:
    """Its images came before a whole other night, and it is repeated after it."""
    old = Run()
    for table in TABLE.inputs:
        done.pin(old, table, TABLE.name)
    fill(done, [again(design(0), quality=70), *family(60)])
    night(done)
    rows = row_hash(done)
    step(done, TABLE, old)
    assert row_hash(done) == rows
    night(done)
    assert row_hash(done) == rows


def test_another_version_of_the_program_beside_this_one_is_found_out(done: Store) -> None:
    fill(done, family(50))
    step(done, palettes.TABLE)
    step(done, perceptual_hashes.TABLE)

    class Overtaken(Store):
        def change(self, table: Table, run: Run, plan: Any) -> None:
            step(done, with_params(version=2))
            super().change(table, run, plan)

    with pytest.raises(CannotRun, match="near_duplicates was made anew by another recipe meanwhile"):
        compare(Journal(Overtaken(done.uri), Run()), TABLE, NearDuplicateParams())


@pytest.mark.parametrize(
    ("name", "change", "broken"),
    [
        ("lower_id_first", "UPDATE near_duplicates SET image_id = other_image_id, other_image_id = image_id", None),
        (
            "other_image_is_there",
            "DELETE FROM perceptual_hashes WHERE image_id = (SELECT max(other_image_id) FROM near_duplicates)",
            None,
        ),
        ("limits_hold", "UPDATE near_duplicates SET is_near_duplicate = NOT is_near_duplicate", None),
        ("limits_hold", "UPDATE near_duplicates SET is_same_picture = NOT is_same_picture", None),
        (None, "SELECT 1", 0),
    ],
)
def test_the_release_would_notice(done: Store, name: str | None, change: str, broken: int | None) -> None:
    with duckdb.connect() as connection:
        for table in (TABLE, perceptual_hashes.TABLE):
            rows = done.snapshot(table).read()  # noqa: F841  # DuckDB finds it by its name
            connection.execute(f"CREATE TABLE {table.name} AS FROM rows")
        connection.execute(change).fetchall()
        found = {rule.name: len(connection.sql(rule.violations).fetchall()) for rule in TABLE.expectations}
    assert {rule for rule, count in found.items() if count} == ({name} - {None})
    assert TABLE.references == (perceptual_hashes.TABLE,)


@pytest.mark.slow
def test_the_real_archive(real_data: Path, tmp_path: Path) -> None:
    """Counts: §9 of the kernels' page, made with another filter, so they are near and not equal."""
    store = Store(str(tmp_path / "lake"))
    fashion.ingest(Journal(store, Run()), real_data / "fashion-product-images-small.zip", FashionParams())
    assert counts(night(store)) == (15_893, 15_893, 0)
    found = held(store)
    assert len(found) == pytest.approx(5_102, rel=0.02)
    by_bits = Counter(row["hash_distance"] for row in found.values())
    assert by_bits[0] == pytest.approx(621, rel=0.02)
    shown = store.snapshot(products.PRODUCT_IMAGES).read().to_pylist()
    catalogue = {row["product_id"]: row for row in store.snapshot(products.TABLE).read().to_pylist()}
    of_image = {row["image_id"]: catalogue[row["product_id"]] for row in shown}

    def agreeing(column: str, flag: str | None = None) -> float:
        ends = [each for each, row in found.items() if flag is None or row[flag]]
        return float(np.mean([of_image[one][column] == of_image[other][column] for one, other in ends]))

    assert agreeing("base_colour") == pytest.approx(0.26, abs=0.02)
    assert agreeing("article_type") == pytest.approx(0.71, abs=0.02)
    assert agreeing("base_colour", "is_near_duplicate") > 0.33
    assert agreeing("article_type", "is_near_duplicate") > 0.87
    assert agreeing("article_type", "is_same_picture") > 0.96
    assert 400 < sum(bool(row["is_near_duplicate"]) for row in found.values()) < 900
    assert 80 < sum(bool(row["is_same_picture"]) for row in found.values()) < 140
    degrees = Counter(end for ends in found for end in ends)
    assert max(degrees.values()) < NearDuplicateParams().partners
    assert counts(step(store, TABLE)) == (15_893, 0, 15_893)
