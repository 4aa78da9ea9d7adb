"""A canvas: pictures, flat colours and short texts put together into one PNG, for people to look at."""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipelines.imaging.encode import encode_png
from pipelines.imaging.stored import Samples

Colour = tuple[int, int, int]
INK, PAPER, FAINT = (34, 34, 34), (255, 255, 255), (120, 120, 120)


class Canvas:
    """A sheet of paper of a size in pixels; places are of the upper left corner, from that of the sheet."""

    def __init__(self, width: int, height: int) -> None:
        self._sheet = Image.new("RGB", (width, height), PAPER)
        self._draw = ImageDraw.Draw(self._sheet)

    def fill(self, x: int, y: int, width: int, height: int, colour: Colour) -> None:
        """Fill a rectangle; one without area leaves nothing."""
        if width > 0 and height > 0:
            self._draw.rectangle((x, y, x + width - 1, y + height - 1), fill=colour)

    def paste(self, x: int, y: int, pixels: Samples) -> None:
        """Put a picture (h, w, 3) sRGB down."""
        self._sheet.paste(Image.fromarray(pixels), (x, y))

    def text(self, x: int, y: int, words: str, size: int, width: int, colour: Colour = INK) -> None:
        """Write one line, `size` pixels high, cut to a width with an ellipsis."""
        font = _font(size)
        shown = " ".join(words.split())
        while shown and font.getlength(shown) > width:
            shown = shown[:-2].rstrip() + "…" if len(shown) > 1 else ""
        self._draw.text((x, y), shown, font=font, fill=colour)

    def png(self) -> bytes:
        """Return what was drawn."""
        return encode_png(np.asarray(self._sheet))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("this Pillow was built without FreeType, so it writes no text. Install Pillow's own wheel.")
    return font
