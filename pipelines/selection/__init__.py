"""Selections: the products somebody asked for, copied out of the lake as a bundle of files.

Here belongs what makes and tells of a bundle; how a picture is changed or scored belongs to the rooms that do so.
"""

from pipelines.selection.account import status
from pipelines.selection.augmented import augment
from pipelines.selection.imagery import select
from pipelines.selection.predictions import MODEL, predict
from pipelines.selection.request import Selection

__all__ = ["MODEL", "Selection", "augment", "predict", "select", "status"]
