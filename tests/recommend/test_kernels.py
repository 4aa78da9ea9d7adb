"""The search: exact, whatever the colours, the blocks and the order in which candidates come."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from by_definition import Piece, complementary, similar, similar_score, weights
from hypothesis import given, settings
from hypothesis import strategies as st
from wardrobe_lake import SEEDS, image

from pipelines.palette.tones import BANNED, distinctness
from pipelines.recommend import blocks, complements, label_aliases, outfits, ranking, remembered
from pipelines.recommend.attributes import Attributes, bits_of
from pipelines.recommend.kernels import Best, Excluded
from pipelines.recommend.pieces import Palettes, Pieces
from pipelines.recommend.ranking import Complementary, Similar
from pipelines.recommend.scoring import swatch_weights
from pipelines.recommend.update import best_of
from pipelines.recommend.vectors import _HALVED, ESTIMATE

S = ((200, 50, 50), (250, 250, 250), (30, 30, 30))
CANDIDATES = {
    "A": ((205, 55, 45), (128, 128, 128), (10, 10, 10)),
    "B": ((128, 128, 128), (252, 252, 252), (28, 28, 28)),
    "C": ((40, 60, 200), (250, 250, 250), (30, 30, 30)),
}
SCORES = {"A": 27.205237, "B": 103.700369, "C": 134.679685}
DISTANCES = {
    (108, 100, 95): 9.433981,
    (239, 237, 236): 30.099834,
    (182, 174, 170): 11.832160,
    (255, 0, 0): 181.903821,
    (33, 107, 235): 144.786049,
    (0, 128, 0): 104.613575,
    (0, 0, 0): 1.0,
    (255, 255, 255): 1.0,
}
TYPES = ("Jeans", "Shirts", "Watches")


def test_no_root_there_is_is_estimated_worse_than_said() -> None:
    """Of every squared distance of two colours: this is what makes passing over candidates safe."""
    squares = np.arange(1, 3 * 255**2 + 1, dtype=np.float32)
    estimated = ((squares.view(np.int32) >> 1) + _HALVED).astype(np.int32).view(np.float32).astype(np.float64)
    assert (np.abs(estimated / np.sqrt(squares.astype(np.float64)) - 1) < ESTIMATE).all()
    assert 0 <= np.array([_HALVED], np.int32).view(np.float32)[0] < 1e-12  # the root of 0


def test_weights_are_by_the_distance_to_skin_and_neutral_tones() -> None:
    colours = np.array([list(DISTANCES)], np.int16)
    np.testing.assert_allclose(distinctness(colours[0].astype(np.int64)), list(DISTANCES.values()), atol=1e-6)
    found = swatch_weights(colours, np.array([len(DISTANCES)], np.int8), BANNED.astype(np.int16))
    np.testing.assert_allclose(found[0], np.array(list(DISTANCES.values())) / sum(DISTANCES.values()), atol=1e-8)
    np.testing.assert_allclose(weights(S), [0.781491, 0.072836, 0.145673], atol=5e-7)


def pieces_of(pieces: list[Piece]) -> Pieces:
    """Return pieces as arrays; they come in the order of their ids."""
    size = max(len(piece.palette) for piece in pieces)
    colours = np.array([piece.palette + piece.palette[:1] * (size - len(piece.palette)) for piece in pieces], np.uint8)
    counts = np.array([len(piece.palette) for piece in pieces], np.int8)
    dominant = np.array([int(np.argmax(weights(piece.palette))) for piece in pieces], np.int8)
    sets = list(dict.fromkeys([frozenset[str](), *(piece.types for piece in pieces)]))
    genders = ("Men", "Women", "Unisex", "Boys", "Girls")
    said = Attributes(
        np.array([bits_of(piece.labels) for piece in pieces], np.uint64),
        np.array([sets.index(piece.types) for piece in pieces], np.int32),
        np.array([bits_of(piece.genders, genders) for piece in pieces], np.uint64),
        tuple(sets),
    )
    place = {piece.image_id: at for at, piece in enumerate(pieces)}
    others = [sorted(place[each] for each in piece.excluded if each in place) for piece in pieces]
    ends = np.concatenate([[0], np.cumsum([len(each) for each in others])])
    excluded = Excluded(ends, np.array([at for each in others for at in each], np.int32))
    shares = np.ones((len(pieces), size), np.float32)
    is_candidate = np.array([piece.is_candidate for piece in pieces], np.bool_)
    ids = pa.array([piece.image_id for piece in pieces])
    return Pieces(ids, Palettes(colours, counts, shares, dominant), said, is_candidate, excluded)


def rules(held: Pieces) -> list[tuple[ranking.Method, blocks.Rule]]:
    kinds = blocks.kinds(held.attributes)
    return [
        (Similar(), blocks.resembling(kinds, label_aliases.SEED.pairs)),
        (Complementary(), blocks.completing(kinds, complements.SEED.pairs, outfits.SEED.pairs)),
    ]


def listed(held: Pieces, best: Best) -> list[tuple[str, str, float]]:
    ids = held.ids.to_pylist()
    return [
        (ids[source], ids[rec], score)
        for source, (recs, scores) in enumerate(zip(best.pieces.tolist(), best.scores.tolist(), strict=True))
        for rec, score in zip(recs, scores, strict=True)
        if rec >= 0
    ]


def test_similar_pieces_in_their_order() -> None:
    given = {name: Piece(image(name), colours, frozenset({"Tee"})) for name, colours in {"S": S, **CANDIDATES}.items()}
    ordered = sorted(given.values(), key=lambda piece: piece.image_id)
    held = pieces_of(ordered)
    method, rule = rules(held)[0]
    found = {(source, rec): score for source, rec, score in listed(held, fresh(held, method, rule))}
    names = {piece.image_id: name for name, piece in given.items()}
    mine = {names[rec]: score for (source, rec), score in found.items() if names[source] == "S"}
    assert sorted(mine, key=lambda name: mine[name]) == ["A", "B", "C"]
    assert mine == pytest.approx(SCORES, abs=5e-7)
    assert mine == {name: similar_score(given["S"], given[name]) for name in "ABC"}  # to the last digit


def fresh(held: Pieces, method: ranking.Method, rule: blocks.Rule) -> Best:
    return best_of(method, held, rule, remembered.come(None, remembered.now(held)))


def drawn(chance: np.random.Generator, name: str, crowd: int = 40) -> Piece:
    """A piece of few colours, so that many are equally far."""
    steps = [0, 10, 20, 128, 250, 255]
    count = int(chance.integers(1, 6))
    palette = tuple(tuple(int(steps[i]) for i in chance.integers(0, len(steps), 3)) for _ in range(count))
    pool = ["Tee", "Jeans", "Striped", "Shirt", "Chino", "Jacket", "Polka"]
    labels = frozenset(label for label in pool if chance.random() < 0.2)
    types = frozenset(kind for kind in TYPES if chance.random() < 0.4)
    genders = frozenset([str(chance.choice(["Men", "Women", "Unisex"]))] if chance.random() < 0.8 else [])
    others = frozenset(image(int(i)) for i in chance.integers(0, crowd, 3)) if chance.random() < 0.3 else frozenset()
    return Piece(image(name), palette, labels, types, genders, bool(chance.random() < 0.8), others - {image(name)})


def crowd(seed: int, count: int) -> list[Piece]:
    chance = np.random.default_rng(seed)
    return sorted((drawn(chance, str(i), count) for i in range(count)), key=lambda piece: piece.image_id)


def defined(pieces: list[Piece]) -> list[list[tuple[str, str, float]]]:
    both = (similar(pieces, SEEDS), complementary(pieces, SEEDS))
    return [[(row["source_id"], row["rec_id"], row["score"]) for row in rows] for rows in both]  # type: ignore[misc]


def scored(held: Pieces, method: ranking.Method, best: Best) -> list[tuple[str, str, float]]:
    is_squared = isinstance(method, Complementary)
    return [(one, other, math.sqrt(score) if is_squared else score) for one, other, score in listed(held, best)]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_the_best_are_those_by_definition(seed: int, count: int) -> None:
    pieces = crowd(seed, count)
    held = pieces_of(pieces)
    for (method, rule), expected in zip(rules(held), defined(pieces), strict=True):
        assert scored(held, method, fresh(held, method, rule)) == expected


def test_of_a_crowd_of_equals_the_lowest_ids_are_kept() -> None:
    one = Piece("", ((200, 40, 50), (10, 10, 10)), frozenset({"Tee", "Jeans"}))
    ids = sorted(image(i) for i in range(1000))
    held = pieces_of([Piece(image_id, one.palette, one.labels) for image_id in ids])
    for method, rule in rules(held):
        best = fresh(held, method, rule)
        assert best.pieces[500].tolist() == list(range(10))
        assert best.pieces[3].tolist() == [0, 1, 2, *range(4, 11)]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 5))
def test_the_best_do_not_depend_on_the_nights_they_came_in(seed: int, nights: int) -> None:
    """Whatever comes, leaves, is painted or labelled anew, shared or hidden: the answer is that of a first night."""
    chance = np.random.default_rng(seed)
    here: dict[str, Piece] = {}
    known: list[remembered.Remembered | None] = [None, None]
    rows: list[dict[str, list[tuple[str, float]]]] = [{}, {}]
    for _ in range(nights):
        for i in np.flatnonzero(chance.random(40) < chance.random() ** 2):
            here[image(int(i))] = drawn(chance, str(i))
        for i in np.flatnonzero(chance.random(40) < chance.random() ** 4):
            here.pop(image(int(i)), None)
        if not here:
            continue
        held = pieces_of([here[image_id] for image_id in sorted(here)])
        for place, (method, rule) in enumerate(rules(held)):
            now = remembered.now(held)
            come = remembered.come(known[place], now)
            best = best_of(method, held, rule, come)
            anew = fresh(held, method, rule)
            assert listed(held, best) == listed(held, anew)
            is_changed = come.anew | (best.pieces != come.best).any(axis=1)
            _keep(rows[place], held, best, is_changed)
            known[place] = remembered.now(held, best)


def _keep(rows: dict[str, list[tuple[str, float]]], held: Pieces, best: Best, is_changed: np.ndarray) -> None:
    """Write what changed, and see that the rest is what was written before."""
    ids = held.ids.to_pylist()
    of = {image_id: [] for image_id in ids}
    for source, rec, score in listed(held, best):
        of[source].append((rec, score))
    for image_id, changed in zip(ids, is_changed.tolist(), strict=True):
        if changed:
            rows[image_id] = of[image_id]
        assert rows[image_id] == of[image_id]
