"""Histogram: an image's pixels as a few hundred weighted mean colours.

A bin is a cell of 5 bits a channel and keeps the mean of its pixels (cell centres would cost 35 % in error). Pictures
with few occupied cells are counted in 6 bits, for there a cell may hold all that tells a garment from the white around
it; of pictures with many, neighbouring cells are merged until few remain. All sums are of whole numbers, so that the
order of the pixels cannot matter.
"""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from pipelines.compiled import compiled
from pipelines.palette.kernel import F32, I32, I64, LANES, U16, U32, U64, Colours

FEW, MANY = 96, 256  # occupied cells: at most FEW are counted again in finer ones, more than MANY merged
LEVELS = 255  # whole numbers that a pixel's weight is rounded to
_COARSE, _FINE = 5, 6  # bits a channel

Table = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint32]
Levels = npt.NDArray[np.uint16]
_Row = npt.NDArray[np.float32]


class Scratch(threading.local):
    """A table of cells for each thread; all zero whenever no kernel runs."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.table: Table = np.zeros((1 << 3 * _FINE, 2), np.uint64)


def _interleaved(bits: int) -> npt.NDArray[np.uint32]:
    """Return (3, 256): the bits of a cell's code that each value of a channel gives, so that near cells lie near."""
    levels = np.arange(256) >> (8 - bits)
    spread = sum(((levels >> bit) & 1) << (3 * bit) for bit in range(bits))
    return np.stack([spread << 2, spread << 1, spread]).astype(np.uint32)


_CODES = np.stack([_interleaved(_COARSE), _interleaved(_FINE)])
_DE_BRUIJN = U64(0x03F79D71B4CB0A89)
_BIT = np.zeros(64, np.int64)  # place of a single bit, by the upper six of its product with the number above
for _bit in range(64):
    _BIT[((1 << _bit) * int(_DE_BRUIJN) % (1 << 64)) >> 58] = _bit


@compiled
def binned(pixels: npt.NDArray[np.uint8], weights: npt.NDArray[np.float32], table: Table) -> tuple[Colours, Colours]:
    """Return the sRGB means (3, n) and masses (1, n) of bins, in order of colour; n is padded with bins of no mass.

    `pixels` (p, 3), `weights` (p,) ≥ 0, `table` all zero, as it is left. No bins where nothing has weight.
    """
    levels = np.empty(len(weights), np.uint16)
    most = 0xFFFFFFFF // (8 * max(len(weights), 1))  # sums of what a cell leaves of a channel fit 32 bits
    _weigh(weights, levels, min(most, LEVELS))
    codes = np.empty(min(len(pixels), len(table)) + 1, np.uint32)
    rest_bits, count = 8 - _COARSE, _count(pixels, levels, _CODES[0], U32(7), table, codes)
    if count <= FEW:
        for i in range(count):
            table[codes[i], 0], table[codes[i], 1] = U64(0), U64(0)
        rest_bits, count = 8 - _FINE, _count(pixels, levels, _CODES[1], U32(3), table, codes)
    return _means(_ordered(codes[:count], 8 - rest_bits), rest_bits, table)


@compiled
def _weigh(weights: npt.NDArray[np.float32], levels: Levels, most: int) -> None:
    """Round weights to whole numbers, the greatest to `most` or 1."""
    top = I32(0)
    for i in range(len(weights)):
        top = max(top, F32(weights[i]).view(np.int32))  # floats ≥ 0 are in the order of their bits
    if top > 0:
        scale = F32(max(most, 1)) / I32(top).view(np.float32)
        for i in range(len(weights)):
            levels[i] = I32(weights[i] * scale + F32(0.5))
    else:
        for i in range(len(weights)):
            levels[i] = U16(0)


@compiled
def _count(
    pixels: npt.NDArray[np.uint8],
    levels: Levels,
    codes_of: Codes,
    rest: np.uint32,
    table: Table,
    codes: Codes,
) -> int:
    """Add up, by cell, what its code leaves of red and green, and of blue and the weight; return how many are occupied.

    Two sums share a word. A cell is noted in `codes` at each pixel and kept by counting on, which needs no branch.
    """
    count, white = U32(0), U64(0)
    for i in range(len(levels)):
        weight = U64(levels[i])
        if weight == U64(0):
            continue
        red, green, blue = pixels[i, 0], pixels[i, 1], pixels[i, 2]
        if red & green & blue == 255:  # the most frequent of all, and many in a row: a sum of its own is faster
            white += weight
            continue
        code = codes_of[0, red] | codes_of[1, green] | codes_of[2, blue]
        first, second = table[code, 0], table[code, 1]
        codes[count] = code
        count = U32(count + U32(second == U64(0)))
        table[code, 0] = first + weight * (U64(red & rest) | (U64(green & rest) << U64(32)))
        table[code, 1] = second + weight * (U64(blue & rest) | (U64(1) << U64(32)))
    if white > U64(0):
        code = codes_of[0, 255] | codes_of[1, 255] | codes_of[2, 255]
        codes[count] = code
        count = U32(count + U32(table[code, 1] == U64(0)))
        table[code, 0] += white * (U64(rest) | (U64(rest) << U64(32)))
        table[code, 1] += white * (U64(rest) | (U64(1) << U64(32)))
    return int(count)


