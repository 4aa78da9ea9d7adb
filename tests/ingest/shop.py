"""Small catalogues for the tests of ingest, the lake they go into, and zips that say what is not so."""

from __future__ import annotations

import json
import struct
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from pipelines.imaging import encode_jpeg
from pipelines.ingest import fashion, image_sources, images, product_details, products
from pipelines.lake import rejects
from pipelines.lake.recipe import Run
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.lake.table import Table

HEADER = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName"
TABLES = (images.TABLE, image_sources.TABLE, products.TABLE, products.PRODUCT_IMAGES, rejects.TABLE)
RECORDS = (product_details.TABLE, product_details.ATTRIBUTES)
Files = dict[str, bytes]

# Where a field lies in the central record and in the local one, and how many bytes it has.
_FIELDS = {
    "flags": (8, 6, "H"),
    "method": (10, 8, "H"),
    "crc": (16, 14, "I"),
    "packed": (20, 18, "I"),
    "size": (24, 22, "I"),
    "offset": (42, None, "I"),
    "needs": (6, 4, "H"),
}


def jpeg(seed: int) -> bytes:
    """Return a small picture that no other seed has."""
    return encode_jpeg(np.random.default_rng(seed).integers(0, 256, (16, 12, 3), dtype=np.uint8))


def line(product_id: object, name: str = "Plain Shirt", **changed: str) -> str:
    """Return one good row of styles.csv, but for what is changed."""
    values = {"gender": "Men", "master": "Apparel", "sub": "Topwear", "article": "Shirts", "colour": "Blue"}
    values |= {"season": "Fall", "year": "2012", "usage": "Casual"} | changed
    return ",".join((str(product_id), *values.values(), name))


def styles(*lines: str) -> bytes:
    return "\n".join((HEADER, *lines, "")).encode()


def catalogue(*ids: int) -> Files:
    """Return the files of a good catalogue."""
    return {"styles.csv": styles(*map(line, ids))} | {f"images/{i}.jpg": jpeg(i) for i in ids}


def record(product_id: int, **changed: object) -> dict[str, Any]:
    """Return the data of one good record, but for what is changed; a value of ... takes the key away."""
    values = {"id": product_id, "productDisplayName": "Plain Shirt", "brandName": "Acme", "gender": "Men"}
    values |= {"season": "Fall", "usage": "Casual", "masterCategory": {"typeName": "Apparel"}}
    values |= {"catalogAddDate": 1_461_658_417, "articleAttributes": {"Fabric": "Cotton", "Fit": "NA"}}
    return {name: value for name, value in (values | changed).items() if value is not ...}


def as_file(data: object) -> bytes:
    return json.dumps({"notification": {}, "meta": {"code": 200}, "data": data}).encode()


def cabinet(*ids: int) -> Files:
    """Return the files of good records."""
    return {f"{i}.json": as_file(record(i)) for i in ids}


def zipped(
    path: Path, files: Files | list[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED
) -> Path:
    """Write a zip; a list may hold a name twice, and ready-made headers."""
    with zipfile.ZipFile(path, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of duplicate names
        for name, data in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, data)
    return path


def unpacked(folder: Path, files: Files) -> Path:
    """Write the files to a folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def lie(path: Path, name: str, **fields: int) -> None:
    """Overwrite header fields of one member: flags, method, crc, packed, size, offset, needs."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        local, at = archive.getinfo(name).header_offset, archive.start_dir
    while data[at + 46 : at + 46 + len(name)] != name.encode():
        at += 46 + sum(struct.unpack_from("<HHH", data, at + 28))
    for field, value in fields.items():
        central, in_local, form = _FIELDS[field]
        struct.pack_into(f"<{form}", data, at + central, value)
        if in_local is not None:
            struct.pack_into(f"<{form}", data, local + in_local, value)
    path.write_bytes(data)


@dataclass(frozen=True)
class Lake:
    """A lake, and what can be seen of it."""

    store: Store

    def take_in(self, path: Path, photos: Path | None = None, details: Path | None = None, **params: Any) -> Journal:
        journal = Journal(self.store, Run())
        fashion.ingest(journal, path, fashion.FashionParams(**params), photos=photos, details=details)
        return journal

    def rows(self, table: Table) -> list[dict[str, Any]]:
        return self.store.snapshot(table).read().to_pylist()

    def versions(self) -> dict[str, int]:
        return {table.name: self.store.snapshot(table).version for table in (*TABLES, *RECORDS)}

    def digests(self, ids: tuple[int, ...] = ()) -> dict[str, str]:
        """Return the row hash of each table but rejects; of these products only, where any are named."""
        return {table.name: digest(table, self._of(table, ids)) for table in TABLES if table is not rejects.TABLE}

    def _of(self, table: Table, ids: tuple[int, ...]) -> Any:
        rows = self.store.snapshot(table).read()
        if not ids:
            return rows
        if "product_id" in rows.column_names:
            return rows.filter(pc.field("product_id").isin(ids))
        if table is image_sources.TABLE:
            return rows.filter(pc.field("key").isin([f"images/{i}.jpg" for i in ids]))
        shown = self._of(products.PRODUCT_IMAGES, ids)["image_id"].to_pylist()
        return rows.filter(pc.field("image_id").isin(shown))

    def open_rejects(self) -> dict[tuple[str, str], str]:
        """Return (key, reason) → sentence of what stands in rejects."""
        return {(row["key"], row["reason"]): row["detail"] for row in self.rows(rejects.TABLE) if row["is_open"]}


def account(journal: Journal) -> dict[str, tuple[int, int, int, int, int]]:
    """Return in, new, unchanged, rejected and duplicates of each step, which must add up."""
    for step in journal.steps:
        step.balance()
        assert step.status == "done"
    return {
        step.step.split()[-1]: (step.rows_in, step.new, step.unchanged, step.rejected, step.duplicates)
        for step in journal.steps
    }
