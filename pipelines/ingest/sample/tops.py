"""Tops: what is worn above the waist, drawn flat from the front."""

from __future__ import annotations

from pipelines.ingest.sample.drawing import Easel, Points, box, ellipse, ink, mix, smooth, symmetric
from pipelines.ingest.sample.look import AXIS, Look, cloth, cloths, hollow, seam, seams, trims

_CREW: Points = ((AXIS, 18.5), (33.5, 17.5), (36.5, 13), (36.5, 13))
_VEE: Points = ((AXIS, 25), (AXIS, 25), (36.5, 13), (36.5, 13))
_OPEN: Points = ((AXIS, 34), (36.5, 13))
_BODY: Points = ((43, 15.5), (45.5, 21), (45.5, 33), (45, 50), (45.5, 68), (45.5, 68.5), (AXIS, 69.5))
_BACK: Points = ((AXIS, 12.5), (36, 11.5), (37, 13.5), (33, 20), (AXIS, 22))
_SHORT_SLEEVE: Points = (
    (39, 13.5), (44, 15), (51, 20), (57, 33), (57, 33.5), (48.5, 38.5), (48.5, 38.5), (44.5, 31), (43, 22),
)  # fmt: skip
_LONG_SLEEVE: Points = (
    (39, 13.5), (44.5, 15.5), (50, 21), (53, 36), (56, 58), (56, 61), (50, 62), (50, 61), (47.5, 44), (44, 28),
)  # fmt: skip
_CUFF: Points = ((49.6, 59.5), (49.6, 59.5), (56.2, 58), (56.2, 58), (56.5, 62), (56.5, 62.5), (50.2, 63.5), (50, 63))


def draw_tee(easel: Easel, look: Look) -> None:
    """Draw a T-shirt: crew or V neck, at times with a print on the chest or contrasting sleeves."""
    neck = _VEE if look.cut == "vee" else _CREW
    hollow(easel, look, _BACK)
    sleeve = smooth(_SHORT_SLEEVE)
    if look.cut == "raglan":
        trims(easel, look.accent, sleeve)
    else:
        cloths(easel, look, sleeve)
    seams(easel, look, [(49.5, 36.8), (56, 32)], 0.7, 0.2)
    cloth(easel, look, symmetric([*neck, *_BODY], AXIS))
    collar = [(60 - x, y) for x, y in reversed(neck)] + list(neck[1:])
    seam(easel, look, collar, 1.6, 0.18)
    seam(easel, look, [(15.5, 66.5), (AXIS, 67.5), (44.5, 66.5)], 0.6, 0.2)
    if look.cut == "badge":
        easel.fill(ellipse(AXIS, 35, 7.5, 7.5), look.accent)
        easel.fill(smooth([(25, 38), (AXIS, 29.5), (35, 38), (AXIS, 36)], 1), look.body)


def draw_tank(easel: Easel, look: Look) -> None:
    """Draw a tank top: deep neck, no sleeves."""
    hollow(easel, look, [(AXIS, 13), (35.5, 12), (38, 14), (35, 24), (AXIS, 26)])
    half = [
        (AXIS, 26), (34.5, 24), (36, 11), (36, 11), (41, 11), (41, 11), (41, 22), (46, 31), (46, 31), (45, 48),
        (46.5, 69), (46.5, 69), (AXIS, 70),
    ]  # fmt: skip
    cloth(easel, look, symmetric(half, AXIS))
    easel.line([(24, 11.5), (25.5, 24), (AXIS, 26.5), (34.5, 24), (36, 11.5)], 1.4, look.accent)
    for line in ([(41, 11), (41, 22), (46, 31)], [(19, 11), (19, 22), (14, 31)]):
        easel.line(line, 1.4, look.accent)


