"""Recommendations as they are defined, one pair at a time: slow, plain, and written apart from the product."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

Colour = tuple[int, int, int]

SKIN = (
    *((60, 46, 40), (75, 57, 50), (90, 69, 60), (105, 80, 70), (120, 92, 80), (135, 103, 90), (150, 114, 100)),
    *((165, 126, 110), (180, 138, 120), (195, 149, 130), (210, 161, 140), (225, 172, 150), (240, 184, 160)),
    *((255, 195, 170), (255, 206, 180)),
)
TONES = SKIN + tuple((v, v, v) for v in (255, 220, 200, 180, 160, 140, 120, 100, 80, 60, 40, 20, 0))
CLASSES = [
    *("Tee", "Tank", "Dress", "Shorts", "Skirt", "Hoodie", "Jumpsuit", "Sweater", "Blazer", "Striped", "Cardigan"),
    *("Blouse", "Jacket", "Jeans", "Maxi", "Floral", "Denim", "Sweatshorts", "Polka", "Shawl", "Bodycon"),
]
RELATIONS = (
    *("hue-30", "hue+30", "hue-45", "hue+45", "hue-180"),
    *("saturation+40", "saturation+20", "saturation-20", "saturation-40"),
    *("value+40", "value+20", "value-20", "value-40"),
)


@dataclass(frozen=True)
class Piece:
    """A piece, and all that is said of it; `excluded` are ids."""

    image_id: str
    palette: tuple[Colour, ...]
    labels: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    genders: frozenset[str] = frozenset()
    is_candidate: bool = True
    excluded: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True)
class Seeds:
    """Which label goes with which, and so on."""

    aliases: Mapping[str, Collection[str]]
    complements: Mapping[str, Collection[str]]
    outfits: Mapping[str, Collection[str]]


def distance(one: Colour, other: Colour) -> float:
    return math.sqrt((one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 + (one[2] - other[2]) ** 2)


@cache
def distinctness(colour: Colour) -> float:
    return min(distance(colour, tone) for tone in TONES) or 1.0


def weights(palette: Sequence[Colour]) -> np.ndarray:
    worth = np.array([distinctness(colour) for colour in palette])
    return worth / worth.sum()


def similar_score(one: Piece, other: Piece) -> float:
    total = 0.0
    for weight, colour in zip(weights(one.palette), one.palette, strict=True):
        total += weight * min(distance(colour, theirs) for theirs in other.palette)
    return float(total)


def nearest(one: Piece, other: Piece) -> list[int]:
    return [min(range(len(other.palette)), key=lambda i: (distance(c, other.palette[i]), i)) for c in one.palette]


def dominant(palette: Sequence[Colour]) -> Colour:
    return max(palette, key=distinctness)  # of equals the first


@cache
def matching(colour: Colour) -> list[Colour]:
    h, s, v = colorsys.rgb_to_hsv(*(channel / 255 for channel in colour))
    h, s, v = 360 * h, 100 * s, 100 * v
    changed = [((h + turn) % 360, s, v) for turn in (-30, 30, -45, 45, -180)]
    changed += [(h, min(100.0, max(0.0, s + change)), v) for change in (40, 20, -20, -40)]
    changed += [(h, s, min(100.0, max(0.0, v + change))) for change in (40, 20, -20, -40)]
    rgb = [colorsys.hsv_to_rgb(a / 360, b / 100, c / 100) for a, b, c in changed]
    return [tuple(math.floor(channel * 255 + 0.5 + 1e-9) for channel in each) for each in rgb]  # type: ignore[misc]


def similar(pieces: Sequence[Piece], seeds: Seeds) -> list[dict[str, object]]:
    rows = []
    for one in pieces:
        wide = set(one.labels) | {alias for label in one.labels for alias in seeds.aliases.get(label, ())}
        found = []
        for other in _candidates(one, pieces):
            shared = sorted(wide & other.labels if wide else one.types & other.types)
            if shared:
                found.append((similar_score(one, other), other.image_id, shared, nearest(one, other)))
        for rank, (score, rec_id, shared, near) in enumerate(sorted(found)[:10], 1):
            block = "labels" if wide else "article_type"
            values = (one.image_id, rank, rec_id, score, block, shared, near)
            rows.append(dict(zip(SIMILAR, values, strict=True)))
    return rows


SIMILAR = ("source_id", "rank", "rec_id", "score", "block", "shared_labels", "nearest")
COMPLEMENTARY = (
    *("source_id", "rank", "rec_id", "score", "relation", "colour_hex", "swatch"),
    *("block", "matched_labels"),
)


def complementary(pieces: Sequence[Piece], seeds: Seeds) -> list[dict[str, object]]:
    rows = []
    for one in pieces:
        colours = matching(dominant(one.palette))
        found = []
        for other in _candidates(one, pieces):
            block, matched = _matched(one, other, seeds)
            if matched:
                score, relation, swatch = min(
                    (distance(colour, theirs), k, i)
                    for k, colour in enumerate(colours)
                    for i, theirs in enumerate(other.palette)
                )
                found.append((score, other.image_id, relation, swatch, block, matched))
        for rank, (score, rec_id, relation, swatch, block, matched) in enumerate(sorted(found)[:10], 1):
            colour = "{:02X}{:02X}{:02X}".format(*colours[relation])
            values = (one.image_id, rank, rec_id, score, RELATIONS[relation], colour, swatch, block, matched)
            rows.append(dict(zip(COMPLEMENTARY, values, strict=True)))
    return rows


def _matched(one: Piece, other: Piece, seeds: Seeds) -> tuple[str, list[str]]:
    if one.labels & set(CLASSES):
        allowed = {each for label in one.labels for each in seeds.complements.get(label, ())}
        return "labels", sorted((allowed or {"Cardigan", "Blazer", "Jacket"}) & other.labels)
    allowed = {each for kind in one.types for each in seeds.outfits.get(kind, ())}
    fits = not one.genders or bool((one.genders | {"Unisex"}) & other.genders)
    return "outfit", sorted(allowed & other.types) if fits else []


def _candidates(one: Piece, pieces: Sequence[Piece]) -> list[Piece]:
    return [
        other
        for other in pieces
        if other.is_candidate and other.image_id != one.image_id and other.image_id not in one.excluded
    ]
