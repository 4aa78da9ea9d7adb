"""Accessories and care: what is carried, worn on wrist, head or eyes, or kept in a bottle."""

from __future__ import annotations

from pipelines.ingest.sample.drawing import RGB, Easel, box, ellipse, ink, mix, rounded, smooth, symmetric
from pipelines.ingest.sample.look import AXIS, Look, cloth, hollow, seam, seams

STEEL: RGB = (168, 172, 178)
GLASS: RGB = (222, 232, 238)


def draw_watch(easel: Easel, look: Look) -> None:
    """Draw a wrist watch: strap, case, dial with hands."""
    for top in (3, 48):
        easel.cloth(rounded(21.5, top, 38.5, top + 29, 1.8), look.body)
    for y in (62, 66, 70):
        seam(easel, look, [(29.4, y), (30.6, y)], 1.2, 0.5)
    easel.fill(box(43, 38, 46.5, 42), STEEL)
    easel.cloth(ellipse(AXIS, 40, 14.5, 14.5, 40), STEEL)
    easel.cloth(ellipse(AXIS, 40, 12, 12, 40), look.accent)
    marks = ink(look.accent, 0.75)
    for x, y in ((30, 30), (40, 40), (30, 50), (20, 40)):
        easel.fill(ellipse(x, y, 0.9, 0.9, 8), marks, named=look.accent)
    easel.line([(AXIS, 40), (AXIS, 32.5)], 1.2, marks, named=look.accent)
    easel.line([(AXIS, 40), (35.5, 43.5)], 1.2, marks, named=look.accent)


def draw_handbag(easel: Easel, look: Look) -> None:
    """Draw a handbag with an arched handle, a flap and a clasp."""
    easel.shadow(30, 70, 24, 2.5)
    easel.line([(17, 38), (17, 14), (30, 8), (43, 14), (43, 38)], 3.0, ink(look.body, 0.3), named=look.body)
    cloth(easel, look, smooth([(11, 34), (49, 34), (49, 34), (54, 68), (53, 70), (7, 70), (6, 68), (11, 34)]))
    flap = smooth([(10.5, 33), (49.5, 33), (50.5, 44), (40, 52), (20, 52), (9.5, 44)])
    easel.cloth(flap, look.body, look.print_alpha, look.accent)
    seam(easel, look, [(9.5, 43), (18, 51.5), (30, 52.5), (42, 51.5), (50.5, 43)], 1.0, 0.4)
    easel.cloth(box(26.5, 48, 33.5, 56), look.accent)
    easel.fill(ellipse(AXIS, 52, 1.3, 1.3, 12), ink(look.accent, 0.5), named=look.accent)


def draw_backpack(easel: Easel, look: Look) -> None:
    """Draw a backpack with a front pocket and zips."""
    easel.shadow(30, 74, 20, 2.5)
    easel.line([(25, 10), (26, 4), (34, 4), (35, 10)], 2.4, ink(look.body, 0.3), named=look.body)
    for left, right in ((8, 14), (46, 52)):
        easel.cloth(smooth([(left, 40), (right, 38), (right, 66), (left, 64)], 1), look.accent)
    body = [(AXIS, 7), (42, 9), (48, 22), (49, 50), (48, 72), (46, 74), (AXIS, 74.5)]
    cloth(easel, look, symmetric(body, AXIS))
    seam(easel, look, [(14.5, 34), (17, 20), (30, 15), (43, 20), (45.5, 34)], 1.2, 0.45)
    pocket = symmetric([(AXIS, 43), (42, 43), (44, 46), (44, 68), (42, 70), (AXIS, 70)], AXIS)
    easel.cloth(pocket, mix(look.body, (255, 255, 255), 0.08), named=look.body)
    easel.line([(18, 48.5), (42, 48.5)], 1.5, look.accent)
    easel.line([(41, 48.5), (41, 53)], 1.3, look.accent)


def draw_sunglasses(easel: Easel, look: Look) -> None:
    """Draw sunglasses from the front: dark graded lenses in a frame of the main colour."""
    lens = mix(look.accent, (30, 30, 36), 0.72)
    for side in (-1, 1):
        rim = [
            (30 + side * x, y) for x, y in ((2, 34), (8, 30), (24, 30), (28, 33), (27, 43), (21, 51), (11, 51), (4, 45))
        ]
        easel.cloth(smooth(rim), look.body)
        glass = [
            (30 + side * x, y)
            for x, y in (
                (6.5, 36.5),
                (10, 34.5),
                (21, 34.5),
                (23, 36),
                (22.5, 42),
                (18.5, 46),
                (12, 46),
                (8, 43),
            )
        ]
        easel.fill(smooth(glass), lens)
        easel.line([(30 + side * 12, 38), (30 + side * 17, 37)], 1.4, mix(lens, (255, 255, 255), 0.45), named=lens)
        easel.line([(30 + side * 26, 33), (30 + side * 29.3, 31), (30 + side * 28.6, 27)], 2.6, look.body)
    easel.line([(26, 35.5), (30, 33.5), (34, 35.5)], 2.8, look.body)


