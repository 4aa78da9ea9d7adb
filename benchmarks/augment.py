"""Augmentation beside its limit and its peers: pictures per CPU-second, all on the same pictures, in one run.

    python benchmarks/augment.py [pictures]

The work: flip, affine (turn, scale, shear, shift), colour (brightness, contrast, saturation, hue), and a blur of every
other picture, which ours leaves out below 0.3 pixels; drawing the parameters is counted. The limit is `cv2.warpAffine`
alone, the one resample that cannot be left out. Peers do the same kinds of operation in their own usual way, not the
same pixels; those that are not installed are left out. What the table `augmentations` costs, with decoding and
encoding, is said apart. Thumbnails are the real ones where TESSERA_REAL_DATA is set, else drawn pieces of the sample
source. Every round runs each contender once; the best counts.
"""

from __future__ import annotations

import importlib
import itertools
import os
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from pipelines import imaging
from pipelines.augment import augmentations, transforms
from pipelines.augment.augmentations import AugmentParams
from pipelines.augment.crop import Box
from pipelines.augment.transforms import TransformParams
from pipelines.ingest import sample
from pipelines.producers import Image as Decoded

ROUNDS = 5
LIMIT = "cv2.warpAffine alone"
OURS = "tessera"
PARAMS = TransformParams()


