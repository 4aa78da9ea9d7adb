"""How rows come to be: each table names one of these kinds, and `materialize` brings it up to date.

`PerImage`: one function over every image. `PerBatch`: one function over many images at once, which may give the rows
of other tables too, each declared as `Companion`. `WholeTable`: one function that brings the table up to date by
itself, for rows that lean on each other. The first two are made once per image and recipe, in shards that workers
read, make and write by themselves. There is no other kind.
"""

from pipelines.producers.driver import forget, materialize
from pipelines.producers.kinds import (
    EVERY_IMAGE,
    Batch,
    Companion,
    Coverage,
    Encoded,
    Image,
    PerBatch,
    PerImage,
    Row,
    WholeTable,
    bound,
)

__all__ = [
    "EVERY_IMAGE",
    "Batch",
    "Companion",
    "Coverage",
    "Encoded",
    "Image",
    "PerBatch",
    "PerImage",
    "Row",
    "WholeTable",
    "bound",
    "forget",
    "materialize",
]
