"""Pictures too large for memory: written strip by strip as a PNG, a JPEG, or a deep-zoom pyramid.

The only door to libvips, which reads files of hundreds of kinds and is let read none: all its loaders are shut. It
sees numbers of ours alone, as the mapping of a scratch file without a name. What is written carries pixels only: no
profile, comment or time, so that the same pixels are the same bytes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np

from pipelines.imaging.stored import Samples
from pipelines.lake.errors import CannotRun

SUFFIXES = (".png", ".jpg", ".dzi")
MAX_JPEG_SIDE = 65_535  # pixels: the format counts them in two bytes
TILE, OVERLAP, TILE_FORMAT = 510, 1, "jpg"  # of a pyramid: with what neighbours share a tile is 512 pixels wide

_THREADS = 4  # more of them hold more strips, and wait for the one that writes
_FULL_COLOUR = "off"  # no chroma subsampling, as in all our JPEGs
_PNG = {"compression": 3, "filter": "paeth"}  # nearly as small as by level 6, in two thirds of its time
_DATED = "vips-properties.xml"  # what libvips adds to a pyramid: when it was made

Progress = Callable[[int], None]  # is told how many rows of pixels are done


def write(
    strips: Iterable[Samples],
    size: tuple[int, int],
    target: Path,
    quality: int = 70,
    progress: Progress | None = None,
) -> None:
    """Write a picture where it appears whole or not at all, in place of what was there.

    Its rows wait in a scratch file in the folder of `target`, 3 bytes to a pixel, which no kill leaves behind. Memory
    holds a strip, and some rows more. Of a pyramid the tiles come first: whoever sees a new NAME.dzi finds NAME_files.

    Args:
        strips: from above, (any number of rows, width, 3) uint8 sRGB each.
        size: width and height in pixels.
        target: .png, .jpg, or .dzi, whose tiles lie in NAME_files beside it.
        quality: of JPEG, a pyramid's tiles too: libjpeg's 1..100.
        progress: is called after each strip.

    Raises:
        CannotRun: where the folder cannot be written or is full, or a JPEG has no place for so many pixels.
        ValueError: if the strips are not such a picture, or the target is none of the three kinds.
    """
    _check(size, target, quality)
    with _explained(target), tempfile.TemporaryFile(dir=target.parent) as scratch:
        _fill(scratch, strips, size, progress)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".tessera-") as aside:
            made = Path(aside, f"made{target.suffix}")
            _save(_mapped(scratch, size), made, quality)
            _put(made, target)


def tiles_of(target: Path) -> Path:
    """Return the folder of a pyramid's tiles, beside its .dzi."""
    return target.with_name(f"{target.stem}_files")


def _check(size: tuple[int, int], target: Path, quality: int) -> None:
    if target.suffix not in SUFFIXES:
        raise ValueError(f"a large picture is one of {', '.join(SUFFIXES)}, not {target.name}")
    if min(size) < 1 or not 1 <= quality <= 100:
        raise ValueError(f"a picture has at least one pixel and a quality of 1 to 100, not {size} and {quality}")
    if target.suffix == ".jpg" and max(size) > MAX_JPEG_SIDE:
        raise CannotRun(
            f"{target.name} would have {size[0]:,} x {size[1]:,} pixels, and no side of a JPEG has more than "
            f"{MAX_JPEG_SIDE:,}. Ask for a PNG or a deep-zoom pyramid, or for smaller tiles."
        )


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    """Say what the system or libvips complained of."""
    try:
        yield
    except OSError as error:
        raise _unwritable(target, error.strerror or str(error)) from error
    except _vips().Error as error:
        raise _unwritable(target, " ".join(f"{error.message}: {error.detail}".split())) from error


def _unwritable(target: Path, why: str) -> CannotRun:
    return CannotRun(f"{target} cannot be written ({why}). Free space in its folder, or name one that can be written.")


def _fill(scratch: IO[bytes], strips: Iterable[Samples], size: tuple[int, int], progress: Progress | None) -> None:
    width, height = size
    rows = 0
    for strip in strips:
        if strip.dtype != np.uint8 or strip.shape[1:] != (width, 3):
            raise ValueError(f"a strip is (rows, {width}, 3) uint8, not {strip.shape} {strip.dtype}")
        scratch.write(np.ascontiguousarray(strip).data)
        rows += len(strip)
        if progress:
            progress(rows)
    if rows != height:
        raise ValueError(f"the strips have {rows} rows together, the picture {height}")
    scratch.flush()


def _mapped(scratch: IO[bytes], size: tuple[int, int]) -> Any:
    width, height = size
    pixels = np.memmap(scratch, np.uint8, "r", shape=(height, width, 3))
    return _vips().Image.new_from_memory(pixels, width, height, 3, "uchar").copy(interpretation="srgb")


def _save(image: Any, made: Path, quality: int) -> None:
    if made.suffix == ".png":
        image.pngsave(str(made), keep="none", **_PNG)
    elif made.suffix == ".jpg":
        image.jpegsave(str(made), Q=quality, subsample_mode=_FULL_COLOUR, keep="none")
    else:
        suffix = f".{TILE_FORMAT}[Q={quality},subsample_mode={_FULL_COLOUR},keep=none]"
        image.dzsave(str(made.with_suffix("")), suffix=suffix, tile_size=TILE, overlap=OVERLAP, keep="none")
        (tiles_of(made) / _DATED).unlink(missing_ok=True)


def _put(made: Path, target: Path) -> None:
    """Move what was made to its place; what was there leaves with the folder it was made in."""
    if target.suffix == ".dzi":
        if tiles_of(target).exists():
            tiles_of(target).rename(made.with_name("replaced"))
        tiles_of(made).rename(tiles_of(target))
    made.replace(target)


@cache
def _vips() -> Any:
    """Return pyvips with all loaders shut, no memory of what it did, and few threads."""
    import pyvips

    pyvips.operation_block_set("VipsForeignLoad", True)
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(min(_THREADS, os.cpu_count() or 1))
    return pyvips
