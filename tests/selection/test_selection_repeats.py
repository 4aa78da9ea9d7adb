"""Selections that are asked for again, cut short, raced, refused or asked about."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.ingest import images, products
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.materialize import Keys, name_of, publish, stage, upsert
from pipelines.lake.objects import Objects, sha256
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.selection import Selection, select, status
from tests.selection.small_lake import ask, counts, files, lake, product

# Selects in a process that kills itself at its Nth file, before or after that is written.
DIE = """
import itertools, os, sys
from pipelines.lake.objects import Objects
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.selection import Selection, select

count, last, is_after = itertools.count(1), int(sys.argv[3]), sys.argv[4] == "after"

class DyingObjects(Objects):
    def create(self, path, data):
        is_last = next(count) == last
        if is_last and not is_after:
            os.kill(os.getpid(), 9)
        written = super().create(path, data)
        if is_last:
            os.kill(os.getpid(), 9)
        return written

select(Journal(Store(sys.argv[1]), Run("r1")), DyingObjects(sys.argv[2]), Selection(gender="Men"))
"""

# Selects few products first, so that only what the many need on top of it is measured; then reads all at once.
GROW = """
import sys
from pipelines.ingest import images
from pipelines.lake.objects import Objects
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal, peak_memory_bytes
from pipelines.lake.store import Store
from pipelines.selection import Selection, select

