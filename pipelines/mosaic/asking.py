"""Asking: from the words of a person to a request, and from a mosaic that was made to files in a folder."""

from __future__ import annotations

from pathlib import Path

import pyarrow.compute as pc

from pipelines.ingest import images, products
from pipelines.lake import rejects
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.recipe import recipe
from pipelines.lake.store import Store
from pipelines.mosaic import mosaics

_NUMBER_DIGITS = 19  # of a 64-bit number; an image's id has 64


def find(store: Store, words: str) -> str:
    """Return the id of the picture that is meant. Raises ContractBroken.

    Words are its id, the first digits of it, an upload's key in `image_sources` (`upload/USER/ID`), or the number of a
    product, of which it is the large photo where there is one.
    """
    name = words.strip().lower().rpartition("/")[2]
    is_number = name.isascii() and name.isdecimal() and len(name) < _NUMBER_DIGITS
    found = _of_product(store, int(name)) if is_number else _beginning_with(store, name)
    if not found:
        raise ContractBroken(f"the lake has no picture {words!r:.100}. Give a product's number or an image's id.")
    if len(found) > 1:
        raise ContractBroken(f"{words!r:.100} is the beginning of several images' ids. Give more of its digits.")
    return found[0]


def _of_product(store: Store, number: int) -> list[str]:
    shown = store.snapshot(products.PRODUCT_IMAGES).read()
    rows = shown.filter(pc.equal(shown["product_id"], number)).sort_by("kind")  # its photo before its thumbnail
    return [str(each) for each in rows["image_id"].to_pylist()[:1]]


def _beginning_with(store: Store, name: str) -> list[str]:
    found = list[str]()
    for _, rows in store.snapshot(images.TABLE).fragments(["image_id"]):
        found += rows["image_id"].filter(pc.starts_with(rows["image_id"], name)).to_pylist() if name else []
    return sorted(found)[:2]


def outcome(store: Store, mosaic_id: str) -> dict[str, object]:
    """Return the row of a mosaic that was asked for. Raises ContractBroken, saying why, where it could not be made."""
    held = store.snapshot(mosaics.TABLE).read()
    rows = held.filter(pc.equal(held["mosaic_id"], mosaic_id)).to_pylist()
    why = [one for one in rejects.standing(store, mosaics.TABLE.name, recipe(mosaics.TABLE)) if one.key == mosaic_id]
    if why or not rows:
        raise ContractBroken(
            why[0].detail if why else f"mosaic {mosaic_id} was not made: its picture is not to be seen."
        )
    return dict(rows[0])


def copy(store: Store, picture: str, folder: Path) -> Path:
    """Copy a mosaic's picture, and what belongs to it, into a folder; return where it is. Raises CannotRun."""
    base = picture.rpartition("/")[0]
    try:
        for found in store.objects.list(base):
            file = folder / found.path.removeprefix(f"{base}/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(store.objects.get(found.path))
    except OSError as error:
        raise CannotRun(f"the mosaic cannot be copied to {folder}: {error.strerror}. Name another folder.") from error
    return folder / picture.rpartition("/")[2]
