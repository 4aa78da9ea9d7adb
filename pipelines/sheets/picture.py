"""A sheet as one PNG: the piece above, below it a row of what resembles it and a row of what goes with it."""

from __future__ import annotations

from pipelines import imaging
from pipelines.imaging.canvas import FAINT, PAPER, Canvas, Colour
from pipelines.palette.color import rgb_of
from pipelines.sheets.content import Piece, Recommended, Sheet, Swatch

TITLES = {"similar": "Similar in colour", "complementary": "Goes with it"}

_MARGIN, _GAP = 24, 14
_SIDE, _LARGE = 120, 224  # pixels of a picture's side
_STRIP = 14  # height of a palette
_LINE = 16  # height of a line of text
_CELL = _SIDE + _STRIP + 3 * _LINE
_MOST = 10
_ABSENT: Colour = (235, 235, 235)


def png(sheet: Sheet) -> bytes:
    """Return the sheet as a PNG; its height follows what is on it."""
    kinds = [kind for kind in TITLES if sheet.recommended.get(kind)]
    width = 2 * _MARGIN + _MOST * _SIDE + (_MOST - 1) * _GAP
    canvas = Canvas(width, 2 * _MARGIN + _LARGE + len(kinds) * (_CELL + 3 * _LINE))
    _head(canvas, sheet.piece, width)
    y = _MARGIN + _LARGE + _LINE
    for kind in kinds:
        canvas.text(_MARGIN, y, TITLES[kind], 16, width)
        for place, one in enumerate(sheet.recommended[kind][:_MOST]):
            _cell(canvas, one, _MARGIN + place * (_SIDE + _GAP), y + 2 * _LINE)
        y += _CELL + 3 * _LINE
    return canvas.png()


def _head(canvas: Canvas, piece: Piece, width: int) -> None:
    """Draw the piece and its palette, each colour with its name and share."""
    _picture(canvas, piece, _MARGIN, _MARGIN, _LARGE)
    x, room = _MARGIN + _LARGE + _GAP, width - 2 * _MARGIN - _LARGE - _GAP
    canvas.text(x, _MARGIN, piece.title, 22, room)
    canvas.text(x, _MARGIN + 30, piece.image_id, 11, room, FAINT)
    _strip(canvas, piece.swatches, x, _MARGIN + 54, room, 3 * _STRIP)
    for place, swatch in enumerate(piece.swatches):
        line = _MARGIN + 54 + 3 * _STRIP + 10 + place * (_LINE + 4)
        canvas.fill(x, line, _LINE, _LINE, rgb_of(swatch.hex))
        canvas.text(x + _LINE + 8, line, f"{swatch.share:.0%}  {swatch.name}  #{swatch.hex}", 13, room)


def _cell(canvas: Canvas, one: Recommended, x: int, y: int) -> None:
    """Draw one recommendation, with the matching colour in the picture's corner."""
    _picture(canvas, one.piece, x, y, _SIDE)
    if one.colour:
        canvas.fill(x + _SIDE - 26, y, 26, 26, PAPER)
        canvas.fill(x + _SIDE - 23, y, 23, 23, rgb_of(one.colour))
    _strip(canvas, one.piece.swatches, x, y + _SIDE, _SIDE, _STRIP)
    below = y + _SIDE + _STRIP + 3
    canvas.text(x, below, one.piece.title, 12, _SIDE)
    canvas.text(x, below + _LINE, f"{one.rank}.  distance {one.score:.1f}", 11, _SIDE, FAINT)


def _picture(canvas: Canvas, piece: Piece, x: int, y: int, side: int) -> None:
    if piece.thumbnail is None:
        canvas.fill(x, y, side, side, _ABSENT)
        canvas.text(x + 8, y + 8, "no thumbnail", 11, side - 16, FAINT)
    else:
        canvas.paste(x, y, imaging.resized(imaging.decode(piece.thumbnail).pixels, side, side))


def _strip(canvas: Canvas, swatches: tuple[Swatch, ...], x: int, y: int, width: int, height: int) -> None:
    """Draw a palette, each colour as wide as its share."""
    total, passed = sum(swatch.share for swatch in swatches) or 1.0, 0.0
    for swatch in swatches:
        start, passed = passed, passed + swatch.share / total
        left, right = round(start * width), round(passed * width)
        canvas.fill(x + left, y, right - left, height, rgb_of(swatch.hex))
