"""Augmentations: changed copies of each image, with all that is needed to make a copy again from its row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines import imaging
from pipelines.augment import crop, transforms
from pipelines.augment.chance import seed_of, uniforms
from pipelines.augment.crop import Box, CropParams, crop_box
from pipelines.augment.transforms import Draws, TransformParams, draws_from
from pipelines.ingest import image_sources, images
from pipelines.ingest.columns import IMAGE_ID
from pipelines.lake.errors import CannotRun
from pipelines.lake.table import Column, Expectation, Table
from pipelines.producers import Coverage, Image, PerImage, Row

Pixels = npt.NDArray[np.uint8]
Kind = Literal["crop", "rich"]

MIN_SIDE = 512  # pixels a large picture keeps: its smallest crop then has more of them than a copy
_UNCHANGED = TransformParams(*(0.0,) * 11)


@dataclass(frozen=True)
class AugmentParams:
    """Which copies are made. Raises CannotRun for those that cannot be."""

    copies: int = 1
    run_seed: int = 1
    kind: Kind = "crop"  # crop: the reference's window alone; rich: flipped, warped, recoloured and blurred as well
    side: int = 256  # pixels of a copy, both ways
    quality: int = 90  # of its JPEG, 1..100
    crop: CropParams = field(default_factory=CropParams)
    transform: TransformParams = field(default_factory=TransformParams)

    def __post_init__(self) -> None:
        if self.copies < 1 or self.kind not in ("crop", "rich"):
            raise CannotRun(
                f"augmentation makes at least one copy of the kind crop or rich, not {self.copies} of {self.kind!r}."
            )


def copies(image: Image, params: AugmentParams) -> Iterator[Row]:
    """Yield a row per copy."""
    height, width = image.pixels.shape[:2]
    for choice in _choices(image.image_id, width, height, params):
        yield choice | {"data": _jpeg(image.pixels, choice, params)}


def augmented_jpeg(image_id: str, pixels: Pixels, params: AugmentParams) -> bytes:
    """Return the first copy of a picture, the same file as in the table for pixels decoded with `MIN_SIDE`."""
    height, width = pixels.shape[:2]
    return _jpeg(pixels, next(_choices(image_id, width, height, params)), params)


def made_again(pixels: Pixels, row: Mapping[str, Any], side: int) -> Pixels:
    """Return (side, side, 3), the copy that a row of `augmentations` describes, before it became a JPEG.

    `pixels` (h, w, 3) is the image, decoded with `MIN_SIDE`; nothing is drawn, and no seed is needed.
    """
    box = Box(row["crop_x"], row["crop_y"], row["crop_width"], row["crop_height"])
    if row["kind"] == "crop":
        window = pixels[box.y : box.y + box.height, box.x : box.x + box.width]
        return imaging.resized(np.ascontiguousarray(window), side, side)
    draws, out = Draws.of([row]), np.empty((side, side, 3), np.uint8)
    warp, colours = draws.warps(box, side, side)[0], draws.colours()[0]
    return imaging.transformed(pixels, warp, colours, row["blur"] * side, out)


def _choices(image_id: str, width: int, height: int, params: AugmentParams) -> Iterator[Row]:
    """Yield what is chosen for each copy of an image, which is its row without the picture."""
    for copy in range(1, params.copies + 1):
        seed = seed_of(params.run_seed, image_id, copy)
        chance = uniforms([seed], crop.DRAWS + transforms.DRAWS)
        box = crop_box(chance[0, : crop.DRAWS].tolist(), width, height, params.crop)
        draws = draws_from(chance[:, crop.DRAWS :], params.transform if params.kind == "rich" else _UNCHANGED)
        yield (
            {"image_id": image_id, "copy": copy, "kind": params.kind, "seed": seed}
            | {"from_width_px": width, "from_height_px": height}
            | {f"crop_{name}": value for name, value in box._asdict().items()}
            | draws.row(0)
        )


def _jpeg(pixels: Pixels, choice: Row, params: AugmentParams) -> bytes:
    return imaging.encode_jpeg(made_again(pixels, choice, params.side), params.quality)


def _drawn(name: str, description: str, low: float, high: float) -> Column:
    return Column(name, pa.float64(), description, bounds=(low, high))


TABLE = Table(
    name="augmentations",
    description="Changed copies of the fashion images for training, and how each can be made again.",
    grain=("image_id", "copy"),
    inputs=(images.TABLE, image_sources.TABLE),
    columns=(
        IMAGE_ID,
        Column("copy", pa.int32(), "Which copy of the image; the first is 1.", bounds=(1, 1_000_000)),
        Column("kind", pa.string(), "crop: a window, stretched; rich: changed as well.", values=("crop", "rich")),
        Column(
            "seed", pa.int64(), "SHA-256 of run seed, image and copy, which decides the rest.", bounds=(0, 2**63 - 1)
        ),
        Column(
            "from_width_px",
            pa.int32(),
            f"Width of the picture that was cut, seen upright; large ones are reduced to {MIN_SIDE} or more first.",
            bounds=(1, 16_384),
        ),
        Column("from_height_px", pa.int32(), "Its height.", bounds=(1, 16_384)),
        Column("crop_x", pa.int32(), "Left edge of the window, in pixels of that picture.", bounds=(0, 16_383)),
        Column("crop_y", pa.int32(), "Its upper edge.", bounds=(0, 16_383)),
        Column("crop_width", pa.int32(), "Its width.", bounds=(1, 16_384)),
        Column("crop_height", pa.int32(), "Its height.", bounds=(1, 16_384)),
        Column("is_flipped", pa.bool_(), "True where left and right changed places, before all that follows."),
        _drawn("rotation_deg", "Turn about the middle of the window, clockwise, in degrees.", -180, 180),
        _drawn("scale", "How much larger it became.", 0.1, 10),
        _drawn("shear", "How far its top leans to the left, as a part of its height.", -1, 1),
        _drawn("shift_x", "How far it moved to the right, as a part of the width.", -1, 1),
        _drawn("shift_y", "How far it moved down, as a part of the height.", -1, 1),
        _drawn("brightness", "White that was added, 1 for all of it.", -1, 1),
        _drawn("contrast", "Factor about the middle grey.", 0, 10),
        _drawn("saturation", "Factor about the grey of the same luma.", 0, 10),
        _drawn("hue_deg", "Turn of the hue, in degrees.", -180, 180),
        _drawn("blur", "Sigma of the Gaussian blur as a part of the height; 0 for none.", 0, 1),
        Column("data", pa.binary(), "The copy as a JPEG.", blob=True),
    ),
    expectations=(
        Expectation(
            "crops_lie_inside",
            "Every window lies inside of the picture it was cut from.",
            "SELECT image_id FROM augmentations "
            "WHERE crop_x + crop_width > from_width_px OR crop_y + crop_height > from_height_px",
        ),
    ),
    produce=PerImage(
        copies, AugmentParams(), version=1, min_side=MIN_SIDE, coverage=Coverage(sources=("fashion", "sample"))
    ),
)
