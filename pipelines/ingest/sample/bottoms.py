"""Bottoms and full-length pieces: trousers, skirts, dresses, drawn flat from the front."""

from __future__ import annotations

from pipelines.ingest.sample.drawing import Easel, Outline, Points, box, ellipse, mix, smooth, symmetric
from pipelines.ingest.sample.look import AXIS, Look, cloth, cloths, hollow, seam, seams

_JEANS: Points = (
    (AXIS, 5), (42, 5), (42, 5), (43.5, 16), (45, 30), (44.5, 55), (43.5, 76), (43.5, 76), (33.5, 76.5),
    (33.5, 76.5), (32.5, 50), (AXIS, 26), (AXIS, 26),
)  # fmt: skip
_TROUSERS: Points = (
    (AXIS, 5), (40.5, 5), (40.5, 5), (43, 18), (42, 42), (39.5, 76), (39.5, 76), (32.8, 76.5), (32.8, 76.5),
    (32, 50), (AXIS, 25), (AXIS, 25),
)  # fmt: skip
_SHORTS: Points = (
    (AXIS, 17), (43.5, 17), (43.5, 17), (47, 32), (51, 60), (51, 60), (33, 63), (33, 63), (AXIS, 40),
    (AXIS, 40),
)  # fmt: skip


def _waistband(easel: Easel, look: Look, outline: Outline) -> None:
    easel.cloth(outline, mix(look.body, (0, 0, 0), 0.12), named=look.body)


def draw_jeans(easel: Easel, look: Look) -> None:
    """Draw jeans: washed thighs, stitched pockets, a button in the second colour."""
    cloth(easel, look, symmetric(_JEANS, AXIS))
    for x in (23, 37):
        wash = easel.mask(ellipse(x, 37, 3.6, 15))
        easel.paint(wash * 0.2, mix(look.body, (255, 255, 255), 0.5), named=look.body)
    _waistband(easel, look, box(18, 4.5, 42, 9))
    easel.fill(ellipse(AXIS, 6.8, 1.3, 1.3, 12), look.accent)
    seam(easel, look, [(AXIS, 9), (AXIS, 27)], 0.8, 0.45)
    seam(easel, look, [(32.8, 9), (32.8, 18), (30.3, 21)], 0.6, 0.4)
    seams(easel, look, [(35, 9), (37, 14), (43, 16.5)], 0.9, 0.4)
    for x in (22, 38):
        seam(easel, look, [(x, 4.5), (x, 9.5)], 1.3, 0.35)
    seams(easel, look, [(34, 73.5), (43.4, 73)], 0.7, 0.35)


def draw_trousers(easel: Easel, look: Look) -> None:
    """Draw pressed trousers: creases, slanted pockets."""
    cloth(easel, look, symmetric(_TROUSERS, AXIS))
    _waistband(easel, look, box(19.5, 4.5, 40.5, 8.5))
    seam(easel, look, [(AXIS, 8), (AXIS, 25)], 0.8, 0.4)
    seams(easel, look, [(37.5, 10), (36.8, 40), (36, 75)], 0.7, 0.25)
    seams(easel, look, [(38, 9), (42, 19)], 0.8, 0.35)
    easel.fill(ellipse(AXIS, 6.5, 1, 1, 10), look.accent)


def draw_shorts(easel: Easel, look: Look) -> None:
    """Draw shorts: plain, in denim, or soft ones with cords and a side stripe."""
    cloth(easel, look, symmetric(_SHORTS, AXIS))
    _waistband(easel, look, box(16.5, 16, 43.5, 21))
    seam(easel, look, [(AXIS, 21), (AXIS, 40)], 0.8, 0.4)
    if look.cut == "sweat":
        for line in ([(28.5, 20), (27.5, 30)], [(31.5, 20), (32.5, 30)]):
            easel.line(line, 1.1, look.accent)
        for line in ([(44.5, 22), (46.5, 40), (49.3, 60)], [(15.5, 22), (13.5, 40), (10.7, 60)]):
            easel.line(line, 2.0, look.accent)
        return
    seams(easel, look, [(36, 21), (38.5, 27), (45.5, 30)], 0.9, 0.4)
    seams(easel, look, [(33.5, 59.5), (50.5, 56.5)], 0.8, 0.3)
    easel.fill(ellipse(AXIS, 18.5, 1.3, 1.3, 12), look.accent)


