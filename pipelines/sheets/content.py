"""What stands on a sheet, as the published release has it and a viewer may see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.lake.errors import CannotRun
from pipelines.lake.store import Store
from pipelines.thumbnails import thumbnails
from warehouse.connection import Connection

_NUMBER_DIGITS = 19  # of a 64-bit number; an image's id has 64
_KINDS = ("similar", "complementary")
_PRODUCT = "SELECT image_id FROM product_images WHERE product_id = $piece ORDER BY kind DESC LIMIT 1"  # or its photo
_IMAGE = "SELECT image_id FROM visible_images($viewer) WHERE starts_with(image_id, $piece) LIMIT 2"
_REASONS = """
    SELECT candidate_id, kind, rank, score, colour_hex, sentence
    FROM explain_recommendation($source, viewer := $viewer)
    WHERE kind IN ('similar', 'complementary')
    ORDER BY kind, rank
"""
_TITLES = """
    SELECT image_id, min(title) AS title
    FROM (
        FROM product_images JOIN products USING (product_id)
        SELECT image_id, coalesce(display_name, article_type) AS title
        UNION ALL
        SELECT image_id, title FROM uploads WHERE visibility = 'shared' OR user_id = $viewer
    )
    WHERE image_id IN (SELECT unnest($ids))
    GROUP BY image_id
"""
_SWATCHES = """
    SELECT image_id, hex, name, share FROM palettes
    WHERE image_id IN (SELECT unnest($ids)) AND share > 0
    ORDER BY image_id, rank
"""


@dataclass(frozen=True)
class Swatch:
    """A colour of a palette: six hex digits, its name, its part of the picture (0..1)."""

    hex: str
    name: str
    share: float


@dataclass(frozen=True)
class Piece:
    """A piece as it is shown: its thumbnail is a JPEG, None where there is none (yet)."""

    image_id: str
    title: str
    swatches: tuple[Swatch, ...]
    thumbnail: bytes | None


@dataclass(frozen=True)
class Recommended:
    """A piece that is recommended, and why; `colour` is the matching colour that chose it, where one did."""

    piece: Piece
    rank: int
    score: float
    colour: str | None
    sentence: str


@dataclass(frozen=True)
class Sheet:
    """A piece, and by kind (similar, complementary) what is recommended beside it."""

    piece: Piece
    recommended: dict[str, tuple[Recommended, ...]]


Ask = Callable[..., list[tuple[Any, ...]]]  # a query and the values of its parameters → rows


def read(release: Connection, store: Store, piece: str, viewer: str | None = None) -> Sheet:
    """Return the sheet of a piece: a product's number, or (the first digits of) an image's id. Raises CannotRun."""

    def ask(query: str, **given: Any) -> list[tuple[Any, ...]]:
        named = {name: value for name, value in given.items() if f"${name}" in query}
        return release.execute(query, named).fetchall()

    source = _source(ask, piece, viewer)
    reasons = ask(_REASONS, source=source, viewer=viewer)
    pieces = _pieces(ask, store, list(dict.fromkeys([source, *(row[0] for row in reasons)])), viewer)
    chosen = {
        kind: tuple(Recommended(pieces[row[0]], *row[2:]) for row in reasons if row[1] == kind) for kind in _KINDS
    }
    return Sheet(pieces[source], chosen)


def _source(ask: Ask, piece: str, viewer: str | None) -> str:
    """Return the id of the image that is meant."""
    is_number = piece.isascii() and piece.isdecimal() and len(piece) < _NUMBER_DIGITS
    # A number is never the beginning of an id: one that is mistyped would show a stranger.
    found = ask(_PRODUCT, piece=int(piece)) if is_number else ask(_IMAGE, piece=piece.lower(), viewer=viewer)
    if not found:
        raise CannotRun(
            f"the release has no piece {piece!r:.80} that may be seen here. Give a product's number or an image's "
            'id; find one with: tessera sql "FROM discover(NULL)".'
        )
    if len(found) > 1:
        raise CannotRun(f"{piece!r:.80} is the beginning of several images' ids. Give more of its digits.")
    return str(found[0][0])


def _pieces(ask: Ask, store: Store, ids: Sequence[str], viewer: str | None) -> dict[str, Piece]:
    titles: dict[str, str | None] = dict(ask(_TITLES, ids=ids, viewer=viewer))
    swatches = dict[str, list[Swatch]]()
    for image, *swatch in ask(_SWATCHES, ids=ids):
        swatches.setdefault(image, []).append(Swatch(*swatch))
    pictures = _thumbnails(store, ids)
    return {
        image: Piece(image, titles.get(image) or image[:12], tuple(swatches.get(image, ())), pictures.get(image))
        for image in ids
    }


def _thumbnails(store: Store, ids: Sequence[str]) -> dict[str, bytes]:
    """Return the thumbnails there are of some images, JPEG bytes by id."""
    wanted, found = set(ids), dict[str, bytes]()
    snapshot = store.snapshot(thumbnails.TABLE)
    for path, rows in snapshot.fragments(["image_id"]):
        if wanted.intersection(rows["image_id"].to_pylist()):
            held = store.open(thumbnails.TABLE, path).read(["image_id", "data"])
            pairs = zip(held["image_id"].to_pylist(), held["data"], strict=True)
            found |= {image: data.as_py() for image, data in pairs if image in wanted}
    return found
