"""A boutique of a few pieces whose colours, labels and recommendations can be told by heart, and three people in it.

Ana has put in a shirt nobody else may see; Ben one of his own, one for everybody, and a photo that the catalogue has
too. The recommendations are scored here the plain way.
"""

from __future__ import annotations

from hashlib import sha256
from math import dist
from typing import Any

import duckdb
import pyarrow as pa
from tiny_lake import Row, colour, image, product, rows, shows

from pipelines import catalog
from pipelines.duplicates import near_duplicates
from pipelines.inference import label_scores, labels, tag_paths, tags
from pipelines.ingest import image_sources, images, products
from pipelines.ingest.image_sources import Terms
from pipelines.ingest.inbox import mosaic_requests, uploads
from pipelines.ingest.inbox.ledger import SOURCE, source_key
from pipelines.lake.table import Table
from pipelines.mosaic import mosaic_cells, mosaic_tiles, mosaics
from pipelines.palette import colour_names, palettes
from pipelines.recommend import complementary, similar
from warehouse.marts import VIEWS

NAMES = {
    "8B1A1A": ("oxblood", "red"),
    "DC143C": ("crimson", "red"),
    "FFC0CB": ("pale pink", "pink"),
    "000080": ("navy", "blue"),
    "1E90FF": ("sky", "blue"),
    "FFFFFF": ("white", "white"),
    "228B22": ("leaf", "green"),
}
PIECES: dict[str, tuple[tuple[str, float], ...]] = {  # the colours of each picture and their shares
    "tee": (("8B1A1A", 0.5), ("FFFFFF", 0.25), ("FFC0CB", 0.25)),
    "tee photo": (("8B1A1A", 0.75), ("FFFFFF", 0.25)),
    "crimson tee": (("DC143C", 0.75), ("FFFFFF", 0.25)),
    "navy tee": (("000080", 0.75), ("1E90FF", 0.25)),
    "twin of navy tee": (("000080", 0.75), ("1E90FF", 0.25)),
    "jeans": (("000080", 1.0),),
    "watch": (("228B22", 0.75), ("8B1A1A", 0.25)),
    "ana's": (("DC143C", 0.5), ("8B1A1A", 0.5)),
    "ben's": (("8B1A1A", 1.0),),
    "ben's for all": (("DC143C", 1.0),),
    "frog": (("228B22", 1.0),),
}
ID = {name: sha256(name.encode()).hexdigest() for name in PIECES}
NOBODY = "0" * 64
BENS_MOSAIC = "b" * 16
_KINDS = {"jeans": "Jeans", "watch": "Watches"}
_PRODUCTS = ("tee", "crimson tee", "navy tee", "twin of navy tee", "jeans", "watch")
_MODEL = {"model_name": "fashion-labels", "model_version": 3}


def upload(user_id: str, name: str, visibility: str) -> Row:
    row = {"user_id": user_id, "image_id": ID[name], "title": f"{user_id} calls it so", "visibility": visibility}
    return row | {"file_name": "x.jpg", "uploaded_at": 0, "batch": "1"}


def vote(user_id: str, name: str, value: int) -> Row:
    return {"user_id": user_id, "image_id": ID[name], "value": value, "voted_at": 1, "batch": "1"}


def pair(one: str, two: str, near: bool = True, same: bool = False) -> Row:
    low, high = sorted((ID[one], ID[two]))
    apart = {"hash_distance": 0, "palette_distance": 0.0, "layout_distance": 0.0}
    return {"image_id": low, "other_image_id": high} | apart | {"is_near_duplicate": near, "is_same_picture": same}


def labelled(name: str, group: str, label: str, predicted: bool = False) -> Row:
    whose = _MODEL if predicted else {"model_name": None, "model_version": None}
    said = {"score": 0.5 if predicted else None, "source": "predicted" if predicted else "true", "is_fallback": False}
    return {"image_id": ID[name], "label_group": group, "label": label} | said | whose


def tagged(name: str, tag: str, probability: float = 0.5, rank: int = 1) -> Row:
    model = {"model_name": "m", "model_version": 1}
    return {"image_id": ID[name], "rank": rank, "tag": tag, "probability": probability} | model


def scored(name: str) -> Row:
    given = {"labels": ["Tee", "Tank"], "scores": [0.75, 0.25]}
    return {"image_id": ID[name], "label_group": "piece"} | given | _MODEL


def swatches(name: str, weights: tuple[float, ...] | None = None) -> list[Row]:
    found = PIECES[name]
    weights = weights or (1 / len(found),) * len(found)
    return [
        {"image_id": ID[name], "rank": rank, "share": share, "weight": weights[rank], "is_dominant": rank == 0}
        | colour(digits)
        | dict(zip(("name", "family"), NAMES[digits], strict=True))
        for rank, (digits, share) in enumerate(found)
    ]


