"""Photos: a catalogue's large pictures, `<id>.jpg` in a folder or zip of their own, into `images`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pyarrow as pa

from pipelines.ingest import products
from pipelines.ingest.archive import Archive, Member
from pipelines.ingest.image_sources import Terms
from pipelines.ingest.intake import Intake, Item
from pipelines.ingest.products import Listed
from pipelines.lake.materialize import upsert
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal


def take_in(journal: Journal, source: str, terms: Terms, archive: Archive, place: str, listed: Listed) -> list[Reject]:
    """Take in the photos whose names begin with `place`, as the products' `photo`; return the rejects.

    Memory holds one shard of pictures. One of a product that `products` does not hold is a reject.
    """
    with journal.step(f"{source} photos") as step:
        intake = Intake.open(journal, source, terms, step)
        for item in _items(archive, place, listed):
            intake.take(item)
            if intake.is_full:
                intake.commit(journal)
        intake.commit(journal)
        _show(journal, intake)
        step.absent = sum(_number(key) in listed.absent for key in intake.rejects)
        return list(intake.rejects.values())


def _items(archive: Archive, place: str, listed: Listed) -> Iterator[Item]:
    for member in archive.members():
        name = member.name.removeprefix(place)
        if member.fault:
            yield Item(f"photos/{member.name}", member.stamp, partial(archive.read, member))
        elif member.name.startswith(place) and name.endswith(".jpg") and name[:-4].isdecimal():
            yield _item(archive, member, name, listed)


def _item(archive: Archive, member: Member, name: str, listed: Listed) -> Item:
    def read() -> bytes:
        listed.require(name.removesuffix(".jpg"))
        return archive.read(member)

    # Without its product a photo that was taken in before is looked at again, and found to be a reject.
    stamp = member.stamp if name.removesuffix(".jpg") in listed.names else ""
    return Item(f"photos/{name}", stamp, read)


def _number(key: str) -> str:
    return key.removeprefix("photos/").removesuffix(".jpg")


def _show(journal: Journal, intake: Intake) -> None:
    """Say which product each photo shows."""
    shown = {int(_number(key)): image_id for key, image_id in intake.image_ids.items()}
    columns = {"product_id": list(shown), "kind": ["photo"] * len(shown), "image_id": list(shown.values())}
    rows = pa.table(columns, products.PRODUCT_IMAGES.schema)
    upsert(journal.store, journal.run, products.PRODUCT_IMAGES, rows)
