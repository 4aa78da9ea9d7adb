"""The command: a picture in a folder from a few words, plain sentences where that cannot be, nothing done twice."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from pipelines.ingest import images
from pipelines.lake.objects import sha256
from tests import command
from tests.mosaic.workshop import Workshop, photo, swatch

PICTURE = sha256(photo(1))
REFUSED = 1  # asking again will not help; 2 where the environment, or the command line itself, is at fault


def tessera(home: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Run the command; return the last line it wrote, or what it complained of."""
    done = command.run(("mosaic", *arguments), os.environ | {"TESSERA_HOME": str(home), "COLUMNS": "200"})
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return dict(json.loads(lines[-1])) if lines else {"error": done.stderr}


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose lake has twenty tiles and a picture; nothing is made of them yet."""
    home = tmp_path_factory.mktemp("ready")
    shop = Workshop(home / "lake")
    shop.catalogue("sample", [photo(1), *(swatch(12 * n, 240 - 12 * n, 90) for n in range(20))])
    return home


@pytest.fixture
def home(ready: Path, tmp_path: Path) -> Path:
    shutil.copytree(ready, tmp_path / "home")
    return tmp_path / "home"


def commits(home: Path) -> dict[str, int]:
    return {log.parent.name: len(list(log.glob("*.json"))) for log in (home / "lake").glob("*/_delta_log")}


def test_a_mosaic_is_made_copied_and_asking_again_changes_nothing(home: Path, tmp_path: Path) -> None:
    arguments = (PICTURE[:8], "--columns=6", "--max-uses=3", "--format=png", "--sources=sample")
    first = tessera(home, *arguments, f"--folder={tmp_path / 'out'}")
    assert first["mosaic"]["columns"] == 6
    assert first["mosaic"]["most_uses"] <= 3
    picture = Path(first["picture"])
    assert picture == tmp_path / "out" / "mosaic.png"
    assert Pillow.open(picture).size == (6 * 32, 4 * 32)

    held = commits(home)
    again = tessera(home, *arguments)
    changed = {name for name, count in commits(home).items() if count != held[name]}
    assert changed <= {"runs", "mosaic_requests"}
    assert again["mosaic"] == first["mosaic"]
    assert Path(again["picture"]).read_bytes() == picture.read_bytes()

    tessera(home, *arguments, "--forget")
    shop = Workshop(home / "lake")
    assert shop.made() == {}
    assert shop.cells(first["mosaic_id"]) == []


def test_a_pyramid_comes_with_its_page(home: Path, tmp_path: Path) -> None:
    said = tessera(home, PICTURE, "--format=dzi", f"--folder={tmp_path / 'out'}")
    assert said["picture"] == str(tmp_path / "out" / "mosaic.dzi")
    assert (tmp_path / "out" / "mosaic.html").exists()
    assert list((tmp_path / "out" / "mosaic_files").rglob("0_0.*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("feed",), "the lake has no picture 'feed'"),
        (("12345",), "the lake has no picture '12345'"),
        (("9" * 40,), "the lake has no picture"),
        (("",), "the lake has no picture ''"),
        (("/",), "the lake has no picture '/'"),
        ((PICTURE, "--columns=0"), "columns must be a whole number from 1 to 2,000"),
        ((PICTURE, "--columns=two"), "Invalid value for"),
        ((PICTURE, "--mode=best"), "mode must be one of cells_3x3, cells_2x2, mean_rgb"),
        ((PICTURE, "--format=gif"), "format must be one of jpeg, png, dzi"),
        ((PICTURE, "--tint=1.5"), "tint must be a number from 0"),
        ((PICTURE, "--tint=nan"), "tint must be a number from 0"),
        ((PICTURE, "--apart=-1"), "apart must be a whole number from 0 to 100"),
        ((PICTURE, "--tile-px=257"), "tile_px must be a whole number from 1 to 256"),
        ((PICTURE, "--max-uses=0"), "max_uses must be a whole number from 1"),
        ((PICTURE, "--tag-path=/a b"), "tag_path must be a place in the tree of tags"),
        ((PICTURE, "--families=Blue!"), "families must be at most 50 names in lower case"),
        ((PICTURE, "--sources=../x"), "sources must be at most 50 names in lower case"),
    ],
)
def test_what_is_not_understood_is_said(arguments: tuple[str, ...], said: str, home: Path) -> None:
    held = commits(home)
    assert said in tessera(home, *arguments, code=2 if "=two" in arguments[-1] else REFUSED)["error"]
    assert {name for name, count in commits(home).items() if count != held.get(name)} <= {"runs"}


def test_an_ambiguous_beginning_is_said(home: Path) -> None:
    ids = sorted(
        row["image_id"] for row in Workshop(home / "lake").store.snapshot(images.TABLE).read(["image_id"]).to_pylist()
    )
    letters = [one for one in "abcdef" if sum(image.startswith(one) for image in ids) > 1]
    assert "is the beginning of several images' ids" in tessera(home, letters[0], code=REFUSED)["error"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--columns=50", "--max-uses=2"), "20 tiles used 2 times at most fill 40 of 1,700 cells"),
        (("--tag-path=/animal",), "no tile fits the filter"),
        (("--columns=8", "--apart=9"), "needs 48 different tiles, and there are 20"),
        (("--columns=2000",), "too_many_cells|cells, .* more than the 1,000,000"),
    ],
)
def test_what_cannot_be_made_is_said(arguments: tuple[str, ...], said: str, home: Path) -> None:
    error = tessera(home, PICTURE, *arguments, code=REFUSED)["error"]
    assert re.search(said, error)


def test_what_was_never_asked_for_cannot_be_taken_back(home: Path) -> None:
    tessera(home, PICTURE, "--columns=6")
    error = tessera(home, PICTURE, "--columns=7", "--forget", code=REFUSED)["error"]
    assert "is not asked for" in error
    assert len(Workshop(home / "lake").made()) == 1


def test_a_folder_that_is_none_is_said(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here already")
    said = tessera(home, PICTURE, f"--folder={tmp_path / 'file'}", code=2)["error"]
    assert "cannot be copied to" in said
