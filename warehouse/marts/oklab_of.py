"""oklab_of(colour): a colour that somebody writes down, as the palettes hold theirs. Shows no rows of anybody."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from pipelines.lake.table import Table
from pipelines.palette import palettes
from warehouse.marts.view import View, query_beside

_SWATCH = {column.name: column for column in palettes.TABLE.columns}
_OKLAB = ("lightness", "oklab_a", "oklab_b")

VIEW = View(
    Table(
        name="oklab_of",
        description="One colour, written as six hex digits with or without #, in OKLab by the formula of the palettes.",
        grain=("hex",),
        columns=(
            *(_SWATCH[name] for name in ("hex", "red", "green", "blue")),
            *(replace(_SWATCH[name], type=pa.float64()) for name in _OKLAB),
        ),
    ),
    query_beside(__file__),
    viewer=True,
    parameters=("colour",),
)
