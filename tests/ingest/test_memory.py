"""Archives that unpack to hundreds of megabytes or claim to: the process that takes them in stays small."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from shop import HEADER, catalogue, lie, line, styles, zipped

LIMIT_MIB = 200

# Takes in a good catalogue first, so that only what the hostile one needs is measured.
CHILD = """
import sys, zipfile
from pathlib import Path
from pipelines.ingest import fashion
from pipelines.lake.errors import TesseraError
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store

def take_in(name):
    journal = Journal(Store(sys.argv[1] + "/lake"), Run())
    try:
        fashion.ingest(journal, Path(sys.argv[1], name), fashion.FashionParams())
    except TesseraError as error:
        return type(error).__name__
    return ",".join(str(step.rejected) for step in journal.steps)

def peak():  # not ru_maxrss, which begins with what the parent process had
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024

take_in("good.zip")
before = peak()
for name in sys.argv[2:]:
    print(name, take_in(name), peak() - before, flush=True)
with zipfile.ZipFile(sys.argv[1] + "/honest.zip") as archive:
    archive.read("images/4.jpg")
print("naive", "read", peak() - before, flush=True)
"""


def bomb(path: Path, name: str, megabytes: int) -> Path:
    """Add zeros to a zip without ever holding them."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as file:
        for _ in range(megabytes):
            file.write(bytes(1 << 20))
    return path


pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured as Linux tells it")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, int]]:
    """What became of each hostile archive, and by how many MiB the process had grown by then."""
    folder = tmp_path_factory.mktemp("bombs")
    zipped(folder / "good.zip", catalogue(1, 2, 3))
    rows = styles(*map(line, (1, 2, 3, 4)))
    honest = bomb(zipped(folder / "honest.zip", catalogue(1, 2, 3) | {"styles.csv": rows}), "images/4.jpg", 300)
    for name, size in (("small", 3000), ("ratio", 30 << 20)):
        lie(shutil.copy(honest, folder / f"{name}.zip"), "images/4.jpg", size=size)
    lie(zipped(folder / "claims.zip", catalogue(1, 2, 3)), "images/3.jpg", size=1 << 30)
    lie(zipped(folder / "packed.zip", catalogue(1, 2, 3)), "images/3.jpg", size=1 << 30, packed=1 << 30)
    styles_bomb = bomb(zipped(folder / "styles.zip", {"images/1.jpg": b""}), "styles.csv", 300)
    lie(shutil.copy(styles_bomb, folder / "lying-styles.zip"), "styles.csv", size=3000)
    zipped(folder / "bzip2.zip", {"styles.csv": HEADER.encode() + bytes(64 << 20)}, zipfile.ZIP_BZIP2)
    noise = random.Random(1).randbytes(1 << 20).replace(b"\n", b"")
    zipped(folder / "line.zip", catalogue(1, 2, 3) | {"styles.csv": rows + noise * 100}, zipfile.ZIP_STORED)
    names = ["honest", "small", "ratio", "claims", "packed", "styles", "lying-styles", "bzip2", "line"]
    command = [sys.executable, "-c", CHILD, str(folder), *(f"{name}.zip" for name in names)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    lines = [one.split() for one in output.splitlines()]
    return {name.removesuffix(".zip"): (outcome, int(grown)) for name, outcome, grown in lines}


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("honest", "1,1"),
        ("small", "1,1"),
        ("ratio", "1,1"),
        ("claims", "1,1"),
        ("packed", "1,1"),
        ("styles", "CannotRun"),
        ("lying-styles", "CannotRun"),
        ("bzip2", "CannotRun"),
        ("line", "0,2"),
    ],
)
def test_a_bomb_is_one_reject_or_one_sentence_in_little_memory(
    found: dict[str, tuple[str, int]], name: str, outcome: str
) -> None:
    assert found[name][0] == outcome
    assert found[name][1] < LIMIT_MIB


def test_the_control_that_reads_a_bomb_whole_is_caught(found: dict[str, tuple[str, int]]) -> None:
    assert found["naive"][1] > LIMIT_MIB
