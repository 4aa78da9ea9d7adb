"""Kernel: the kinds of numbers in this package's compiled loops.

Sums are of whole numbers, which the compiler may reorder, and single operations on floats are the same on every
processor. So a picture has one palette everywhere.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F32 = np.float32
I32 = np.int32
I64 = np.int64
U8 = np.uint8
U16 = np.uint16
U32 = np.uint32
U64 = np.uint64

Colours = npt.NDArray[np.float32]  # (3, n): L, a, b or red, green, blue; n is padded to LANES
Whole = npt.NDArray[np.int32]

LANES = 16  # what arrays are padded to, so that no loop has a rest
UNIT = 1 << 30  # the mass of a whole picture in whole numbers
