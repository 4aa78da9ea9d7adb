"""The ways in which rows come to be, as values that stand beside a table's declaration, and what passes through them.

A closed set: `PerImage`, `PerBatch` with its `Companion` tables, and `WholeTable`. What runs them is in `driver` and
`worker`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.imaging import Format
from pipelines.lake.recipe import recipe
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal
from pipelines.lake.table import Table

Row = dict[str, Any]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Coverage:
    """Which images a table is made of, by the sources that name them in `image_sources`.

    `sources`: only images that one of these names; empty: any. `without`: sources that do not count, so that an
    image which they alone name is not covered. A table with a coverage has `image_sources` among its inputs.
    """

    sources: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


EVERY_IMAGE = Coverage()


@dataclass(frozen=True)
class Image:
    """A decoded image: `pixels` (h, w, 3) uint8 sRGB over white, `alpha` (h, w) uint8 or None when opaque."""

    image_id: str
    pixels: Pixels
    alpha: Pixels | None


@dataclass(frozen=True)
class Encoded:
    """One stored image, not yet decoded."""

    image_id: str
    format: Format
    data: bytes


@dataclass(frozen=True)
class Batch:
    """What became of some images: rows by the name of their table, and the images that could not be made into rows.

    The rows of an image stand in one batch, or in several; those of a rejected image are dropped.
    """

    rows: Mapping[str, pa.Table]
    rejects: Sequence[Reject] = ()


class PerShard(Protocol):
    """What the kinds that are made of shards of images have in common."""

    @property
    def version(self) -> int: ...
    @property
    def fingerprint(self) -> dict[str, Any]: ...
    @property
    def coverage(self) -> Coverage: ...
    @property
    def companions(self) -> tuple[Table, ...]: ...
    @property
    def needs_gpu(self) -> bool: ...


@dataclass(frozen=True)
class PerImage:
    """Rows from one image at a time: `function(image, params)` yields them.

    The first input of the table holds the images: columns `image_id`, `format` and `data`. Large pictures are
    reduced to a smaller side of at least `min_side` pixels while they are decoded (None: never).
    """

    function: Callable[[Image, Any], Iterable[Row]]
    params: Any
    version: int
    min_side: int | None = None
    coverage: Coverage = EVERY_IMAGE

    @property
    def fingerprint(self) -> dict[str, Any]:
        return {"params": asdict(self.params), "min_side": self.min_side} | _told(self.coverage)

    @property
    def companions(self) -> tuple[Table, ...]:
        return ()

    @property
    def needs_gpu(self) -> bool:
        return False


@dataclass(frozen=True)
class PerBatch:
    """Rows of many images at once, for work that is cheaper together: `function(images, params, place)` yields them.

    What a batch is, the function decides: it is given the images of a shard as a stream, to be decoded as it likes.
    An image that cannot be made into rows goes into `Batch.rejects`; one of which the table itself gets neither rows
    nor a reject becomes the reject `no_rows`. Where the function raises, the shard is cut smaller and smaller until
    the image at fault is alone.

    `params` say what is computed, and are in the recipe. `place` says where a worker finds things, and is not; it can
    be pickled, and where its `device` is "cuda" the work goes to a worker with a GPU. `companions` are tables whose
    rows the same pass gives; the recipe of the table holds theirs, so that a change in one makes all of them anew.
    """

    function: Callable[[Iterable[Encoded], Any, Any], Iterator[Batch]]
    params: Any
    version: int
    coverage: Coverage = EVERY_IMAGE
    companions: tuple[Table, ...] = ()
    place: Any = field(default=None, compare=False)

    @property
    def fingerprint(self) -> dict[str, Any]:
        theirs = {"companions": {table.name: recipe(table) for table in self.companions}}
        return {"params": asdict(self.params)} | theirs | _told(self.coverage)

    @property
    def needs_gpu(self) -> bool:
        return getattr(self.place, "device", None) == "cuda"


@dataclass(frozen=True)
class Companion:
    """Rows that another table's pass gives: bringing that table up to date brings this one up to date."""

    params: Any
    version: int

    @property
    def fingerprint(self) -> dict[str, Any]:
        return {"params": asdict(self.params)}


@dataclass(frozen=True)
class WholeTable:
    """Rows made of whole tables: `function(journal, table, params)` opens the step and commits what differs."""

    function: Callable[[Journal, Table, Any], None]
    params: Any
    version: int
    on_request: bool = False  # a night makes it only where somebody has had it made before
    device: str | None = None  # where its inner loops run, once a night has said so; None: it has no choice

    @property
    def fingerprint(self) -> dict[str, Any]:
        return {"params": asdict(self.params)}


def bound(table: Table, params: Any, place: Any) -> Table:
    """Return a table made in batches, and its companions, with these params and this place put in.

    For what is known only when a night begins: which version of a model, where it lies.
    """
    if not isinstance(table.produce, PerBatch):
        raise TypeError(f"table {table.name} is not made in batches")
    companions = tuple(_with_params(companion, params) for companion in table.produce.companions)
    return replace(table, produce=replace(table.produce, params=params, place=place, companions=companions))


def _with_params(companion: Table, params: Any) -> Table:
    if not isinstance(companion.produce, Companion):
        raise TypeError(f"table {companion.name} is declared as a companion, but is made in another way")
    return replace(companion, produce=replace(companion.produce, params=params))


def _told(coverage: Coverage) -> dict[str, Any]:
    """Return a coverage for a recipe; the usual one goes without saying."""
    return {} if coverage == EVERY_IMAGE else {"coverage": asdict(coverage)}
