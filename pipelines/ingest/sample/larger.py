"""The larger set: pieces in the layout of Kaggle's large fashion set, with big pictures and the shop's records."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.imaging import encode_jpeg
from pipelines.ingest.sample.catalogue import HEADER, lines
from pipelines.ingest.sample.defects import Fault, fault_of, shown_index
from pipelines.ingest.sample.pieces import Design, make_design

_SCALE = 6  # of the large pictures to the small ones: 360x480
_OPENED = int(datetime(2015, 3, 1, tzinfo=UTC).timestamp())
_DAY = 24 * 3600


def write_fashion_large(folder: Path, count: int = 20, seed: int = 7) -> Path:
    """Write the larger set of the shop that `seed` makes into `folder`, made if need be, and return it.

    All lies below `fashion-dataset/`, as in the published one: `styles.csv`, `images/<id>.jpg` and
    `styles/<id>.json`. Rows are those of the smaller set; every piece has a record, not every one a picture.
    """
    root = folder / "fashion-dataset"
    for name in ("images", "styles"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "styles.csv").write_text("".join(f"{line}\n" for line in [HEADER, *lines(count, seed)]), encoding="utf-8")
    for index, line in enumerate(lines(count, seed)):
        design, number = make_design(shown_index(index), seed), make_design(index, seed).product_id
        record = json.dumps(_record(design, number, line.split(",", 9)[-1]), ensure_ascii=False)
        (root / f"styles/{number}.json").write_text(record, encoding="utf-8")
        if fault_of(index) is not Fault.ABSENT:
            (root / f"images/{number}.jpg").write_bytes(_large(design))
    return folder


def _large(design: Design) -> bytes:
    return encode_jpeg(design.drawn().picture().repeat(_SCALE, axis=0).repeat(_SCALE, axis=1).astype(np.uint8))


def _record(design: Design, number: int, display_name: str) -> dict[str, Any]:
    """Return a record as the shop keeps it, prices and links among what is of no concern to us."""
    kind = design.kind
    data = {
        "id": number,
        "price": 999,
        "discountedPrice": 999,
        "styleType": "P" if number % 20 else "DEL",
        "articleNumber": f"{design.brand[:3].upper()}-{number}",
        "productDisplayName": display_name,
        "variantName": design.cut.noun.upper(),
        "catalogAddDate": _OPENED + _DAY * (number % 900),
        "brandName": design.brand,
        "ageGroup": {"Boys": "Kids-Boys", "Girls": "Kids-Girls"}.get(design.gender, f"Adults-{design.gender}"),
        "gender": design.gender,
        "baseColour": design.base_colour,
        "colour1": "NA" if design.print_name == "plain" else "White",
        "colour2": "",
        "fashionType": "Fashion",
        "season": design.season,
        "year": str(design.year),
        "usage": design.usage,
        "landingPageUrl": f"{kind.article_type}/{number}/buy",
        "articleAttributes": {"Pattern": _pattern(design), "Fabric": "NA", "Fit": "Regular Fit"},
        "masterCategory": {"typeName": kind.master_category, "active": True},
        "subCategory": {"typeName": kind.sub_category, "active": True},
        "articleType": {"typeName": kind.article_type, "active": True},
        "productDescriptors": {"description": {"descriptorType": "description", "value": _description(design)}},
    }
    return {"notification": {}, "meta": {"code": 200}, "data": data}


def _pattern(design: Design) -> str:
    return "Solid" if design.print_name == "plain" else design.print_name.capitalize()


def _description(design: Design) -> str:
    noun = design.cut.noun.lower()
    care = "Wipe with a dry cloth" if design.kind.master_category == "Accessories" else "Machine wash<br /> Line dry"
    return f"<p><strong>Composition</strong><br /> {design.base_colour} {noun} &amp; tag</p><p>{care}</p>"
