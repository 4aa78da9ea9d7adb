"""Pictures of any kind and size become mosaics of their size, in every format, or are said to be too large."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from pipelines.imaging import decode, encode_jpeg, encode_png
from tests.mosaic.test_mosaics import SOURCE, ask, drawn
from tests.mosaic.workshop import Workshop, flat, wish


def pillow(mode: str, size: tuple[int, int], kind: str = "PNG", **more: Any) -> bytes:
    """Return a picture of noise as a file."""
    bands = len(Pillow.new(mode, (1, 1)).getbands())
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], bands), dtype=np.uint8)
    if mode == "P":
        picture = Pillow.fromarray(noise[..., 0]).convert("RGB").quantize(32)
        more |= {"transparency": 3}
    else:
        picture = Pillow.fromarray(noise.squeeze(axis=2) if bands == 1 else noise, mode)
    file = io.BytesIO()
    picture.save(file, kind, **more)
    return file.getvalue()


def turned() -> bytes:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # a quarter turn
    return pillow("RGB", (70, 40), "JPEG", exif=exif)


ODD: dict[str, tuple[Callable[[], bytes], tuple[int, int]]] = {
    "rgba": (lambda: pillow("RGBA", (50, 40)), (50, 40)),
    "grey": (lambda: pillow("L", (50, 40)), (50, 40)),
    "cmyk": (lambda: pillow("CMYK", (50, 40), "JPEG"), (50, 40)),
    "palette with a clear colour": (lambda: pillow("P", (50, 40)), (50, 40)),
    "tiny": (lambda: pillow("RGB", (10, 10)), (10, 10)),
    "one pixel": (lambda: pillow("RGB", (1, 1)), (1, 1)),
    "a line": (lambda: pillow("RGB", (5000, 1)), (5000, 1)),
    "a column": (lambda: pillow("RGB", (1, 5000)), (1, 5000)),
    "500 x 48": (lambda: pillow("RGB", (500, 48)), (500, 48)),
    "turned": (turned, (40, 70)),
}


def test_odd_pictures_become_mosaics_of_their_size(shop: Workshop) -> None:
    """No tile is black: a pixel that no tile covers would be."""
    pictures = {name: make() for name, (make, _) in ODD.items()}
    images = shop.catalogue("odd", pictures.values())
    tiles = {"sources": ["sample"], "format": "png"}
    ids = ask(shop, *(wish(image, "ben", **tiles) for image in images))
    for mosaic_id, (name, (_, size)) in zip(ids, ODD.items(), strict=True):
        row = shop.made()[mosaic_id]
        assert (row["width_px"], row["height_px"]) == size, name
        assert (row["columns"], row["rows"]) == tuple(-(-side // 32) for side in size), name
        picture = drawn(shop, mosaic_id)
        assert picture.shape == (size[1], size[0], 3), name
        assert (picture.max(axis=2) > 0).all(), name


def test_a_picture_of_forty_megapixels_is_one_too(shop: Workshop) -> None:
    (image,) = shop.catalogue("odd", [encode_jpeg(flat((200, 180, 160), 5000, 8000))])
    (mosaic_id,) = ask(shop, wish(image, "ben", tile_px=4, sources=["sample"]))
    assert drawn(shop, mosaic_id).shape == (625, 1000, 3)
    assert len(shop.cells(mosaic_id)) == 250 * 157


@pytest.mark.parametrize("tile_px", [1, 8, 32, 64])
@pytest.mark.parametrize("format_", ["jpeg", "png", "dzi"])
def test_tiles_of_any_size_and_in_any_format(tile_px: int, format_: str, shop: Workshop) -> None:
    (mosaic_id,) = ask(shop, wish(SOURCE, tile_px=tile_px, format=format_, tint=0.25))
    row = shop.made()[mosaic_id]
    assert (row["width_px"], row["height_px"]) == (3 * tile_px, 2 * tile_px)
    folder = row["picture"].rpartition("/")[0]
    names = {found.path.removeprefix(f"{folder}/") for found in shop.store.objects.list(folder)}
    if format_ == "dzi":
        assert {"mosaic.dzi", "mosaic.html"} < names
        assert any(name.startswith("mosaic_files/0/0_0.") for name in names)
        assert f'Width="{3 * tile_px}"' in shop.store.objects.get(row["picture"]).decode()
    else:
        assert names == {f"mosaic.{'jpg' if format_ == 'jpeg' else 'png'}"}
        assert decode(shop.store.objects.get(row["picture"])).pixels.shape == (2 * tile_px, 3 * tile_px, 3)


@pytest.mark.parametrize(
    ("size", "options", "reason", "said"),
    [
        ((16_000, 20), {"tile_px": 200}, "too_large", "100,000 x 125 pixels; .* JPEG 65,535 a side"),
        ((16_000, 20), {"tile_px": 200, "format": "png"}, None, ""),
        ((20, 16_000), {"columns": 100}, "too_many_cells", "100 x 80,000 cells, 7,000,000 more than the 1,000,000"),
        ((400, 400), {"columns": 900, "tile_px": 256, "format": "dzi"}, "too_large", "230,400 x 230,400 pixels"),
    ],
)
def test_what_is_too_large_says_so(
    size: tuple[int, int], options: dict[str, Any], reason: str | None, said: str, shop: Workshop
) -> None:
    (image,) = shop.catalogue("odd", [encode_png(flat((200, 180, 160), size[1], size[0]))])
    (mosaic_id,) = ask(shop, wish(image, "ben", **options))
    if reason is None:
        assert mosaic_id in shop.made()
    else:
        (found,) = shop.rejects().items()
        assert found[0] == (mosaic_id, reason)
        assert re.search(said, found[1])