def _rgb(name: str) -> list[tuple[int, ...]]:
    return [tuple(swatch[channel] for channel in ("red", "green", "blue")) for swatch in swatches(name)]


def alike(source: str, *candidates: str, block: str = "labels", label: str = "Tee") -> list[Row]:
    """Return rows of `similar` for these candidates, the nearest first."""
    scored = []
    for name in candidates:
        apart = [[dist(mine, theirs) for theirs in _rgb(name)] for mine in _rgb(source)]
        score = sum(min(each) / len(apart) for each in apart)
        scored.append((score, ID[name], [each.index(min(each)) for each in apart]))
    return [
        {"source_id": ID[source], "rank": rank, "rec_id": rec_id, "score": score, "nearest": nearest}
        | {"block": block, "shared_labels": [label]}
        for rank, (score, rec_id, nearest) in enumerate(sorted(scored), 1)
    ]


def by_palette(source: str, *candidates: str) -> list[Row]:
    """Return rows of `similar_palettes` for these candidates, in their order."""
    said = {"block": "labels", "shared_labels": ["Tee"]}
    return [
        {"source_id": ID[source], "rank": rank, "rec_id": ID[name], "distance": rank / 10} | said
        for rank, name in enumerate(candidates, 1)
    ]


def goes_with(source: str, candidate: str, rank: int = 1, relation: str = "hue-180") -> Row:
    """Return a row of `complementary`: the candidate's first colour is 12.5 from the matching one."""
    made = {"score": 12.5, "relation": relation, "colour_hex": "1A8B8B", "swatch": 0}
    allowed = {"block": "labels", "matched_labels": ["Jeans"]}
    return {"source_id": ID[source], "rank": rank, "rec_id": ID[candidate]} | made | allowed


def tile(name: str, owner: str | None = None, shared: bool = False) -> Row:
    """Return a row of `mosaic_tiles`: a picture of the shop, or one that somebody put in."""
    shown = {"tile_id": ID[name], "label": "jersey", "tag_path": "/clothing/jersey", "family": "red"}
    means = {"mean_red": 1.0, "mean_green": 2.0, "mean_blue": 3.0}
    whose = {"is_public": shared or not owner, "owners": [owner] if owner else None}
    return shown | means | whose | {"source": "uploads" if owner else "sample"}


def asked(mosaic_id: str, user_id: str | None, name: str, **options: Any) -> Row:
    """Return a row of `mosaic_requests`."""
    said = {"mosaic_id": mosaic_id, "user_id": user_id, "image_id": ID[name], "is_wanted": True, "asked_at": 0}
    return said | vars(mosaic_requests.Options()) | {"batch": "1"} | options


def laid_out(mosaic_id: str, user_id: str | None, name: str) -> Row:
    """Return a row of `mosaics`, of one column and no more rows than anybody counts."""
    sizes = {"columns": 1, "rows": 1, "width_px": 32, "height_px": 32, "tile_count": 9, "used_count": 1, "most_uses": 1}
    near = {"distance": 0.5, "bound": 0.25, "gap": 1.0, "error": 0.5, "changed_count": 0}
    place = {"picture": f"_mosaics/{mosaic_id}/1/mosaic.jpg", "made_of": ""}
    whose = {"mosaic_id": mosaic_id, "user_id": user_id, "image_id": ID[name], "mode": "cells_3x3"}
    return whose | sizes | near | place


def cells(mosaic_id: str, *names: str) -> list[Row]:
    """Return rows of `mosaic_cells`: tiles one below the other, each 0.25 further off than the one above."""
    return [
        {"mosaic_id": mosaic_id, "y": y, "x": 0, "tile_id": ID[name], "distance": 0.25 * y, "rank": 1}
        for y, name in enumerate(names)
    ]


def _sources() -> list[Row]:
    terms = Terms(True)
    shop = [name for name in PIECES if not name.startswith(("ana", "ben"))]
    found = [image_sources.row("sample", f"{name}.jpg", "1", ID[name], terms) for name in shop]
    brought = (("ana", "ana's"), ("ben", "ben's"), ("ben", "ben's for all"), ("ben", "crimson tee"))
    keys = [(source_key("upload", user, ID[name]), ID[name]) for user, name in brought]
    return found + [image_sources.row(SOURCE, key, "1", image_id, terms) for key, image_id in keys]


