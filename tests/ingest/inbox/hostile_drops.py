"""Hostile drops as values: each writes one batch that a night must survive, leave alone in part, and tell of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from boxes import Box, Line, picture, upload

PRIVATE, SHARED = 900_001, 900_002  # the seeds of what `good` has put in, and nobody else has


@dataclass(frozen=True)
class Case:
    """What is dropped as a batch of a given name. Harmless ones need leave no reason: they are taken as they are."""

    name: str
    drop: Callable[[Box, str], object]
    harmless: bool = False


def lines(name: str, *said: Line | str | bytes, harmless: bool = False, **files: bytes) -> Case:
    """A manifest, with a good picture beside it called a.jpg."""
    beside = {"a.jpg": picture(1)} | {file.replace("_", "."): data for file, data in files.items()}
    return Case(name, lambda box, batch: box.put(batch, *said, files=beside), harmless)


def line(**changed: Any) -> Line:
    """An upload that is good but for what is changed; of `a.jpg`."""
    return upload(picture(1), "eve", 1) | changed
