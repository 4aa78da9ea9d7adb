"""Footwear: shoes from the side, toe to the right, and sandals from above."""

from __future__ import annotations

from pipelines.ingest.sample.drawing import RGB, Easel, ink, mix, rounded, smooth
from pipelines.ingest.sample.look import AXIS, Look, cloth, cloths, seam

_LEATHER: RGB = (150, 106, 66)
_SOLE: RGB = (216, 213, 206)  # off-white, so that it is told from the ground


def draw_sneaker(easel: Easel, look: Look) -> None:
    """Draw a casual shoe: flat rubber sole, laces."""
    easel.shadow(30, 59.5, 27, 2.4)
    upper = [
        (5, 55), (4, 40), (7, 25), (7, 25), (14, 28.5), (21, 25), (21, 25), (31, 35), (44, 41), (55, 47), (57.5, 55),
    ]  # fmt: skip
    cloth(easel, look, smooth(upper))
    easel.fill(
        smooth([(8, 26.5), (14, 29.5), (20.5, 26), (17, 32.5), (11, 32.5)]), ink(look.body, 0.5), named=look.body
    )
    easel.cloth(smooth([(47, 44.5), (55, 47.5), (57.5, 53), (46, 54)]), look.accent)
    easel.cloth(rounded(3, 53.5, 58, 60, 2.5), _SOLE)
    easel.line([(3.4, 57), (57.6, 57)], 1.1, look.accent)
    for x in (22.5, 27, 31.5, 36):
        easel.line([(x, 30.5 + (x - 22) * 0.6), (x - 4.2, 36.5 + (x - 22) * 0.45)], 1.5, _SOLE)
    seam(easel, look, [(6, 44), (14, 43), (19, 52)], 0.8, 0.35)


def draw_trainer(easel: Easel, look: Look) -> None:
    """Draw a sports shoe: waved thick sole, a flash along the side."""
    easel.shadow(30, 60.5, 27, 2.4)
    upper = [(6, 55), (4, 40), (8, 24), (8, 24), (14, 28), (22, 24), (22, 24), (31, 34), (43, 40), (56, 46), (58, 56)]
    cloth(easel, look, smooth(upper))
    easel.fill(smooth([(9, 26), (14, 29.5), (21, 25.5), (17, 32), (11, 32)]), ink(look.body, 0.5), named=look.body)
    easel.cloth(rounded(3.5, 55, 57.5, 61.5, 3), look.accent)
    sole = [
        (2.5, 50), (4, 52.5), (14, 55), (28, 52.5), (44, 55), (58, 52), (59.5, 50.5), (60, 57.5), (56, 59.5),
        (30, 58), (8, 60), (1.5, 58),
    ]  # fmt: skip
    easel.cloth(smooth(sole), _SOLE)
    easel.cloth(smooth([(13, 49), (22, 48.5), (40, 41.5), (28, 39.5), (24, 43.5)]), look.accent)
    for x in (24, 28.5, 33):
        easel.line([(x, 32 + (x - 24) * 0.58), (x - 3.4, 36.5 + (x - 24) * 0.5)], 1.4, _SOLE)


def draw_formal_shoe(easel: Easel, look: Look) -> None:
    """Draw a laced leather shoe with a low heel."""
    easel.shadow(30, 59, 27, 2.2)
    sole = mix(_LEATHER, look.accent, 0.15)
    easel.cloth(rounded(4, 54, 59.5, 57, 1.4), sole)
    easel.cloth(rounded(4, 54, 20, 60.5, 1), sole)
    upper = [
        (5, 55), (4.5, 42), (7, 31), (7, 31), (15, 34), (23, 31), (23, 31), (32, 40), (46, 45), (58, 51),
        (59, 55.5),
    ]  # fmt: skip
    cloth(easel, look, smooth(upper))
    easel.fill(smooth([(8, 32.5), (15, 35), (22, 32), (17, 37), (11, 37)]), ink(look.body, 0.6), named=look.body)
    seam(easel, look, [(41, 43.5), (43, 49), (40, 55)], 0.9, 0.4)
    seam(easel, look, [(17, 37), (21, 46), (32, 46), (35, 42)], 0.9, 0.4)
    for x in (24, 28):
        easel.line([(x, 34.5 + (x - 24)), (x - 3, 38.5 + (x - 24) * 0.9)], 1.2, sole)
    easel.line([(46, 47), (53, 50)], 1.1, mix(look.body, (255, 255, 255), 0.35), named=look.body)


