"""Attributes: what each piece is, as labels, article types and genders, in numbers that are quick to compare."""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.inference.true_labels import PIECE
from pipelines.ingest.products import GENDERS
from pipelines.lake.store import Snapshot
from pipelines.recommend.kernels import Ints
from pipelines.recommend.rows import placed, positions, together
from pipelines.recommend.seeds import LABELS, MATCH_ONLY, Pairs

_GROUPS = (PIECE, "article_type", "gender")
_WORDS = {label.lower(): label for label in MATCH_ONLY}
_HINT = "|".join(_WORDS)

Bits = npt.NDArray[np.uint64]
Names = frozenset[str]


@dataclass(frozen=True)
class Attributes:
    """What pieces are, as positions in lists: `labels` and `genders` as bits of `LABELS` and `GENDERS`, `types` as
    one of `type_sets`, of which the first is empty.
    """

    labels: Bits
    types: npt.NDArray[np.int32]
    genders: Bits
    type_sets: tuple[Names, ...]


def bits_of(labels: Names | tuple[str, ...], among: tuple[str, ...] = LABELS) -> int:
    """Return names as bits."""
    return sum(1 << among.index(label) for label in set(labels))


def names_of(bits: int, among: tuple[str, ...] = LABELS) -> list[str]:
    """Return the names that bits stand for, sorted."""
    return sorted(label for place, label in enumerate(among) if bits >> place & 1)


def attributes(
    labels: Snapshot, products: Snapshot, shows: pa.Table, ids: pa.StringArray, match_labels: Pairs
) -> Attributes:
    """Return what the images are; `shows` says which of them show which product, in the order of the products.

    A label that is only the most probable one counts where nothing else says what the image is.
    """
    found, fallback, genders = (np.zeros(len(ids), np.uint64) for _ in range(3))
    kinds = [(np.empty(0, np.int64), pa.chunked_array([], pa.string()))]
    for said in together(labels, ["image_id", "label_group", "label", "is_fallback"]):
        rows = placed(said.filter(pc.is_in(said["label_group"], pa.array(_GROUPS))), ids)
        pieces, types, persons = (rows.filter(pc.equal(rows["label_group"], group)) for group in _GROUPS)
        is_fallback = pieces["is_fallback"]
        _mark(found, pieces.filter(pc.invert(is_fallback)), LABELS)
        _mark(fallback, pieces.filter(is_fallback), LABELS)
        _mark(genders, persons, GENDERS)
        kinds.append((types["at"].to_numpy(), types["label"]))
    chosen, type_sets = _types(kinds, len(ids))
    found |= np.where((found == 0) & (chosen == 0), fallback, np.uint64(0))
    meant = {kind: bits_of(tuple(label for other, label in match_labels if other == kind)) for kind, _ in match_labels}
    by_type = [np.bitwise_or.reduce([meant.get(name, 0) for name in names] or [0]) for names in type_sets]
    is_shown = np.zeros(len(ids), np.bool_)
    at = positions(shows["image_id"], ids)
    is_shown[at[at >= 0]] = True
    found |= np.where(is_shown, np.array(by_type, np.uint64)[chosen], np.uint64(0))
    _mark_names(found, products, shows["product_id"].to_numpy()[at >= 0], at[at >= 0])
    return Attributes(found, chosen, genders, type_sets)


def _mark(bits: Bits, rows: pa.Table, among: tuple[str, ...]) -> None:
    """Set the bit of each row's label."""
    label = pc.fill_null(pc.index_in(rows["label"], pa.array(among)), -1).to_numpy()
    at = rows["at"].to_numpy()
    is_known = label >= 0
    np.bitwise_or.at(bits, at[is_known], np.left_shift(np.uint64(1), label[is_known].astype(np.uint64)))


def _types(kinds: list[tuple[Ints, pa.ChunkedArray]], count: int) -> tuple[npt.NDArray[np.int32], tuple[Names, ...]]:
    """Return which set of article types each image is of."""
    at = np.concatenate([places for places, _ in kinds])
    said = pa.chunked_array([chunk for _, names in kinds for chunk in names.chunks], pa.string())
    names = sorted(pc.unique(said).to_pylist())
    code = np.asarray(pc.index_in(said, pa.array(names, pa.string())).to_numpy(), np.int64)
    pairs = np.unique(np.stack([at, code], axis=1), axis=0)
    chosen = np.zeros(count, np.int32)
    chosen[pairs[:, 0]] = pairs[:, 1] + 1
    sets = [frozenset[str](), *(frozenset({name}) for name in names)]
    for image, codes in _several(pairs):
        together = frozenset(names[one] for one in codes)
        if together not in sets:
            sets.append(together)
        chosen[image] = sets.index(together)
    return chosen, tuple(sets)


def _several(pairs: Ints) -> Iterator[tuple[int, list[int]]]:
    """Yield the images that have several codes, with them."""
    images, starts, counts = np.unique(pairs[:, 0], return_index=True, return_counts=True)
    for image, start, count in zip(images[counts > 1], starts[counts > 1], counts[counts > 1], strict=True):
        yield int(image), pairs[start : start + count, 1].tolist()


def _mark_names(bits: Bits, products: Snapshot, numbers: Ints, at: Ints) -> None:
    """Set the bits of the labels that stand in the names of the products that images show; numbers ascend."""
    for rows in together(products, ["product_id", "display_name"]):
        hits = rows.filter(pc.fill_null(pc.match_substring_regex(rows["display_name"], _HINT, ignore_case=True), False))
        for number, name in zip(*(column.to_pylist() for column in hits.columns), strict=True):
            first, last = np.searchsorted(numbers, [number, number + 1])
            if meant := bits_of(named_in(name)):
                bits[at[first:last]] |= np.uint64(meant)


def named_in(name: str) -> Names:
    """Return the match labels that are words of a product's name, less the punctuation around them."""
    words = (word.strip(string.punctuation) for word in name.lower().split())
    return frozenset(_WORDS[word] for word in words if word in _WORDS)
