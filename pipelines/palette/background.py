"""Background: the even ground a piece was photographed on, which is none of its colours.

Where most of the border ring has one colour, pixels of that colour that hang together with the border weigh nothing. A
white garment on white keeps what the light did not bleach; a picture that would hardly keep anything keeps everything.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.compiled import compiled
from pipelines.palette.color import all_to_oklab
from pipelines.palette.kernel import F32, I32, LANES, U8, Colours

Pixels = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]  # (h, w) weights

ALIKE = 0.03  # OKLab distance up to which a pixel has the colour of the ground
EVEN_SHARE = 0.6  # of the border ring that must be alike
LEFT_SHARE = 0.1  # of the visible pixels that must remain
# Levels by which a red, green and blue may differ from those of a dark or a light ground and still be alike; and up to
# which all of them are, without a look at OKLab.
_REACH = np.array([[104, 60, 90], [48, 18, 36]], dtype=np.int32)
_SURE = np.array([2, 4], dtype=np.int32)
_LIGHT_FROM = 128  # the least channel of a light ground

_Flags = npt.NDArray[np.uint8]
_Places = npt.NDArray[np.int32]


@compiled
def without_background(pixels: Pixels, weights: Field) -> Field:
    """Return the weights (h, w) with those of the background set to 0; pixels of no weight are not looked at."""
    ground = _ground(pixels, weights)
    if ground[0] < 0:
        return weights
    is_alike = np.empty(weights.shape, np.uint8)
    _compare(pixels.reshape(-1, 3), ground, is_alike.reshape(-1))
    if not _is_even(is_alike, weights):
        return weights
    kept = weights.copy()
    _clear(is_alike, kept)
    left = _visible(kept)
    return kept if left > 0 and left >= LEFT_SHARE * _visible(weights) else weights


@compiled
def _visible(weights: Field) -> int:
    count = I32(0)
    for y in range(weights.shape[0]):
        for x in range(weights.shape[1]):
            count = I32(count + I32(weights[y, x] > 0))
    return int(count)


@compiled
def _ground(pixels: Pixels, weights: Field) -> npt.NDArray[np.int32]:
    """Return the median of each channel over the visible part of the border ring, -1 where nothing of it is visible."""
    height, width = weights.shape
    counts, total = np.zeros((3, 256), np.int32), 0
    for y in range(height):
        step = 1 if y % (height - 1 or 1) == 0 else width - 1 or 1
        for x in range(0, width, step):
            if weights[y, x] > 0:
                total += 1
                for channel in range(3):
                    counts[channel, pixels[y, x, channel]] += 1
    median = np.empty(3, np.int32)
    for channel in range(3):
        below, value = 0, 0
        while 2 * below < total:
            below += counts[channel, value]
            value += 1
        median[channel] = value - 1
    return median


@compiled
def _compare(pixels: Pixels, ground: npt.NDArray[np.int32], is_alike: _Flags) -> None:
    """Flag what has the colour of the ground; only what is neither close to it nor far off is turned into OKLab."""
    red, green, blue = ground[0], ground[1], ground[2]
    kind = I32(min(red, green, blue) >= _LIGHT_FROM)
    sure, reach = _SURE[kind], _REACH[kind]
    near, count = np.empty(len(pixels), np.int32), 0
    for i in range(len(pixels)):
        r, g, b = abs(I32(pixels[i, 0]) - red), abs(I32(pixels[i, 1]) - green), abs(I32(pixels[i, 2]) - blue)
        is_sure = (r <= sure) & (g <= sure) & (b <= sure)
        is_alike[i] = is_sure
        near[count] = i
        count += (not is_sure) & (r <= reach[0]) & (g <= reach[1]) & (b <= reach[2])
    lab = np.zeros((3, count // LANES * LANES + LANES), np.float32)  # the last column is the ground
    for i in range(count):
        lab[0, i], lab[1, i], lab[2, i] = pixels[near[i], 0], pixels[near[i], 1], pixels[near[i], 2]
    lab[0, -1], lab[1, -1], lab[2, -1] = red, green, blue
    all_to_oklab(lab)
    _flag(lab, near[:count], is_alike)


@compiled
def _flag(lab: Colours, places: _Places, is_alike: _Flags) -> None:
    a, b, c = lab[0, -1], lab[1, -1], lab[2, -1]
    for i in range(len(places)):
        p, q, r = lab[0, i] - a, lab[1, i] - b, lab[2, i] - c
        is_alike[places[i]] = p * p + q * q + r * r <= F32(ALIKE * ALIKE)


@compiled
def _is_even(is_alike: _Flags, weights: Field) -> bool:
    """True when enough of the border ring is visible and alike."""
    height, width = weights.shape
    alike, total = 0, 0
    for y in range(height):
        step = 1 if y % (height - 1 or 1) == 0 else width - 1 or 1
        for x in range(0, width, step):
            total += 1
            alike += (is_alike[y, x] > 0) & (weights[y, x] > 0)
    return alike >= EVEN_SHARE * total


@compiled
def _clear(is_alike: _Flags, weights: Field) -> None:
    """Set the weights of runs of flagged pixels to 0 where runs that touch lead from them to the border."""
    height, width = weights.shape
    runs = np.empty((height * (width + 1) // 2 + height + 1, 2), np.int32)  # from, to; the first stands for the border
    parent = np.empty(len(runs), np.int32)
    ends = np.empty(height + 1, np.int32)
    parent[0], ends[0] = 0, 1
    for y in range(height):
        above = ends[y - 1] if y else 1
        is_border = y == 0 or y == height - 1
        ends[y + 1] = _runs(is_alike[y], ends[y], runs)
        for run in range(ends[y], ends[y + 1]):
            start, stop = runs[run, 0], runs[run, 1]
            parent[run] = 0 if is_border or start == 0 or stop == width else run
            while above < ends[y] and runs[above, 1] <= start:
                above += 1
            touching = above
            while touching < ends[y] and runs[touching, 0] < stop:
                _join(parent, I32(touching), I32(run))
                touching += 1
    for y in range(height):
        for run in range(ends[y], ends[y + 1]):
            if _root(parent, I32(run)) == 0:
                weights[y, runs[run, 0] : runs[run, 1]] = F32(0)


@compiled
def _runs(flags: _Flags, count: int, runs: _Places) -> int:
    """Append the runs of flagged pixels of a row; return how many there are now."""
    before = U8(0)
    for x in range(len(flags)):
        if flags[x] != before:
            if before:
                runs[count, 1] = x
                count += 1
            else:
                runs[count, 0] = x
            before = flags[x]
    if before:
        runs[count, 1] = len(flags)
        count += 1
    return count


@compiled
def _root(parent: _Places, run: np.int32) -> np.int32:
    while parent[run] != run:
        parent[run] = parent[parent[run]]
        run = parent[run]
    return run


@compiled
def _join(parent: _Places, one: np.int32, other: np.int32) -> None:
    """Bring two runs under one root, the lower: the border is the lowest of all."""
    a, b = _root(parent, one), _root(parent, other)
    parent[max(a, b)] = min(a, b)