def _labels() -> list[Row]:
    tees = [name for name in PIECES if "tee" in name]
    mine = [labelled(name, "piece", "Tee", predicted=True) for name in ("ana's", "ben's", "ben's for all")]
    kinds = [labelled(name, "article_type", _KINDS.get(name, "Tshirts")) for name in _PRODUCTS]
    colours = [labelled("tee", "base_colour", "Red"), labelled("jeans", "piece", "Jeans")]
    return [*(labelled(name, "piece", "Tee") for name in tees), *mine, *kinds, *colours]


def _pictures() -> list[Row]:
    thumbnails = [shows(number, "thumbnail", ID[name]) for number, name in enumerate(_PRODUCTS, 1)]
    return [*thumbnails, shows(1, "photo", ID["tee photo"])]


def _similar() -> list[Row]:
    tees = ("crimson tee", "navy tee", "twin of navy tee", "ben's for all")
    return [
        *alike("tee", *tees),
        *alike("crimson tee", "tee", "navy tee", "twin of navy tee", "ben's for all"),
        *alike("navy tee", "tee", "crimson tee", "ben's for all"),
        *alike("ana's", "tee", *tees),
        *alike("ben's", "tee", *tees),
        *alike("ben's for all", "tee", "crimson tee", "navy tee", "twin of navy tee"),
        *alike("watch", block="article_type"),
    ]


def stock() -> dict[Table, list[Row]]:
    """Return the rows of each table."""
    palette = [swatch for name in PIECES for swatch in swatches(name)]
    named = [{"name": name, "family": family} | colour(digits) for digits, (name, family) in NAMES.items()]
    wares = [product(n, display_name=name, article_type=_KINDS.get(name, "Tshirts")) for n, name in _numbered()]
    matches = [goes_with(name, "jeans") for name in ("tee", "crimson tee", "navy tee", "ana's", "ben's")]
    return {
        images.TABLE: [image(image_id) for image_id in ID.values()],
        image_sources.TABLE: _sources(),
        products.TABLE: wares,
        products.PRODUCT_IMAGES: _pictures(),
        uploads.TABLE: [
            upload("ana", "ana's", "private"),
            upload("ben", "ben's", "private"),
            upload("ben", "ben's for all", "shared"),
            upload("ben", "crimson tee", "private"),
        ],
        palettes.TABLE: palette,
        colour_names.TABLE: named,
        labels.TABLE: _labels(),
        label_scores.TABLE: [scored(name) for name in PIECES],
        tags.TABLE: [tagged(name, "jersey") for name in PIECES],
        tag_paths.TABLE: [{"tag": "jersey", "path": "/clothing/jersey", "class_index": None, "synonyms": []}],
        near_duplicates.TABLE: [pair("navy tee", "twin of navy tee"), pair("tee", "ben's", same=True)],
        similar.TABLE: _similar(),
        complementary.TABLE: matches,
        mosaic_tiles.TABLE: [tile("tee"), tile("jeans"), tile("ben's", "ben"), tile("ben's for all", "ben", True)],
        mosaic_requests.TABLE: [asked(BENS_MOSAIC, "ben", "ben's")],
        mosaics.TABLE: [laid_out(BENS_MOSAIC, "ben", "ben's")],
        mosaic_cells.TABLE: cells(BENS_MOSAIC, "tee", "ben's", "jeans", "ben's", "ben's for all", "ben's"),
    }


def _numbered() -> list[tuple[int, str]]:
    return list(enumerate(_PRODUCTS, 1))


def opened(stock: dict[Table, list[Row]]) -> duckdb.DuckDBPyConnection:
    """Return tables with these rows, all others empty, and every view of a release."""
    connection = duckdb.connect()
    every = {table.name: table for table in (*catalog.TABLES, *stock)}
    for table in every.values():
        connection.from_arrow(_schema(table).empty_table()).create(f'"{table.name}"')
        put(connection, table, *stock.get(table, ()))
    for view in VIEWS:
        connection.execute(view.definition(view.table.name))
    return connection


def _schema(table: Table) -> pa.Schema:
    """Return a table's columns as a release has them: times without a zone."""
    kinds = [pa.timestamp("us") if pa.types.is_timestamp(column.type) else column.type for column in table.plain]
    return pa.schema(list(zip([column.name for column in table.plain], kinds, strict=True)))


def put(connection: duckdb.DuckDBPyConnection, table: Table, *given: Row) -> None:
    """Add rows to a table."""
    if given:
        schema = _schema(table)
        connection.register("incoming", rows(table, *given).select(schema.names).cast(schema))
        connection.execute(f'INSERT INTO "{table.name}" FROM incoming')
        connection.unregister("incoming")


def ask(connection: duckdb.DuckDBPyConnection, query: str, *values: object) -> list[tuple[Any, ...]]:
    return connection.execute(query, values).fetchall()