def draw_cap(easel: Easel, look: Look) -> None:
    """Draw a baseball cap from the side, peak to the right."""
    crown = [(7, 52), (7, 52), (8, 36), (17, 26), (28, 25), (38, 30), (43, 42), (43, 53), (43, 53), (24, 56)]
    cloth(easel, look, smooth(crown))
    seam(easel, look, [(25, 25), (28, 38), (27, 55)], 0.8, 0.35)
    seam(easel, look, [(25, 25), (15, 36), (13, 53)], 0.8, 0.3)
    easel.cloth(smooth([(27, 50.5), (43, 47), (54, 50), (58.5, 57), (52, 58), (42, 55.5), (27, 56.5)]), look.accent)
    easel.fill(ellipse(25, 25, 2.2, 1.3, 12), look.accent)
    easel.fill(ellipse(34.5, 41, 3.4, 3.4, 16), look.accent)


def draw_belt(easel: Easel, look: Look) -> None:
    """Draw a belt rolled up, buckle in front."""
    easel.cloth(ellipse(AXIS, 36, 24, 14, 44), look.body)
    easel.fill(ellipse(AXIS, 35.5, 20.5, 11, 40), easel.ground)
    hollow(easel, look, [(AXIS, 25), (44, 27), (50, 33), (48, 34), (40, 29), (AXIS, 28)])
    front = [
        (6, 35), (6, 35), (12, 44), (30, 49), (48, 44), (54, 35), (54, 35), (54, 46), (46, 56), (30, 60),
        (14, 56), (6, 46),
    ]  # fmt: skip
    easel.cloth(smooth(front), look.body)
    seam(easel, look, [(8, 46), (18, 55), (30, 57.5), (42, 55), (52, 46)], 0.6, 0.35)
    easel.cloth(rounded(23.5, 46, 37, 62.5, 2.5), STEEL)
    easel.cloth(rounded(26.3, 48.8, 34.2, 59.7, 1.5), look.body)
    easel.line([(30, 54.5), (37, 54.5)], 1.6, STEEL)


def draw_tie(easel: Easel, look: Look) -> None:
    """Draw a neck tie, knotted."""
    cloth(
        easel,
        look,
        smooth([(25.5, 14), (34.5, 14), (37.5, 58), (37.5, 58), (30, 71), (30, 71), (22.5, 58), (22.5, 58)], 1),
    )
    cloth(easel, look, smooth([(24, 5), (36, 5), (36, 5), (33.5, 15), (26.5, 15)], 1))
    seam(easel, look, [(26.5, 15), (30, 16), (33.5, 15)], 1.0, 0.5)


def draw_perfume(easel: Easel, look: Look) -> None:
    """Draw a perfume bottle: coloured scent behind glass, a cap, a label."""
    easel.shadow(30, 71, 20, 2.6)
    easel.cloth(rounded(12, 28, 48, 71, 4), GLASS)
    easel.cloth(rounded(15, 33, 45, 68, 2.5), look.body)
    easel.cloth(box(26, 22, 34, 29), STEEL)
    easel.cloth(rounded(21.5, 8, 38.5, 23, 2), look.accent)
    easel.fill(box(22, 45, 38, 57), mix(look.accent, (255, 255, 255), 0.75))
    seams(easel, look, [(AXIS, 49), (35, 49)], 1.0, 0.2)
    seams(easel, look, [(AXIS, 52.5), (33.5, 52.5)], 1.0, 0.2)
    easel.line([(18.5, 37), (18.5, 64)], 1.4, mix(look.body, (255, 255, 255), 0.5), named=look.body)


def draw_lipstick(easel: Easel, look: Look) -> None:
    """Draw an open lipstick: a wide bullet in the main colour out of a short tube."""
    easel.shadow(30, 74, 17, 2.4)
    bullet = [(19, 56), (19, 20), (19, 20), (24, 9), (32, 6), (39, 9), (41, 16), (41, 56), (41, 56), (19, 56)]
    easel.cloth(smooth(bullet), look.body)
    easel.line([(20.5, 21), (27, 14.5), (38, 12)], 1.0, mix(look.body, (255, 255, 255), 0.4), named=look.body)
    easel.line([(23.5, 25), (23.5, 52)], 1.8, mix(look.body, (255, 255, 255), 0.4), named=look.body)
    easel.cloth(box(17.5, 54, 42.5, 60.5), (206, 172, 96))
    easel.cloth(rounded(15.5, 59.5, 44.5, 74, 1.5), look.accent)


def draw_nail_polish(easel: Easel, look: Look) -> None:
    """Draw a bottle of nail polish with a tall cap."""
    easel.shadow(30, 72, 15, 2.4)
    easel.cloth(rounded(25, 8, 35, 44, 2), look.accent)
    easel.cloth(smooth([(19, 46), (24, 42), (36, 42), (41, 46), (43, 68), (40, 72), (20, 72), (17, 68)]), look.body)
    easel.line([(22, 48), (21, 66)], 1.8, mix(look.body, (255, 255, 255), 0.6), named=look.body)
