"""What decides how mosaics are laid out, besides what is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MosaicParams:
    """A cell of a mosaic that stands keeps its tile until another is nearer by more than this share of the distance."""

    margin: float = 0.1
