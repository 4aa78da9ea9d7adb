"""Labelled pictures: what the lake, and the sample shop, know of pictures that models may learn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from pipelines import imaging
from pipelines.executor import cores
from pipelines.inference import labels
from pipelines.inference.true_labels import GROUPS, PIECE, label_map, piece_labels, require_known
from pipelines.ingest import image_sources, images, products
from pipelines.ingest.sample.pieces import pieces
from pipelines.lake.objects import sha256
from pipelines.lake.store import Store
from pipelines.registry.spec import Preprocessing
from pipelines.training.samples import Pixels, Sample, Samples

_AT_ONCE = 256  # pictures decoded between two writes
Picture = tuple[Sample, str, bytes]  # with its format and encoded bytes


def gather(store: Store, shown: Preprocessing, sample_pieces: int, seed: int, scratch: Path) -> Samples:
    """Return the catalogue's pieces with their true labels, and `sample_pieces` drawn ones, as a model sees them.

    Pixels go to a file in `scratch` (28 KB a picture of 84 x 112), so that memory does not grow with the catalogue.
    A picture that any of its sources keeps from training is left out.
    """
    known = _of_catalogue(store)
    drawn = {picture[0].image_id: picture for picture in _drawn(sample_pieces, seed)}
    extra = [drawn[image_id] for image_id in sorted(drawn.keys() - known.keys())]
    count = len(known) + len(extra)
    scratch.mkdir(parents=True, exist_ok=True)
    pixels = np.lib.format.open_memmap(
        scratch / "pixels.npy", mode="w+", dtype=np.uint8, shape=(count, shown.height, shown.width, 3)
    )
    found = list(_decoded(_stored(store, known), shown, pixels, 0))
    found += _decoded(iter(extra), shown, pixels, len(found))
    return Samples(found, pixels[: len(found)])


def _of_catalogue(store: Store) -> dict[str, Sample]:
    """Return the labelled pieces models may learn from; one that has labels but no piece label is of no class."""
    shown = store.snapshot(products.PRODUCT_IMAGES).read(["image_id"])["image_id"]
    usable = set(shown.to_pylist()) - _withheld(store)
    held = store.snapshot(labels.TABLE).read(["image_id", "label_group", "label", "source"])
    rows = held.filter(pc.field("source") == "true").to_pylist()
    found: dict[str, dict[str, tuple[str, ...]]] = {row["image_id"]: {PIECE: ()} for row in rows}
    for row in rows:
        of_image = found[row["image_id"]]
        of_image[row["label_group"]] = (*of_image.get(row["label_group"], ()), row["label"])
    return {image_id: Sample(image_id, found[image_id]) for image_id in sorted(usable & found.keys())}


def _drawn(count: int, seed: int) -> Iterator[Picture]:
    """Yield pieces of the sample shop, which exist for this alone."""
    mapped = require_known(label_map())
    for piece in pieces(count, seed):
        known: dict[str, tuple[str, ...]] = {group: (str(getattr(piece, group)),) for group in GROUPS if group != PIECE}
        known[PIECE] = tuple(sorted(piece_labels(piece.display_name, piece.article_type, mapped)))
        yield Sample(sha256(piece.image), known, is_drawn=True), "jpeg", piece.image


def _withheld(store: Store) -> set[str]:
    held = store.snapshot(image_sources.TABLE).read(["image_id", "allow_training"])
    return set(held.filter(~pc.field("allow_training"))["image_id"].to_pylist())


def _stored(store: Store, known: Mapping[str, Sample]) -> Iterator[Picture]:
    for batch in store.snapshot(images.TABLE).batches(["image_id", "format", "data"]):
        columns = batch["image_id"].to_pylist(), batch["format"].to_pylist(), batch["data"]
        for image_id, form, data in zip(*columns, strict=True):
            if image_id in known:
                yield known[image_id], form, data.as_py()


def _decoded(found: Iterator[Picture], shown: Preprocessing, pixels: Pixels, start: int) -> Iterator[Sample]:
    """Decode pictures into `pixels` from row `start` on; yield their samples in that order."""
    with ThreadPoolExecutor(cores()) as pool:
        while some := [picture for _, picture in zip(range(_AT_ONCE), found, strict=False)]:
            for seen in pool.map(lambda picture: _seen(picture, shown), some):
                pixels[start] = seen
                start += 1
            yield from (sample for sample, _, _ in some)


def _seen(picture: Picture, shown: Preprocessing) -> Pixels:
    _, form, data = picture
    return shown.apply(imaging.decode(data, shown.min_side, form).pixels)