@compiled
def _ordered(codes: Codes, channel_bits: int) -> Codes:
    """Return distinct codes in ascending order."""
    bits = np.zeros((1 << 3 * channel_bits) // 64, np.uint64)
    for i in range(len(codes)):
        bits[I64(codes[i]) >> 6] |= U64(1) << U64(codes[i] & U32(63))
    place = 0
    for word in range(len(bits)):
        left = bits[word]
        while left != U64(0):
            lowest = left & (~left + U64(1))
            codes[place] = U32(64 * word + _BIT[(lowest * _DE_BRUIJN) >> U64(58)])
            left ^= lowest
            place += 1
    return codes


@compiled
def _means(codes: Codes, rest_bits: int, table: Table) -> tuple[Colours, Colours]:
    """Return the means and masses of the occupied cells, with neighbours merged; leave the table zero."""
    size = (len(codes) + LANES - 1) // LANES * LANES
    means, mass = np.zeros((3, size), np.float32), np.zeros((1, size), np.float32)
    red, green, blue, weight = means[0], means[1], means[2], mass[0]
    for i in range(len(codes)):
        first, second = table[codes[i], 0], table[codes[i], 1]
        table[codes[i], 0], table[codes[i], 1] = U64(0), U64(0)
        red[i], green[i] = F32(I64(first & U64(0xFFFFFFFF))), F32(I64(first >> U64(32)))
        blue[i], weight[i] = F32(I64(second & U64(0xFFFFFFFF))), F32(I64(second >> U64(32)))
    for channel in range(3):
        _place(codes, 2 - channel, rest_bits, means[channel], weight)
    shift, count = _merging(codes)
    return _merged(codes, shift, count, means, weight) if shift else (means, mass)


@compiled
def _place(codes: Codes, from_bit: int, rest_bits: int, rest: _Row, weight: _Row) -> None:
    """Turn sums of what the code leaves of a channel into means of the channel: every third bit is the code's."""
    for i in range(len(codes)):
        bits = U32(codes[i] >> U32(from_bit)) & U32(0x9249)
        bits = U32(bits | (bits >> U32(2))) & U32(0x30C3)
        bits = U32(bits | (bits >> U32(4))) & U32(0xF00F)
        bits = U32(bits | (bits >> U32(8))) & U32(0x3F)
        rest[i] = F32(I32(bits << U32(rest_bits))) + rest[i] / weight[i]


@compiled
def _merged(codes: Codes, shift: int, count: int, means: Colours, weight: _Row) -> tuple[Colours, Colours]:
    """Return the `count` cells left when those whose codes differ in their last `shift` bits alone are one."""
    size = (count + LANES - 1) // LANES * LANES
    merged, mass = np.zeros((3, size), np.float32), np.zeros((1, size), np.float32)
    place, red, green, blue, heavy = -1, F32(0), F32(0), F32(0), F32(0)
    for i in range(len(codes)):
        if i == 0 or codes[i] >> U32(shift) != codes[i - 1] >> U32(shift):
            place, red, green, blue, heavy = place + 1, F32(0), F32(0), F32(0), F32(0)
        more = weight[i]
        red, green, blue = red + more * means[0, i], green + more * means[1, i], blue + more * means[2, i]
        heavy += more
        merged[0, place], merged[1, place], merged[2, place] = red / heavy, green / heavy, blue / heavy
        mass[0, place] = heavy
    return merged, mass


@compiled
def _merging(codes: Codes) -> tuple[int, int]:
    """Return how many last bits of the codes to ignore, that at most MANY cells remain, and how many remain."""
    shift, count = 0, len(codes)
    while count > MANY:
        shift += 1
        changes = I32(1)
        for i in range(1, len(codes)):
            changes = I32(changes + I32(codes[i] >> U32(shift) != codes[i - 1] >> U32(shift)))
        count = int(changes)
    return shift, count
