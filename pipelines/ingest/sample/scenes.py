"""Scenes: 32x32 pictures of CIFAR-10's ten classes, drawn in many colours, as a mosaic needs them."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

import numpy as np
from numpy.typing import NDArray

from pipelines.ingest.sample.colours import NAMED, vary
from pipelines.ingest.sample.drawing import RGB, Easel, Pose, box, ellipse, ink, mix, rounded, smooth

SIDE = 32  # pixels
_SKIES = (
    (150, 196, 236),
    (196, 222, 240),
    (110, 150, 210),
    (240, 190, 140),
    (70, 80, 130),
    (214, 160, 170),
    (232, 236, 240),
)
_GROUNDS = (
    (92, 142, 70),
    (126, 116, 78),
    (150, 150, 150),
    (196, 178, 136),
    (66, 100, 60),
    (70, 72, 80),
    (224, 226, 230),
)
_COATS = ((134, 88, 50), (196, 150, 94), (60, 52, 48), (120, 118, 116), (224, 210, 190), (170, 92, 48))
_DARK, _GLASS, _TYRE = (30, 30, 34), (150, 190, 214), (34, 34, 38)
_PAINTS = (
    "Red",
    "Blue",
    "Yellow",
    "White",
    "Black",
    "Green",
    "Orange",
    "Silver",
    "Teal",
    "Maroon",
    "Purple",
    "Pink",
)


def draw_scene(label: int, rng: Random) -> NDArray[np.uint8]:
    """Return a picture of the class `label`, (32, 32, 3)."""
    easel = Easel(SIDE, SIDE, vary(rng, rng.choice(_SKIES)))
    if DRAWINGS[label] is not _airplane:
        horizon = rng.uniform(17, 25)
        easel.fill(
            box(0, horizon, SIDE, SIDE),
            vary(rng, rng.choice(_WATERS if DRAWINGS[label] is _ship else _GROUNDS)),
        )
    easel.pose = Pose(
        scale_x=rng.uniform(0.85, 1.1),
        scale_y=rng.uniform(0.85, 1.1),
        turn=math.radians(rng.gauss(0, 4)),
        shift_x=rng.uniform(-2, 2),
        shift_y=rng.uniform(-2, 2),
        flip=rng.random() < 0.5,
    )
    DRAWINGS[label](easel, rng)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    light = 1 + rng.uniform(-0.16, 0.16) * (x - 0.5) + rng.uniform(-0.2, 0.05) * (y - 0.5)
    easel.pixels *= (light * rng.uniform(0.8, 1.08))[..., None]
    return easel.picture()


_WATERS: tuple[RGB, ...] = ((40, 88, 130), (60, 120, 140), (30, 60, 96), (90, 140, 160))


def _airplane(easel: Easel, rng: Random) -> None:
    body, wing = (
        _painted(rng, "White", "Silver", "Yellow", "Blue", "Red"),
        _painted(rng, "Grey", "Silver", "Red", "Navy Blue"),
    )
    for _ in range(rng.randrange(3)):
        easel.fill(ellipse(rng.uniform(2, 30), rng.uniform(3, 29), 6, 2), (240, 243, 248))
    easel.fill(smooth([(12, 14), (16, 14), (11, 4), (8, 4)], 1), mix(wing, _DARK, 0.2))
    easel.cloth(smooth([(2, 15), (5, 12), (25, 12), (31, 15), (28, 18), (6, 18)]), body)
    easel.fill(smooth([(2, 14), (6, 13.5), (5, 6), (2, 6)], 1), wing)
    easel.fill(smooth([(12, 15), (18, 15), (11, 27), (7, 27)], 1), wing)
    for x in (10, 14, 18, 22):
        easel.fill(ellipse(x, 14, 0.8, 0.8, 8), _GLASS)
    easel.fill(smooth([(26, 13), (29, 14.5), (26, 15)], 1), _DARK)


def _automobile(easel: Easel, rng: Random) -> None:
    body = _painted(rng)
    easel.shadow(16, 26, 14, 1.6, 0.4)
    easel.cloth(smooth([(7, 18), (11, 10), (21, 10), (26, 18)], 1), body)
    easel.fill(smooth([(9.5, 17), (12, 11.5), (15.5, 11.5), (15.5, 17)], 1), _GLASS)
    easel.fill(smooth([(17, 17), (17, 11.5), (20.5, 11.5), (24, 17)], 1), _GLASS)
    easel.cloth(rounded(1.5, 16, 30.5, 24, 3), body)
    easel.fill(ellipse(29.5, 19, 1, 1.2, 8), (250, 240, 190))
    _wheels(easel, (8, 24), 24, 3.6)


def _truck(easel: Easel, rng: Random) -> None:
    cab, load = _painted(rng), _painted(rng)
    easel.shadow(16, 27, 15, 1.6, 0.4)
    easel.cloth(box(1, 7, 20, 22), load)
    easel.line([(1, 11), (20, 11)], 1.2, ink(load, 0.3))
    easel.cloth(smooth([(21, 12), (21, 12), (27, 12), (30.5, 17), (31, 23), (31, 23), (21, 23)], 1), cab)
    easel.fill(smooth([(23.5, 13.5), (27, 13.5), (29, 17.5), (23.5, 17.5)], 1), _GLASS)
    easel.fill(box(1, 22, 31, 24), _DARK)
    _wheels(easel, (6, 13, 26), 25, 3.0)


def _wheels(easel: Easel, places: tuple[int, ...], y: float, radius: float) -> None:
    for x in places:
        easel.fill(ellipse(x, y, radius, radius, 16), _TYRE)
        easel.fill(ellipse(x, y, radius * 0.45, radius * 0.45, 10), (190, 192, 196))


def _ship(easel: Easel, rng: Random) -> None:
    hull, house = _painted(rng), _painted(rng, "White", "Cream", "Grey")
    easel.cloth(box(9, 11, 22, 18), house)
    easel.cloth(box(12, 7, 19, 11.5), house)
    easel.fill(box(14, 2, 17, 7), _painted(rng))
    for x in (11, 14, 17, 20):
        easel.fill(box(x - 0.8, 13, x + 0.8, 15), _DARK)
    easel.cloth(smooth([(1, 17), (1, 17), (31, 17), (31, 17), (27, 25), (5, 25)], 1), hull)
    easel.line([(1.5, 19), (30, 19)], 1.0, mix(hull, (255, 255, 255), 0.6))
    easel.line([(0, 25.5), (8, 24.8), (16, 25.8), (24, 24.8), (32, 25.5)], 1.2, (214, 228, 236))


def _bird(easel: Easel, rng: Random) -> None:
    body, wing = _painted(rng), _painted(rng)
    easel.line([(6, 28), (26, 27)], 1.6, (96, 70, 46))
    for x in (14, 17):
        easel.line([(x, 22), (x + 0.5, 27.5)], 0.9, (210, 140, 50))
    easel.fill(smooth([(9, 16), (1, 20), (2, 24), (10, 21)], 1), wing)
    easel.cloth(ellipse(15, 17.5, 7.5, 6), body)
    easel.cloth(ellipse(21.5, 10.5, 4.6, 4.4), body)
    easel.cloth(smooth([(18, 14), (10, 14), (6, 20), (13, 20)]), wing)
    easel.fill(np.array([(25.5, 9.5), (30.5, 11), (25.5, 12.5)]), (236, 160, 40))
    easel.fill(ellipse(22.6, 9.6, 0.9, 0.9, 8), _DARK)


def _cat(easel: Easel, rng: Random) -> None:
    coat = vary(rng, rng.choice(_COATS))
    easel.line([(23, 27), (29, 24), (28, 17)], 2.2, coat)
    easel.cloth(smooth([(8, 30), (9, 20), (16, 16), (23, 20), (24, 30)]), coat)
    for side in (-1, 1):
        easel.fill(np.array([(16 + side * 7.5, 10.0), (16 + side * 7, 1.5), (16 + side * 2, 6)]), coat)
        easel.fill(np.array([(16 + side * 6.4, 8.0), (16 + side * 6.2, 3.8), (16 + side * 3.6, 6)]), (226, 160, 160))
    easel.cloth(ellipse(16, 11.5, 8, 7.2), coat)
    for side in (-1, 1):
        easel.fill(ellipse(16 + side * 3.4, 10.8, 1.6, 1.5, 12), (180, 210, 90))
        easel.fill(ellipse(16 + side * 3.4, 10.8, 0.6, 1.3, 8), _DARK)
        easel.line([(16 + side * 2, 15), (16 + side * 9, 14 + side)], 0.5, (240, 240, 240))
    easel.fill(ellipse(16, 13.9, 1.1, 0.8, 8), (214, 110, 120))


def _dog(easel: Easel, rng: Random) -> None:
    coat = vary(rng, rng.choice(_COATS))
    muzzle = mix(coat, (255, 255, 255), 0.55)
    easel.cloth(smooth([(8, 31), (9, 21), (16, 17), (23, 21), (24, 31)]), coat)
    easel.fill(smooth([(13, 19), (16, 21), (19, 19), (18, 29), (14, 29)]), muzzle)
    easel.cloth(ellipse(16, 11.5, 7.2, 7.8), coat)
    for side in (-1, 1):
        easel.cloth(ellipse(16 + side * 7.6, 12, 2.6, 6.2), mix(coat, (0, 0, 0), 0.35))
        easel.fill(ellipse(16 + side * 3, 9.6, 1.1, 1.1, 10), _DARK)
    easel.fill(ellipse(16, 15, 4, 3.6), muzzle)
    easel.fill(ellipse(16, 13.4, 1.7, 1.2, 10), _DARK)
    easel.fill(ellipse(16, 18.4, 1.2, 1.8, 10), (222, 100, 110))


def _deer(easel: Easel, rng: Random) -> None:
    coat = vary(rng, rng.choice(_COATS[:2] + _COATS[5:]))
    _legs(easel, coat, (8, 11, 18, 21), 20, 30.5, 1.5)
    easel.cloth(ellipse(14.5, 18, 8, 4.6), coat)
    easel.cloth(smooth([(18, 20), (22, 19), (25.5, 10), (22, 9)], 1), coat)
    easel.cloth(smooth([(21, 8), (25, 6.5), (30, 10), (29, 12), (23, 12)]), coat)
    for tip in (
        ((23, 7), (20.5, 4), (20, 0.5)),
        ((24.5, 6.5), (26, 3.5), (28.5, 1)),
        ((20.6, 4), (18, 2.5)),
        ((26, 3.5), (25, 0.8)),
    ):
        easel.line(tip, 1.0, mix(coat, (0, 0, 0), 0.4))
    for x, y in ((10, 16.5), (13, 15.5), (16, 17), (12.5, 18.5)):
        easel.fill(ellipse(x, y, 0.7, 0.7, 8), mix(coat, (255, 255, 255), 0.7))
    easel.fill(ellipse(25.5, 9, 0.7, 0.7, 8), _DARK)
    easel.fill(ellipse(6.5, 16.5, 1.2, 1.6, 8), (240, 236, 226))


def _horse(easel: Easel, rng: Random) -> None:
    coat = vary(rng, rng.choice(_COATS))
    mane = mix(coat, (0, 0, 0), 0.55)
    _legs(easel, coat, (7, 10, 18, 21), 20, 31, 2.1)
    easel.line([(5.5, 15), (2.5, 19), (3, 26)], 2.4, mane)
    easel.cloth(ellipse(14, 17.5, 9.2, 5.4), coat)
    easel.cloth(smooth([(17, 20), (23, 19), (27, 8), (22, 5), (19, 12)]), coat)
    easel.line([(22.5, 3.5), (19.5, 8), (17.5, 14)], 2.6, mane)
    easel.cloth(smooth([(21, 3), (24, 3.5), (31, 10.5), (29.5, 13.5), (23, 10)]), coat)
    easel.fill(ellipse(25.3, 6.8, 0.7, 0.7, 8), _DARK)


def _legs(easel: Easel, coat: RGB, places: tuple[int, ...], top: float, bottom: float, width: float) -> None:
    for x in places:
        easel.line([(x, top), (x, bottom)], width, mix(coat, (0, 0, 0), 0.2))


def _frog(easel: Easel, rng: Random) -> None:
    skin = vary(rng, NAMED[rng.choice(("Green", "Olive", "Teal", "Mustard", "Brown"))])
    for side in (-1, 1):
        easel.cloth(ellipse(16 + side * 10, 23, 5, 5), mix(skin, (0, 0, 0), 0.15))
        easel.line([(16 + side * 8, 27.5), (16 + side * 14.5, 28.5)], 2, skin)
    easel.cloth(ellipse(16, 21, 10, 8), skin)
    easel.fill(ellipse(16, 24.5, 7, 4), mix(skin, (255, 250, 210), 0.6))
    for side in (-1, 1):
        easel.cloth(ellipse(16 + side * 5.2, 11.8, 3.5, 3.5), skin)
        easel.fill(ellipse(16 + side * 5.2, 11.4, 2.2, 2.2), (246, 240, 200))
        easel.fill(ellipse(16 + side * 5.2, 11.4, 1.1, 1.4), _DARK)
    easel.line([(9.5, 18.5), (16, 21), (22.5, 18.5)], 0.9, mix(skin, (0, 0, 0), 0.5))


def _painted(rng: Random, *among: str) -> RGB:
    return vary(rng, NAMED[rng.choice(among or _PAINTS)])


DRAWINGS: tuple[Callable[[Easel, Random], None], ...] = (
    _airplane,
    _automobile,
    _bird,
    _cat,
    _deer,
    _dog,
    _frog,
    _horse,
    _ship,
    _truck,
)