def draw_blouse(easel: Easel, look: Look) -> None:
    """Draw a blouse: puffed sleeves, gathered waist, flared hem."""
    hollow(easel, look, [(AXIS, 15), (38, 13), (39, 15), (34, 24), (AXIS, 25)])
    cloths(easel, look, smooth([(40, 14), (47, 13), (55, 19), (57, 29), (52, 34), (46, 33), (43, 24)]))
    seams(easel, look, [(46, 32.8), (52, 33), (56.5, 29)], 1.6, 0.25)
    half = [
        (AXIS, 24), (35, 22), (39, 13), (39, 13), (44, 16), (45, 28), (41.5, 44), (41.5, 45), (48, 62),
        (50, 68), (50, 68), (40, 70), (AXIS, 70.5),
    ]  # fmt: skip
    cloth(easel, look, symmetric(half, AXIS))
    easel.cloth(smooth([(18, 43), (AXIS, 44.5), (42, 43), (42.5, 46.5), (AXIS, 48), (17.5, 46.5)], 1), look.accent)
    for x in (34, 39):
        seams(easel, look, [(x, 49), (x + 2.5, 68)], 0.6, 0.16)


def draw_shirt(easel: Easel, look: Look) -> None:
    """Draw a buttoned shirt with a collar, long or half sleeves."""
    hollow(easel, look, [(AXIS, 11), (35, 10), (36, 13), (AXIS, 20)])
    is_half = look.cut == "half"
    cloths(easel, look, smooth(_SHORT_SLEEVE if is_half else _LONG_SLEEVE))
    if not is_half:
        cloths(easel, look, smooth(_CUFF, 1))
    half = [
        (AXIS, 22), (AXIS, 22), (35.5, 12), (43, 15.5), (45.5, 21), (45.5, 33), (45, 52), (46, 66), (42, 71),
        (36, 72), (AXIS, 73),
    ]  # fmt: skip
    cloth(easel, look, symmetric(half, AXIS))
    seam(easel, look, [(31.8, 22), (31.8, 72.5)], 0.6, 0.25)
    for y in (26, 34, 42, 50, 58, 66):
        easel.fill(ellipse(AXIS, y, 0.95, 0.95, 10), look.accent)
    cloths(
        easel,
        look,
        smooth([(35.5, 9.5), (37.5, 11.5), (38, 19.5), (38, 19.5), (AXIS, 21.5), (AXIS, 21.5)], 1),
    )
    seams(easel, look, [(37.6, 11.5), (38, 19.5), (AXIS, 21.6)], 0.7, 0.3)
    seam(easel, look, [(35.5, 30), (42.5, 30), (42.5, 38), (39, 40), (35.5, 38), (35.5, 30)], 0.7, 0.25)


def draw_hoodie(easel: Easel, look: Look) -> None:
    """Draw a hooded sweatshirt with a pouch, cords and cuffs in the second colour."""
    hood = [(AXIS, 4), (37, 5), (42, 12), (42, 20), (36, 24), (AXIS, 25)]
    cloths(easel, look, smooth(_LONG_SLEEVE))
    trims(easel, look.accent, smooth(_CUFF, 1))
    cloth(easel, look, symmetric([(AXIS, 14), (38, 14), *_BODY], AXIS))
    easel.cloth(box(14.8, 64.5, 45.2, 70), look.accent)
    cloth(easel, look, symmetric(hood, AXIS))
    hollow(easel, look, [(AXIS, 8), (35, 9), (37, 15), (34, 21), (AXIS, 23.5)])
    pouch = [(21, 48), (39, 48), (43, 57), (43, 61.5), (17, 61.5), (17, 57), (21, 48)]
    seam(easel, look, pouch, 0.9, 0.3)
    for x in (27.5, 32.5):
        easel.line([(x, 22.5), (x - (30 - x) * 0.2, 35)], 1.0, look.accent)


