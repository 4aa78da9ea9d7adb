"""Selections: the products somebody asked for, copied out of the lake as a bundle of files.

Here belongs what makes and tells of a bundle; what is computed from pictures belongs to the tables it is copied from.
"""

from pipelines.selection.account import status
from pipelines.selection.bundle import select
from pipelines.selection.request import Selection

__all__ = ["Selection", "select", "status"]
