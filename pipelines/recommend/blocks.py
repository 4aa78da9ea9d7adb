"""Blocks: which candidates a piece may have, decided between kinds of pieces and never between pairs of them.

A kind is all pieces of the same labels, article types and genders. There are hundreds in a catalogue of any size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipelines.ingest.inbox.labelled_samples import CLASS_LIST_21
from pipelines.ingest.products import GENDERS
from pipelines.recommend.attributes import Attributes, Bits, Names, bits_of, names_of
from pipelines.recommend.complements import FALLBACK
from pipelines.recommend.kernels import Ranges
from pipelines.recommend.pieces import Mask
from pipelines.recommend.scoring import Small
from pipelines.recommend.seeds import Pairs

_UNISEX = bits_of(("Unisex",), GENDERS)
_CLASSES = bits_of(CLASS_LIST_21)


@dataclass(frozen=True)
class Kinds:
    """The kinds there are, in order; `of` (n,) says which one each piece is."""

    of: Small
    labels: Bits
    types: Small
    genders: Bits
    type_sets: tuple[Names, ...]

    def __len__(self) -> int:
        return len(self.labels)


def kinds(attributes: Attributes) -> Kinds:
    """Return the kinds of pieces."""
    told = np.stack([attributes.labels, attributes.types.astype(np.uint64), attributes.genders], axis=1)
    order = np.lexsort(told.T[::-1])
    is_first = np.append(True, (told[order[1:]] != told[order[:-1]]).any(axis=1))[: len(order)]
    of = np.empty(len(order), np.int32)
    of[order] = np.cumsum(is_first) - 1
    labels, types, genders = told[order[is_first]].T
    return Kinds(of, labels.copy(), types.astype(np.int32), genders.copy(), attributes.type_sets)


@dataclass(frozen=True)
class Rule:
    """What decides whether a kind may be recommended to a kind.

    A kind with a `wanted` label asks for candidates that have one of these; another for those of one of the `types`
    that it wants (kinds, article types), and of its gender where that counts. Where nothing is wanted there is none.
    """

    kinds: Kinds
    wanted: Bits
    type_names: tuple[str, ...]
    types: Mask
    by_types: str  # what such a block is called
    by_gender: bool
    _of_type: Mask = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sets = _members(self.kinds.type_sets, self.type_names)
        object.__setattr__(self, "_of_type", sets[self.kinds.types])

    @property
    def is_blocked(self) -> Mask:
        """Which kinds have anything to be compared by."""
        return (self.wanted > 0) | self.types.any(axis=1)

    def allowed(self, kind: int) -> Mask:
        """Return which kinds may be recommended to one."""
        if self.wanted[kind]:
            return np.asarray((self.kinds.labels & self.wanted[kind]) > 0)
        fits = (self._of_type & self.types[kind]).any(axis=1)
        gender = self.kinds.genders[kind]
        if self.by_gender and gender:
            fits &= (self.kinds.genders & (gender | np.uint64(_UNISEX))) > 0
        return np.asarray(fits)

    def block(self, kind: int) -> str:
        return "labels" if self.wanted[kind] else self.by_types

    def why(self, kind: int, other: int) -> list[str]:
        """Return the labels, or article types, by which one kind may be recommended to another; sorted."""
        if self.wanted[kind]:
            return names_of(int(self.wanted[kind] & self.kinds.labels[other]))
        common = self._of_type[other] & self.types[kind]
        return [self.type_names[place] for place in np.flatnonzero(common)]


def resembling(kinds: Kinds, aliases: Pairs) -> Rule:
    """Return the rule for what resembles: a label in common, or an article type where a piece has no label."""
    wanted = kinds.labels.copy()
    for label, alias in aliases:
        wanted[_has(kinds.labels, label)] |= np.uint64(bits_of((alias,)))
    names = _type_names(kinds)
    return Rule(kinds, wanted, names, _members(kinds.type_sets, names)[kinds.types], "article_type", by_gender=False)


def completing(kinds: Kinds, complements: Pairs, outfits: Pairs) -> Rule:
    """Return the rule for what goes with a piece: by its classes, or by its article types where it is of none."""
    wanted = np.zeros(len(kinds), np.uint64)
    for label, allowed in complements:
        wanted[_has(kinds.labels, label)] |= np.uint64(bits_of((allowed,)))
    is_piece = (kinds.labels & np.uint64(_CLASSES)) > 0
    wanted[is_piece & (wanted == 0)] = bits_of(FALLBACK)
    wanted[~is_piece] = 0
    goes = _grouped(outfits)
    sets = [frozenset[str]().union(*(goes.get(name, ()) for name in held)) for held in kinds.type_sets]
    names = _type_names(kinds)
    return Rule(kinds, wanted, names, _members(sets, names)[kinds.types], "outfit", by_gender=True)


def _has(labels: Bits, label: str) -> Mask:
    return np.asarray((labels & np.uint64(bits_of((label,)))) > 0)


def _grouped(pairs: Pairs) -> Mapping[str, set[str]]:
    groups: dict[str, set[str]] = {}
    for left, right in pairs:
        groups.setdefault(left, set()).add(right)
    return groups


def _type_names(kinds: Kinds) -> tuple[str, ...]:
    return tuple(sorted(frozenset().union(*kinds.type_sets)))


def _members(sets: Iterable[Iterable[str]], names: tuple[str, ...]) -> Mask:
    """Return (sets, names): which names are in which set."""
    places = {name: place for place, name in enumerate(names)}
    found = np.zeros((len(sets := list(sets)), len(names)), np.bool_)
    for row, held in enumerate(sets):
        for name in held:
            if name in places:
                found[row, places[name]] = True
    return found


def ranges(rule: Rule, asked: npt.NDArray[np.int32], starts: npt.NDArray[np.int64]) -> Ranges:
    """Return where the candidates of the kinds that ask lie; kind c's own lie from `starts[c]` to `starts[c + 1]`."""
    spans, counts = [np.empty((0, 2), np.int64)], np.zeros(len(rule.kinds), np.int64)
    is_there = starts[1:] > starts[:-1]
    there = np.flatnonzero(is_there)
    for kind in asked:
        steps = np.diff(np.concatenate([[False], rule.allowed(kind)[there], [False]]).astype(np.int8))
        first, last = there[np.flatnonzero(steps == 1)], there[np.flatnonzero(steps == -1) - 1]
        spans.append(np.stack([starts[first], starts[last + 1]], axis=1))
        counts[kind] = len(first)
    return Ranges(np.concatenate([[0], np.cumsum(counts)]), np.concatenate(spans))
