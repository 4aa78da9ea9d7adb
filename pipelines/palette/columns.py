"""Columns that tables of colours share."""

from __future__ import annotations

import pyarrow as pa

from pipelines.lake.table import Column

HEX = Column("hex", pa.string(), "The colour in sRGB, six upper-case digits.", pattern=r"[0-9A-F]{6}")
RED = Column("red", pa.int16(), "Its red channel.", bounds=(0, 255))
GREEN = Column("green", pa.int16(), "Its green channel.", bounds=(0, 255))
BLUE = Column("blue", pa.int16(), "Its blue channel.", bounds=(0, 255))
NAME = Column("name", pa.string(), "The published name nearest to it: moderate reddish brown.")
FAMILY = Column("family", pa.string(), "What people would call it in one word.", pattern="[a-z]+")
