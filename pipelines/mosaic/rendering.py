"""Drawing: a mosaic that was laid out becomes a picture of any size, one strip in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipelines import imaging
from pipelines.imaging import large

QUALITY = 70  # of the reference's JPEGs

Pixels = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int32]

_STRIP_BYTES = 8 * 2**20  # of a strip, in whole rows of pixels, at most a row of tiles
_WHOLE = 256  # parts that a share is counted in: products of two bytes stay within 16 bits


@dataclass(frozen=True, eq=False)
class Tint:
    """How much of the source shines through: its pixels (h, w, 3) sRGB, stretched over the canvas, and a share 0..1."""

    source: Pixels
    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"a tint is a share from 0 to 1, not {self.share}")


def render(
    cells: Places,
    tiles: Pixels,
    size: tuple[int, int],
    target: Path,
    tint: Tint | None = None,
    quality: int = QUALITY,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Draw a mosaic; the tiles at the right and at the bottom are cropped where the canvas ends.

    Args:
        cells: (rows, columns), which of `tiles` each cell shows.
        tiles: (n, side, side, 3) uint8 sRGB, perhaps a mapped file.
        size: width and height of the canvas in pixels, no larger than the cells cover.
        target: where to: .png, .jpg, or .dzi, a deep-zoom pyramid.
        tint: what to blend over the tiles.
        quality: of JPEG, 1..100.
        progress: is told the rows of pixels done, after each strip.

    Raises:
        CannotRun: where it cannot be written.
        ValueError: for cells without a tile, and for a canvas that they do not cover.
    """
    _check(cells, tiles, size)
    large.write(strips(cells, tiles, size, tint), size, target, quality, progress)


def strips(cells: Places, tiles: Pixels, size: tuple[int, int], tint: Tint | None = None) -> Iterator[Pixels]:
    """Yield the canvas from above, (rows, width, 3) at a time; a strip's memory is used again for the next.

    A tinted sample is (tile x (256 - s) + source x s) / 256, halves up, where s is the share in 256ths.
    """
    width, height = size
    side = tiles.shape[1]
    ground = _Ground(tint, size) if tint and _parts(tint.share) else None
    at_once = max(1, min(side, _STRIP_BYTES // (3 * width)))
    room = np.empty((at_once, cells.shape[1], side * 3), np.uint8)
    for top, line, rows in _lines(height, side, at_once):
        strip = _assembled(tiles, cells[top // side], line, room[:rows])[:, :width]
        yield ground.under(strip, top + line) if ground else strip


def _check(cells: Places, tiles: Pixels, size: tuple[int, int]) -> None:
    rows, columns = cells.shape
    side = tiles.shape[1]
    if tiles.shape[1:] != (side, side, 3) or tiles.dtype != np.uint8:
        raise ValueError(f"tiles are (n, side, side, 3) uint8, not {tiles.shape} {tiles.dtype}")
    if not 1 <= size[0] <= columns * side or not 1 <= size[1] <= rows * side:
        raise ValueError(f"{columns} x {rows} cells of {side} pixels do not cover a canvas of {size[0]} x {size[1]}")
    if not 0 <= cells.min() <= cells.max() < len(tiles):
        raise ValueError(f"cells name tiles from {cells.min()} to {cells.max()}, and there are {len(tiles)}")


def _lines(height: int, side: int, at_once: int) -> Iterator[tuple[int, int, int]]:
    """Yield where strips begin: the row of pixels its tiles begin in, the first line of them, and how many lines."""
    for top in range(0, height, side):
        end = min(side, height - top)
        for line in range(0, end, at_once):
            yield top, line, min(at_once, end - line)


def _assembled(tiles: Pixels, row: Places, line: int, room: Pixels) -> Pixels:
    """Fill `room` (lines, columns, side * 3) with lines of a row of tiles, and return it as (lines, width, 3)."""
    count, side = tiles.shape[:2]
    wanted = row.astype(np.intp) * side + np.arange(line, line + len(room))[:, None]
    # One gather copies each line of a tile to its place: three fifths as fast as copying memory as it lies.
    np.take(tiles.reshape(count * side, side * 3), wanted, axis=0, out=room, mode="clip")
    return room.reshape(len(room), -1, 3)


def _parts(share: float) -> int:
    return int(share * _WHOLE + 0.5)


class _Ground:
    """The source under the canvas: reduced at once where it is larger, and stretched a strip at a time."""

    def __init__(self, tint: Tint, size: tuple[int, int]) -> None:
        high, wide = tint.source.shape[:2]
        self._size, self._share = size, _parts(tint.share)
        self._source = imaging.resized(tint.source, min(wide, size[0]), min(high, size[1]))

    def under(self, strip: Pixels, top: int) -> Pixels:
        """Return a strip that begins `top` rows down the canvas with the source blended over it."""
        return _blended(strip, self._lines(top, len(strip)), np.uint16(self._share))

    def _lines(self, top: int, rows: int) -> Pixels:
        """Return rows of the canvas: each between the two rows of the source whose middles it lies between."""
        high = len(self._source)
        if high == self._size[1]:
            return imaging.resized(self._source[top : top + rows], self._size[0], rows)
        middles = (2 * np.arange(top, top + rows) + 1) * high  # in halves of a row of the canvas
        at = np.clip((middles - self._size[1]) * _WHOLE // (2 * self._size[1]), 0, (high - 1) * _WHOLE)
        upper, weight = at // _WHOLE, (at % _WHOLE).astype(np.uint16)
        lower = np.minimum(upper + 1, high - 1)
        first, last = int(upper[0]), int(lower[-1])
        wide = imaging.resized(self._source[first : last + 1], self._size[0], last + 1 - first)
        return _blended(wide[upper - first], wide[lower - first], weight[:, None, None])


def _blended(under: Pixels, over: Pixels, parts: np.uint16 | npt.NDArray[np.uint16]) -> Pixels:
    """Return (under x (256 - parts) + over x parts) / 256, halves up; 256 parts are all of `over`."""
    mixed = under * (np.uint16(_WHOLE) - parts)
    mixed += over * parts
    mixed += np.uint16(_WHOLE // 2)
    mixed >>= np.uint16(8)
    return mixed.astype(np.uint8)