def draw_skirt(easel: Easel, look: Look) -> None:
    """Draw a flared skirt with pleats, or a straight one."""
    if look.cut == "pencil":
        half: Points = ((AXIS, 14), (40, 14), (40, 14), (44.5, 28), (43, 50), (40.5, 70), (40.5, 70), (AXIS, 70.5))
    else:
        half = ((AXIS, 16), (39.5, 16), (39.5, 16), (46, 36), (53, 60), (53, 61), (42, 65), (AXIS, 66))
    cloth(easel, look, symmetric(half, AXIS))
    easel.cloth(box(20.5, 13.5, 39.5, 18), look.accent)
    if look.cut == "pencil":
        seam(easel, look, [(31, 56), (31, 70)], 1.0, 0.4)
        return
    for top, hem in ((32, 34.5), (35, 41.5), (38, 47.5)):
        seams(easel, look, [(top, 18), ((top + hem) / 2 - 0.3, 42), (hem, 65 - (hem - 34) * 0.25)], 0.7, 0.22)


def draw_dress(easel: Easel, look: Look) -> None:
    """Draw a dress: knee-long and flared, maxi, or bodycon."""
    hollow(easel, look, [(AXIS, 8), (36, 6), (37, 8), (34, 15), (AXIS, 16)])
    neck: Points = ((AXIS, 15.5), (34, 14), (36, 5), (36, 5), (39.5, 5), (39.5, 5), (40, 12), (42.5, 18), (42.5, 18))
    cuts: dict[str, Points] = {
        "maxi": ((39, 30), (39, 31), (43, 48), (48.5, 76), (48.5, 77), (AXIS, 78)),
        "bodycon": ((39.5, 28), (38.5, 33), (42, 44), (41, 56), (39, 68), (39, 68), (AXIS, 68.5)),
    }
    skirt = cuts.get(look.cut, ((38.5, 32), (38.5, 33), (46, 48), (52, 66), (52, 67), (42, 69), (AXIS, 69.5)))
    if look.cut == "sleeved":
        cloths(easel, look, smooth([(38.5, 6), (43, 8), (51, 22), (46.5, 25), (41, 17)]))
    cloth(easel, look, symmetric([*neck, *skirt], AXIS))
    if look.cut == "bodycon":
        seams(easel, look, [(35, 18), (35.5, 33), (37, 46)], 0.7, 0.2)
        return
    easel.cloth(smooth([(21, 31), (39, 31), (39.2, 34.5), (20.8, 34.5)], 1), look.accent)
    length = 76 if look.cut == "maxi" else 67
    for hem in (33.5, 39, 44):
        seams(easel, look, [(30 + (hem - 30) * 0.5, 36), (hem, length)], 0.7, 0.18)


def draw_jumpsuit(easel: Easel, look: Look) -> None:
    """Draw a jumpsuit: a strapped top and trousers in one, belted."""
    top: Points = ((AXIS, 15), (35, 13), (36.5, 4), (36.5, 4), (39, 4), (39, 4), (40, 12), (42, 19), (39.5, 31))
    legs: Points = (
        (39.5, 33), (43, 42), (44, 58), (45, 77), (45, 77), (34, 77.5), (34, 77.5), (32.5, 60), (AXIS, 48),
        (AXIS, 48),
    )  # fmt: skip
    cloth(easel, look, symmetric([*top, *legs], AXIS))
    easel.cloth(box(20.3, 30.5, 39.7, 34), look.accent)
    seam(easel, look, [(AXIS, 34), (AXIS, 48)], 0.8, 0.4)
    seams(easel, look, [(37, 36), (42.5, 43)], 0.9, 0.35)


def draw_shawl(easel: Easel, look: Look) -> None:
    """Draw a shawl hung over a rail, with fringes."""
    easel.fill(box(8, 10, 52, 11.6), (150, 120, 86))
    cloth(
        easel,
        look,
        smooth([(14, 9), (46, 9), (46, 9), (47.5, 40), (48, 66), (48, 66), (12, 66), (12, 66), (12.5, 40)]),
    )
    for x in (20, 26.5, 34, 40.5):
        seam(easel, look, [(x, 11), (x - 1, 38), (x, 65)], 0.9, 0.2)
    for y in (57, 61):
        easel.line([(12.3, y), (AXIS, y + 0.4), (47.8, y)], 1.8, look.accent)
    for x in range(13, 49, 3):
        seam(easel, look, [(x, 65.5), (x + 0.4, 71.5)], 1.1, 0.12)
