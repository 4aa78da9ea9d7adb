"""The catalogue: pieces in the layout of Kaggle's fashion set, `styles.csv` and `images/<id>.jpg`, faults and all."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipelines import imaging
from pipelines.ingest.sample.defects import Fault, fault_of, image_size, shown_index
from pipelines.ingest.sample.pieces import Design, make_design, make_piece

HEADER = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName"
_DATE = (2019, 10, 20, 0, 0, 0)  # of every member, so that equal arguments give equal bytes


def write_fashion(folder: Path, count: int = 500, seed: int = 7) -> Path:
    """Write the catalogue into `folder`, made if need be, and return it."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for name, data in _files(count, seed):
        (folder / name).write_bytes(data)
    return folder


def write_fashion_zip(path: Path, count: int = 500, seed: int = 7) -> Path:
    """Write the catalogue as one zip and return its path. Equal arguments give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in _files(count, seed):
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type, info.create_system, info.external_attr = (
                zipfile.ZIP_DEFLATED,
                3,
                0o100644 << 16,
            )
            archive.writestr(info, data)
    return path


def _files(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield the files by name; memory holds the rows and one image."""
    yield "styles.csv", "".join(f"{line}\n" for line in [HEADER, *lines(count, seed)]).encode()
    for index in range(count):
        if fault_of(index) is not Fault.ABSENT:
            image = make_piece(shown_index(index), seed, *image_size(index)).image
            name = f"images/{make_design(index, seed).product_id}.jpg"
            yield name, _grey(image) if fault_of(index) is Fault.GREY else image


def _grey(image: bytes) -> bytes:
    """Return a picture without its colours, as some of the real ones are."""
    luma = imaging.decode(image).pixels @ np.array([0.299, 0.587, 0.114])
    return imaging.encode_jpeg(luma.round().astype(np.uint8))


def lines(count: int, seed: int = 7) -> Iterator[str]:
    """Yield the rows of styles.csv as they are written, without the header or line ends."""
    for index in range(count):
        design = replace(make_design(shown_index(index), seed), product_id=make_design(index, seed).product_id)
        yield ",".join(_fields(design, fault_of(index)))


def _fields(design: Design, fault: Fault | None) -> tuple[str, ...]:
    is_undated = fault is Fault.NO_YEAR
    return (
        str(design.product_id),
        design.gender,
        design.kind.master_category,
        design.kind.sub_category,
        design.kind.article_type,
        "NA" if fault is Fault.NO_COLOUR else design.base_colour,
        "" if is_undated or fault is Fault.NO_SEASON else design.season,
        "" if is_undated else str(design.year),
        {Fault.NO_USAGE: "NA", Fault.EMPTY_USAGE: ""}.get(fault, design.usage) if fault else design.usage,
        _name(design, fault),
    )


def _name(design: Design, fault: Fault | None) -> str:
    """Return the name; its commas are not quoted, which is what makes two kinds of row malformed."""
    name = design.display_name
    faulty = {
        Fault.ONE_COMMA: f"{name}, Pack of 2",
        Fault.TWO_COMMAS: f"{name}, Gift Box, Set of 3",
        Fault.INCH_MARK: f'{name} 3.5" Edition',
        Fault.NO_NAME: "NA",
    }
    return faulty.get(fault, name) if fault else name