def files(count: int) -> list[bytes]:
    """Return encoded thumbnails: real ones spread over the archive, or drawn ones."""
    folder = os.environ.get("TESSERA_REAL_DATA")
    if folder is None:
        return [piece.image for piece in itertools.islice(sample.pieces(count), count)]
    with zipfile.ZipFile(Path(folder) / "fashion-product-images-small.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        return [archive.read(name) for name in names[:: max(1, len(names) // count)][:count]]


def ids(count: int) -> list[str]:
    """Return names for pictures."""
    return [f"{i:064x}" for i in range(count)]


def limit(pixels: np.ndarray) -> None:
    """Warp with matrices made before the clock starts; see `main`."""
    height, width = pixels.shape[1:3]
    for picture, warp in zip(pixels, warps(len(pixels), width, height), strict=True):
        cv2.warpAffine(
            picture,
            warp,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )


_warps: dict[tuple[int, int, int], np.ndarray] = {}


def warps(count: int, width: int, height: int) -> np.ndarray:
    """Return the matrices of the product, made once."""
    key = count, width, height
    if key not in _warps:
        draws = transforms.drawn(1, ids(count), 1, PARAMS)
        _warps[key] = draws.warps(Box(0, 0, width, height), width, height)
    return _warps[key]


def tessera(pixels: np.ndarray) -> None:
    """What training does, in batches of 64."""
    names = ids(len(pixels))
    for at in range(0, len(pixels), 64):
        transforms.augmented(pixels[at : at + 64], transforms.drawn(1, names[at : at + 64], 1, PARAMS))


def draws_alone(pixels: np.ndarray) -> None:
    """The product's parameters and matrices, and no pixels."""
    names = ids(len(pixels))
    for at in range(0, len(pixels), 64):
        draws = transforms.drawn(1, names[at : at + 64], 1, PARAMS)
        draws.warps(Box(0, 0, 60, 80), 60, 80), draws.colours()  # made, as the product makes them


def around(random: np.random.Generator, middle: float, reach: float) -> float:
    """Return a number at most `reach` from `middle`."""
    return float(random.uniform(middle - reach, middle + reach))


def by_opencv(pixels: np.ndarray) -> None:
    """One OpenCV call after the other, parameters drawn picture by picture."""
    random, (height, width) = np.random.default_rng(1), pixels.shape[1:3]
    for picture in pixels:
        made = cv2.flip(picture, 1) if random.random() < PARAMS.flip else picture
        middle = (width / 2, height / 2)
        turn, scale = around(random, 0, PARAMS.rotation_deg), around(random, 1, PARAMS.scale)
        warp = cv2.getRotationMatrix2D(middle, turn, scale)
        warp[0, 1] += around(random, 0, PARAMS.shear)
        warp[:, 2] += around(random, 0, PARAMS.shift) * width, around(random, 0, PARAMS.shift) * height
        made = cv2.warpAffine(made, warp, (width, height), borderMode=cv2.BORDER_REPLICATE)
        contrast, bright = around(random, 1, PARAMS.contrast), around(random, 0, PARAMS.brightness)
        made = cv2.convertScaleAbs(made, alpha=contrast, beta=255 * bright)
        hsv = cv2.cvtColor(made, cv2.COLOR_RGB2HSV)
        hue, saturation, value = cv2.split(hsv)
        hue = ((hue.astype(np.int16) + round(around(random, 0, PARAMS.hue_deg) / 2)) % 180).astype(np.uint8)
        saturation = cv2.convertScaleAbs(saturation, alpha=around(random, 1, PARAMS.saturation))
        made = cv2.cvtColor(cv2.merge([hue, saturation, value]), cv2.COLOR_HSV2RGB)
        if random.random() < PARAMS.blurred:
            cv2.GaussianBlur(made, (3, 3), 0.5)


def by_pillow(pixels: np.ndarray) -> None:
    """One Pillow operation after the other."""
    random, (height, width) = np.random.default_rng(1), pixels.shape[1:3]
    for picture in pixels:
        made = Image.fromarray(picture)
        if random.random() < PARAMS.flip:
            made = made.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        middle = (width / 2, height / 2)
        warp = cv2.getRotationMatrix2D(middle, around(random, 0, PARAMS.rotation_deg), around(random, 1, PARAMS.scale))
        made = made.transform((width, height), Image.Transform.AFFINE, warp.ravel().tolist(), Image.Resampling.BILINEAR)
        made = ImageEnhance.Brightness(made).enhance(around(random, 1, PARAMS.brightness))
        made = ImageEnhance.Contrast(made).enhance(around(random, 1, PARAMS.contrast))
        made = ImageEnhance.Color(made).enhance(around(random, 1, PARAMS.saturation))
        hue, saturation, value = made.convert("HSV").split()
        turned = round(around(random, 0, PARAMS.hue_deg) / 360 * 255)
        hue = hue.point([(level + turned) % 256 for level in range(256)])
        made = Image.merge("HSV", (hue, saturation, value)).convert("RGB")
        if random.random() < PARAMS.blurred:
            made = made.filter(ImageFilter.GaussianBlur(0.5))
        np.asarray(made)


def by_albumentations(module: ModuleType) -> Callable[[np.ndarray], None]:
    """Return a pass of the library's usual pipeline."""
    far = PARAMS.shear * 57.3  # degrees
    chain = module.Compose(
        [
            module.HorizontalFlip(p=PARAMS.flip),
            module.Affine(
                scale=(1 - PARAMS.scale, 1 + PARAMS.scale),
                translate_percent=(-PARAMS.shift, PARAMS.shift),
                rotate=(-PARAMS.rotation_deg, PARAMS.rotation_deg),
                shear={"x": (-far, far), "y": (0, 0)},
                border_mode=cv2.BORDER_REPLICATE,
                p=1,
            ),
            module.ColorJitter(
                brightness=(1 - PARAMS.brightness, 1 + PARAMS.brightness),
                contrast=(1 - PARAMS.contrast, 1 + PARAMS.contrast),
                saturation=(1 - PARAMS.saturation, 1 + PARAMS.saturation),
                hue=(-PARAMS.hue_deg / 360, PARAMS.hue_deg / 360),
                p=1,
            ),
            module.GaussianBlur(blur_limit=3, p=PARAMS.blurred),
        ]
    )

    def run(pixels: np.ndarray) -> None:
        for picture in pixels:
            chain(image=picture)

    return run


def by_torchvision(module: ModuleType) -> Callable[[np.ndarray], None]:
    """Return a pass of the library's usual pipeline, picture by picture on tensors of bytes."""
    import torch

    torch.set_num_threads(1)
    v2 = module
    chain = v2.Compose(
        [
            v2.RandomHorizontalFlip(PARAMS.flip),
            v2.RandomAffine(
                PARAMS.rotation_deg,
                (PARAMS.shift, PARAMS.shift),
                (1 - PARAMS.scale, 1 + PARAMS.scale),
                PARAMS.shear * 57.3,
                interpolation=v2.InterpolationMode.BILINEAR,
            ),
            v2.ColorJitter(PARAMS.brightness, PARAMS.contrast, PARAMS.saturation, PARAMS.hue_deg / 360),
            v2.RandomApply([v2.GaussianBlur(3, 0.5)], PARAMS.blurred),
        ]
    )

    def run(pixels: np.ndarray) -> None:
        for picture in torch.from_numpy(pixels).permute(0, 3, 1, 2):
            chain(picture)

    return run


PEERS = {"albumentations": by_albumentations, "torchvision.transforms.v2": by_torchvision}


def contenders() -> Iterator[tuple[str, Callable[[np.ndarray], None]]]:
    """Yield what can be run here."""
    yield from {LIMIT: limit, OURS: tessera, "tessera, draws alone": draws_alone}.items()
    yield from {"OpenCV, op by op": by_opencv, "Pillow, op by op": by_pillow}.items()
    for name, chain in PEERS.items():
        try:
            yield name.partition(".")[0], chain(importlib.import_module(name))
        except Exception as error:  # a peer that is not there, or does not fit to the rest, is left out
            print(f"{name.partition('.')[0]} is left out: {type(error).__name__}: {error}")


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU-seconds of one pass."""
    start = time.process_time()
    work()
    return time.process_time() - start


def compare(pixels: np.ndarray, runs: dict[str, Callable[[np.ndarray], None]]) -> None:
    """Print all contenders' rates."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(ROUNDS):
        for name, run in runs.items():
            best[name] = min(best[name], seconds(lambda run=run: run(pixels)))
    count, height, width = pixels.shape[:3]
    print(f"\n{count:,} pictures of {width}x{height}\n{'':24}{'img/CPU-s':>12}{'of the limit':>14}{'x Pillow':>10}")
    for name, value in best.items():
        print(f"{name:24}{count / value:12,.0f}{best[LIMIT] / value:14.2f}{best['Pillow, op by op'] / value:10.1f}")


def table(encoded: list[bytes]) -> None:
    """Print what a copy of the table costs, step by step."""
    named = zip(ids(len(encoded)), encoded, strict=True)
    decoded = [Decoded(name, imaging.decode(data).pixels, None) for name, data in named]
    for kind in ("crop", "rich"):
        params = AugmentParams(kind=kind)
        rows = [row for image in decoded for row in augmentations.copies(image, params)]
        made = [augmentations.made_again(i.pixels, row, params.side) for i, row in zip(decoded, rows, strict=True)]
        steps = {
            "decoding": lambda: [imaging.decode(data) for data in encoded],
            "all but decoding": lambda p=params: [list(augmentations.copies(image, p)) for image in decoded],
            "of that, pixels": lambda p=params, r=rows: [
                augmentations.made_again(image.pixels, row, p.side) for image, row in zip(decoded, r, strict=True)
            ],
            "of that, encoding": lambda p=params, m=made: [imaging.encode_jpeg(pixels, p.quality) for pixels in m],
        }
        print(f"\n{kind}: {np.mean([len(row['data']) for row in rows]):,.0f} bytes a copy; CPU-microseconds a copy:")
        for name, step in steps.items():
            print(f"  {name:20}{min(seconds(step) for _ in range(3)) / len(encoded) * 1e6:8.0f}")


def main() -> None:
    """Measure and print."""
    cv2.setNumThreads(1)
    encoded = files(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
    runs = dict(contenders())
    for width, height in ((60, 80), (224, 224)):
        pictures = [imaging.resized(imaging.decode(data).pixels, width, height) for data in encoded]
        compare(np.stack(pictures), runs)
    table(encoded)


if __name__ == "__main__":
    main()
