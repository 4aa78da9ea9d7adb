"""A lake with tiles, ready for mosaics to be asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.ingest.inbox.boxes import upload
from tests.mosaic.workshop import Workshop, photo, swatch

TILES = [swatch(*colour) for colour in np.random.default_rng(5).integers(0, 256, (30, 3)).tolist()]
VISIBLE = {1: "shared", 2: "private", 3: "shared"}


def shop_with_tiles(lake: Path) -> Workshop:
    """Return a workshop with thirty tiles, a picture of ana's, and a private tile of hers."""
    shop = Workshop(lake)
    shop.catalogue("sample", TILES)
    shop.put(
        "0",
        *(upload(photo(seed), "ana", file=f"p{seed}.png", visibility=how) for seed, how in VISIBLE.items()),
        files={f"p{seed}.png": photo(seed) for seed in VISIBLE},
    )
    return shop


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake whose tiles are made."""
    shop = shop_with_tiles(tmp_path_factory.mktemp("ready") / "lake")
    shop.evening()
    return shop.lake


@pytest.fixture
def shop(ready: Path, tmp_path: Path) -> Workshop:
    shutil.copytree(ready, tmp_path / "lake")
    return Workshop(tmp_path / "lake")
