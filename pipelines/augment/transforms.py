"""Flip, affine, colour and blur: parameters drawn for many pictures at once, each picture made in one fused pass.

All sizes are shares of the picture, so that the same draws suit any resolution.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines import imaging
from pipelines.augment.chance import Uniforms, seed_of, uniforms
from pipelines.augment.crop import Box

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

DRAWS = 12  # numbers that a transformation takes

# Rec. 709 luma, which turning the hue and changing the saturation keep; the third is the quarter turn of a hue.
_LUMA = np.tile([0.213, 0.715, 0.072], (3, 1))
_CHROMA = np.eye(3) - _LUMA
_TURN = np.array([[-0.213, -0.715, 0.928], [0.143, 0.140, -0.283], [-0.787, 0.715, 0.072]])


@dataclass(frozen=True)
class TransformParams:
    """How far a picture may be changed; every figure is the most, both ways, and all between are as likely."""

    flip: float = 0.5  # how often: left and right change places
    rotation_deg: float = 8.0
    scale: float = 0.1  # from 1
    shear: float = 0.06  # of the height, sideways
    shift: float = 0.04  # of the side
    brightness: float = 0.08  # of white, added
    contrast: float = 0.15  # from 1
    saturation: float = 0.25  # from 1
    hue_deg: float = 6.0  # so small that a colour keeps its name
    blurred: float = 0.5  # how often
    blur: float = 0.006  # most, sigma as a part of the height


@dataclass(frozen=True, eq=False)
class Draws:
    """What was drawn for n pictures, each an array (n,); the names are those of the columns of `augmentations`."""

    is_flipped: npt.NDArray[np.bool_]
    rotation_deg: Floats
    scale: Floats
    shear: Floats
    shift_x: Floats
    shift_y: Floats
    brightness: Floats
    contrast: Floats
    saturation: Floats
    hue_deg: Floats
    blur: Floats

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Draws:
        """Return what rows of `augmentations` say was drawn."""
        return cls(**{field.name: np.array([row[field.name] for row in rows]) for field in fields(cls)})

    def row(self, i: int) -> dict[str, Any]:
        """Return what was drawn for the ith picture."""
        return {field.name: getattr(self, field.name)[i].item() for field in fields(self)}

    def warps(self, box: Box, width: int, height: int) -> Floats:
        """Return (n, 2, 3): from pixels of a result of `width` x `height` to where they lie around `box`.

        The picture is flipped, sheared, scaled, turned clockwise and shifted, all about the middle of the box.
        """
        turn = np.radians(self.rotation_deg)
        cos, sin, side = np.cos(turn) / self.scale, np.sin(turn) / self.scale, np.where(self.is_flipped, -1.0, 1.0)
        across, down = (np.array(rows) for rows in ((cos + self.shear * sin, sin - self.shear * cos), (-sin, cos)))
        linear = np.array([across * side, down]).transpose(2, 0, 1) * (box.width, box.height)
        first = np.array([0.5 / width - 0.5 - self.shift_x, 0.5 / height - 0.5 - self.shift_y]).T
        start = (linear @ first[:, :, None])[:, :, 0] + (box.x + box.width / 2 - 0.5, box.y + box.height / 2 - 0.5)
        return np.concatenate([linear / (width, height), start[:, :, None]], axis=2)

    def colours(self) -> Floats:
        """Return (n, 3, 4): from (red, green, blue, 1) to the new colour, in levels of 255."""
        turn = np.radians(self.hue_deg)[:, None, None]
        chroma = np.cos(turn) * _CHROMA + np.sin(turn) * _TURN
        mixed = self.contrast[:, None, None] * (_LUMA + self.saturation[:, None, None] * chroma)
        added = 255 * (0.5 * (1 - self.contrast) + self.brightness)
        return np.concatenate([mixed, np.broadcast_to(added[:, None, None], (len(added), 3, 1))], axis=2)


def drawn(run_seed: int, image_ids: Iterable[str], copy: int, params: TransformParams) -> Draws:
    """Return what is drawn for the copies of that number of these images; in training the copy is the epoch."""
    return draws_from(uniforms((seed_of(run_seed, image_id, copy) for image_id in image_ids), DRAWS), params)


def draws_from(chance: Uniforms, params: TransformParams) -> Draws:
    """Return the draws that numbers in [0, 1), shape (n, 12), choose."""
    either_way = 2 * chance - 1
    return Draws(
        is_flipped=chance[:, 0] < params.flip,
        rotation_deg=either_way[:, 1] * params.rotation_deg,
        scale=1 + either_way[:, 2] * params.scale,
        shear=either_way[:, 3] * params.shear,
        shift_x=either_way[:, 4] * params.shift,
        shift_y=either_way[:, 5] * params.shift,
        brightness=either_way[:, 6] * params.brightness,
        contrast=1 + either_way[:, 7] * params.contrast,
        saturation=1 + either_way[:, 8] * params.saturation,
        hue_deg=either_way[:, 9] * params.hue_deg,
        blur=np.where(chance[:, 10] < params.blurred, chance[:, 11] * params.blur, 0.0),
    )


def augmented(pixels: Pixels, draws: Draws) -> Pixels:
    """Return (n, h, w, 3) uint8 RGB pictures, each changed as was drawn for it; the input stays as it is.

    Threads may share the work: the interpreter lock is free while pixels are worked on.
    """
    height, width = pixels.shape[1:3]
    warps, colours = draws.warps(Box(0, 0, width, height), width, height), draws.colours()
    made = np.empty(pixels.shape, np.uint8)
    for picture, warp, colour, sigma, out in zip(
        pixels, warps, colours, (draws.blur * height).tolist(), made, strict=True
    ):
        imaging.transformed(picture, warp, colour, sigma, out)
    return made