def draw_heel(easel: Easel, look: Look) -> None:
    """Draw a court shoe on a stiletto heel."""
    easel.shadow(44, 65, 14, 1.2, 0.12)
    easel.cloth(smooth([(6, 38), (13.5, 40), (11, 52), (10.2, 64.5), (8, 64.5), (7.5, 52)], 1), look.accent)
    outsole = [(10, 42), (20, 48), (34, 59), (46, 64), (57, 65), (58, 63), (46, 60), (30, 50)]
    easel.cloth(smooth(outsole), look.accent)
    inside = smooth([(6, 22), (14, 28), (28, 40), (42, 48), (38, 54), (24, 46), (12, 37)])
    easel.fill(inside, ink(look.body, 0.5), named=look.body)
    upper = [
        (5, 41), (4, 28), (5.5, 21), (5.5, 21), (11, 30), (22, 38.5), (33, 46), (41, 46.5), (50, 52), (59.5, 60.5),
        (58.5, 63.8), (46, 63), (34, 58), (20, 47.5), (12, 43),
    ]  # fmt: skip
    cloth(easel, look, smooth(upper))
    easel.line([(44, 51), (52, 57)], 1.2, mix(look.body, (255, 255, 255), 0.4), named=look.body)


def draw_sandal(easel: Easel, look: Look) -> None:
    """Draw a pair of strapped sandals from above."""
    sole = [
        (40, 8), (46, 9), (52, 18), (52, 32), (48, 46), (50, 60), (47, 71), (40, 73), (34, 70), (33, 58),
        (35, 44), (33, 26), (34, 14),
    ]  # fmt: skip
    for mirror in (False, True):
        shape = smooth([(60 - x, y) for x, y in sole] if mirror else sole)
        easel.cloth(shape, mix(look.accent, (150, 112, 76), 0.6))
    for strap in (
        [(32, 20), (42, 14), (53.5, 21), (53.5, 29), (42, 22), (32, 28)],
        [(32, 33), (42, 28), (53, 35), (52, 42), (42, 36), (33, 41)],
        [(32.5, 50), (41, 46), (50.5, 51), (50.5, 57), (41, 53), (32.5, 57)],
        [(38.5, 18), (45.5, 18), (45.5, 54), (38.5, 54)],
        [
            (31.8, 60),
            (36, 66),
            (41, 68),
            (47, 66),
            (51.5, 60),
            (51.5, 66),
            (46, 73),
            (41, 75),
            (35, 73),
            (31.8, 66),
        ],
    ):
        cloths(easel, look, smooth(strap, 1))


def draw_flip_flop(easel: Easel, look: Look) -> None:
    """Draw a pair of flip-flops from above: soles in the main colour, a forked strap in the second."""
    sole = [
        (42, 6), (48, 8), (53, 18), (53, 32), (49.5, 46), (51, 60), (48, 71), (42, 73.5), (36, 71), (33.5, 60),
        (35, 44), (33, 26), (35, 12),
    ]  # fmt: skip
    cloths(easel, look, smooth(sole))
    for side in (1, -1):
        toe = (AXIS + side * 11.5, 20.0)
        for end in ((AXIS + side * 4, 43.0), (AXIS + side * 20.5, 43.0)):
            middle = ((toe[0] + end[0]) / 2 + (end[0] - toe[0]) * 0.22, 28.0)
            easel.line([toe, middle, end], 3.0, look.accent)
