"""Augmentation of a bundle: a changed copy of each picture, the same file as the table's first one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from pipelines import imaging
from pipelines.augment.augmentations import MIN_SIDE, AugmentParams, augmented_jpeg
from pipelines.imaging import Unreadable
from pipelines.lake.objects import Objects
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal
from pipelines.producers import Encoded
from pipelines.selection.bundle import Bundle
from pipelines.selection.option import applied
from pipelines.selection.pictures import AT_ONCE

STEP = "select augment"


def augment(journal: Journal, bundles: Objects) -> dict[str, Any]:
    """Write `augmentation/<image_id>.jpg` for each image of this run's bundle, and return a summary.

    A repeat writes only what is missing. Images that cannot be decoded become rejects, and are left out. Raises
    CannotRun where there is no whole bundle.
    """
    failed: list[Reject] = []
    with applied(journal, bundles, STEP) as work, ThreadPoolExecutor(AT_ONCE) as pool:
        paths = {work.bundle.augmentation(image_id): image_id for image_id in work.image_ids}
        there = work.bundle.written(paths, "augmentation")
        work.step.unchanged = len(there)
        for pictures in work.originals(there, failed):
            undone = list(filter(None, pool.map(partial(_write, work.bundle), pictures)))
            work.advance(len(pictures) - len(undone))
            failed += undone
        work.leave_out(failed)
    return work.summary


def _write(bundle: Bundle, image: Encoded) -> Reject | None:
    """Write the copy of one picture, or say why there is none."""
    try:
        pixels = imaging.decode(image.data, MIN_SIDE, image.format).pixels
    except Unreadable as error:
        return Reject(image.image_id, error.reason, error.detail)
    bundle.create(bundle.augmentation(image.image_id), augmented_jpeg(image.image_id, pixels, AugmentParams()))
    return None