store = Store(sys.argv[1])
select(Journal(store, Run()), Objects(sys.argv[2]), Selection(gender="Women"))
before = peak_memory_bytes()
counts = select(Journal(store, Run()), Objects(sys.argv[2]), Selection(gender="Men"))["counts"]
print(counts["images"], peak_memory_bytes() - before >> 20)
store.snapshot(images.TABLE).read()
print(peak_memory_bytes() - before >> 20)
"""


def child(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_repeat_finds_everything_there(store: Store, bundles: Objects) -> None:
    first, journal = ask(store, bundles, "r1")
    assert counts(journal) == (12, 11, 0, 1)
    written = {found.path: found.written_at for found in bundles.list()}
    second, journal = ask(store, bundles, "r1")
    assert counts(journal) == (12, 0, 11, 1)
    assert second == first
    assert {found.path: found.written_at for found in bundles.list()} == written


def test_a_repeat_reads_what_the_first_attempt_read(store: Store, bundles: Objects, tmp_path: Path) -> None:
    first, _ = ask(store, bundles, "r1", gender="Men")
    before = files(bundles, "r1")
    lake(tmp_path, (product(50), {"thumbnail": before[next(path for path in before if path.startswith("images/"))]}))
    assert ask(store, bundles, "r1", gender="Men")[0] == first
    assert files(bundles, "r1") == before
    assert ask(store, bundles, "r2", gender="Men")[0]["counts"]["products"] == 12


@pytest.mark.parametrize(
    ("nth", "when"), [(1, "before"), (6, "after"), (11, "before"), (12, "before"), (12, "after")]
)  # ten images, then metadata.parquet, then metadata.json
def test_one_that_was_killed_is_made_whole(store: Store, bundles: Objects, nth: int, when: str) -> None:
    killed = child(DIE, store.uri, bundles.uri, str(nth), when)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = files(bundles, "r1")
    assert len(left) in {1: range(11), 6: range(1, 11), 11: [10], 12: [11 if when == "before" else 12]}[nth]
    assert ("metadata.json" in left) == ((nth, when) == (12, "after"))
    if left:
        assert status(store, bundles, "r1")["status"] == "unfinished"
    _, journal = ask(store, bundles, "r1", gender="Men")
    there = sum(path.startswith("images/") for path in left)
    assert counts(journal) == (11, 10 - there, there, 1)
    ask(store, bundles, "undisturbed", gender="Men")
    assert files(bundles, "r1") == files(bundles, "undisturbed")


def test_several_at_once_under_one_id_make_one_bundle(store: Store, bundles: Objects) -> None:
    def attempt(_: int) -> str:
        return str(select(Journal(store, Run("r1")), bundles, Selection(gender="Men"))["status"])

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(attempt, range(4))) == {"done"}
    ask(store, bundles, "r2", gender="Men")
    assert files(bundles, "r1") == files(bundles, "r2")


@pytest.mark.parametrize(("first", "second"), [({}, {"gender": "Men"}), ({"gender": "Men"}, {})])
def test_an_id_names_one_selection_for_good(
    store: Store, bundles: Objects, first: dict[str, str], second: dict[str, str]
) -> None:
    ask(store, bundles, "r1", **first)
    before = files(bundles, "r1")
    with pytest.raises(ContractBroken, match="another selection"):
        ask(store, bundles, "r1", **second)
    assert files(bundles, "r1") == before


def test_what_another_selection_left_unfinished_is_not_built_upon(store: Store, bundles: Objects) -> None:
    killed = child(DIE, store.uri, bundles.uri, "12", "before")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    before = files(bundles, "r1")
    with pytest.raises(ContractBroken, match="another selection"):
        ask(store, bundles, "r1", gender="Women")
    assert files(bundles, "r1") == before


def test_a_failure_is_told_with_its_type_and_message(store: Store, tmp_path: Path) -> None:
    bundles = Objects(str(tmp_path / "file"))
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(CannotRun) as caught:
        ask(store, bundles, "r1", gender="Men", end_year=2012)
    told = status(store, Objects(str(tmp_path / "elsewhere")), "r1")
    assert told["error"] == f"CannotRun: {caught.value}"
    assert str(tmp_path / "file") in told["error"]
    assert (told["status"], told["params"]) == ("failed", {"gender": "Men", "end_year": 2012})
    assert told["started"] <= told["ended"]


def test_an_end_is_told_with_its_counts(store: Store, bundles: Objects) -> None:
    ask(store, bundles, "manual__2026-11-21T02:00:00+00:00", gender="Men")
    told = status(store, bundles, "manual__2026-11-21T02:00:00+00:00")
    assert (told["id"], told["status"], told["error"]) == ("manual__2026-11-21T02:00:00+00:00", "done", None)
    assert (told["params"], told["counts"]) == ({"gender": "Men"}, {"products": 11, "images": 10})
    assert (Path(told["bundle"]) / "metadata.json").exists()
    json.dumps(told, default=str)


@pytest.mark.parametrize("run_id", ["nobody", "r", "r11", "..", "r1/images", "../lake", "", "*"])
def test_an_id_that_no_selection_has_is_an_error(store: Store, bundles: Objects, run_id: str) -> None:
    ask(store, bundles, "r1", gender="Women")
    with pytest.raises(CannotRun, match=r"there is no selection|is not usable"):
        status(store, bundles, run_id)


@pytest.mark.parametrize("place", ["lake", "lake/bundles"])
def test_no_bundle_comes_to_lie_in_the_lake(store: Store, tmp_path: Path, place: str) -> None:
    with pytest.raises(CannotRun, match="TESSERA_BUNDLES"):
        ask(store, Objects(str(tmp_path / place)))


def test_bytes_that_were_damaged_in_the_lake_do_not_leave_it(tmp_path: Path, bundles: Objects) -> None:
    store = lake(tmp_path, (product(1), {}))
    image_id = sha256(b"whole")
    row = {"image_id": image_id, "format": "jpeg", "width_px": 1, "height_px": 1, "mode": "RGB", "byte_count": 5}
    join = {"product_id": 1, "kind": "thumbnail", "image_id": image_id}
    for table, value in ((images.TABLE, row | {"data": b"whale"}), (products.PRODUCT_IMAGES, join)):
        upsert(store, Run(), table, pa.Table.from_pylist([value], table.schema))
    with pytest.raises(ContractBroken, match=f"{image_id} was damaged"):
        ask(store, bundles, "r1")
    assert files(bundles, "r1") == {}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured as Linux tells it")
def test_memory_does_not_grow_with_the_pictures(tmp_path: Path, bundles: Objects) -> None:
    """320 MB of pictures in 20 files: a selection of them all needs no more than a few of the files."""
    store, keys, number = Store(str(tmp_path / "lake")), Keys(images.TABLE), 0
    shape = {"format": "jpeg", "width_px": 1, "height_px": 1, "mode": "RGB", "byte_count": 1 << 20}
    pieces, joins = [], []
    for _ in range(20):
        rows = []
        for _ in range(16):
            data = number.to_bytes(8, "big") * (1 << 17)
            rows.append({"image_id": sha256(data), "data": data} | shape)
            pieces.append(product(number, gender="Men" if number else "Women"))
            joins.append({"product_id": number, "kind": "thumbnail", "image_id": sha256(data)})
            number += 1
        ids = [str(row["image_id"]) for row in rows]
        file = stage(store, images.TABLE, pa.Table.from_pylist(rows, images.TABLE.schema), name_of(ids))
        publish(store, Run(), [(file, ids)], keys)
    for table, values in ((products.TABLE, pieces), (products.PRODUCT_IMAGES, joins)):
        upsert(store, Run(), table, pa.Table.from_pylist(values, table.schema))
    done = child(GROW, store.uri, bundles.uri)
    assert done.returncode == 0, done.stderr
    count, grown, grown_by_control = map(int, done.stdout.split())
    assert count == number - 1
    assert grown < 100
    assert grown_by_control > 300