def draw_sweater(easel: Easel, look: Look) -> None:
    """Draw a knitted sweater with ribbed ends, or a cardigan: the same, open, with buttons."""
    is_cardigan = look.cut == "cardigan"
    hollow(easel, look, _BACK)
    cloths(easel, look, smooth(_LONG_SLEEVE))
    cloths(easel, look, smooth(_CUFF, 1))
    cloth(easel, look, symmetric([*(_OPEN if is_cardigan else _CREW), *_BODY], AXIS))
    if not is_cardigan:
        for y in (27, 31.5):
            easel.line([(14.5, y), (AXIS, y + 0.8), (45.5, y)], 2.0, look.accent)
        seam(easel, look, [(23.5, 13), (26, 17.5), (AXIS, 19), (34, 17.5), (36.5, 13)], 2.2, 0.22)
    for x in range(16, 46, 3):
        seam(easel, look, [(x, 64.5), (x, 69)], 0.7, 0.25)
    for x in (51, 53, 55):
        seams(easel, look, [(x, 59.8), (x + 0.3, 62.6)], 0.6, 0.25)
    if is_cardigan:
        easel.line([(24, 14), (29.2, 33), (29.5, 69.5)], 1.6, look.accent)
        easel.line([(36, 14), (31, 33), (30.8, 69.5)], 1.6, look.accent)
        for y in (38, 46, 54, 62):
            easel.fill(ellipse(31, y, 1.2, 1.2, 12), ink(look.accent, 0.55), named=look.accent)


def draw_jacket(easel: Easel, look: Look) -> None:
    """Draw a zipped jacket with a stand-up collar; in denim, with buttons and chest pockets instead."""
    is_denim = look.cut == "denim"
    cloths(easel, look, smooth(_LONG_SLEEVE))
    (cloths(easel, look, smooth(_CUFF, 1)) if is_denim else trims(easel, look.accent, smooth(_CUFF, 1)))
    cloth(easel, look, symmetric([(AXIS, 15), (36, 13), *_BODY], AXIS))
    hollow(easel, look, [(AXIS, 9), (34, 9), (36, 15), (AXIS, 22)])
    cloths(easel, look, smooth([(34, 7.5), (38, 10), (40, 17), (40, 17), (31, 24), (31, 24), (34, 15)], 1))
    seams(easel, look, [(38, 10), (40, 17), (31.5, 24)], 0.8, 0.35)
    if is_denim:
        easel.cloth(box(15, 64, 45, 69), mix(look.body, (0, 0, 0), 0.12), named=look.body)
        for y in (28, 37, 46, 55, 66):
            easel.fill(ellipse(AXIS, y, 1.1, 1.1, 10), look.accent)
        seams(easel, look, [(34, 31), (42, 31), (42, 40), (38, 42.5), (34, 40), (34, 31)], 0.9, 0.3)
        seam(easel, look, [(28.2, 22), (28.2, 69)], 0.7, 0.3)
        return
    easel.cloth(box(15, 65, 45, 70), look.accent)
    easel.line([(AXIS, 22), (AXIS, 69)], 1.5, look.accent)
    seams(easel, look, [(36, 57), (42, 48)], 1.3, 0.45)


def draw_blazer(easel: Easel, look: Look) -> None:
    """Draw a blazer: lapels over a shirt front, two buttons, flap pockets."""
    cloths(easel, look, smooth(_LONG_SLEEVE))
    easel.cloth(symmetric([(AXIS, 12), (36, 12), (36, 30), (AXIS, 42)], AXIS, 1), look.accent)
    half = [
        (37, 12), (43, 15.5), (46, 21), (44.5, 40), (46.5, 70), (45, 73), (33, 72), (29.5, 44), (29.5, 44),
        (35, 28),
    ]  # fmt: skip
    left = smooth([(60 - x, y) for x, y in half])
    cloth(easel, look, left)
    cloth(easel, look, smooth(half))
    lapel = smooth([(36, 10), (38.5, 12.5), (42.5, 24), (42.5, 24), (30.5, 44), (30.5, 44), (34.5, 26)], 1)
    cloths(easel, look, lapel)
    seams(easel, look, [(38.5, 13), (42.5, 24), (31, 43.5)], 0.9, 0.4)
    for y in (48, 56):
        easel.fill(ellipse(31.5, y, 1.3, 1.3, 12), ink(look.body, 0.6), named=look.body)
    seams(easel, look, [(35, 57), (43.5, 56)], 1.6, 0.35)
    seam(easel, look, [(29.8, 44), (30, 60), (32.5, 72)], 0.9, 0.4)
