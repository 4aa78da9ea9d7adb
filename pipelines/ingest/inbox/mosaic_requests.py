"""Mosaic requests: which mosaics users and operators ask for, and how each is to be made; the latest word counts."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingest import images
from pipelines.ingest.columns import IMAGE_ID
from pipelines.ingest.inbox import sight, uploads
from pipelines.ingest.inbox.uploads import BATCH, USER_ID
from pipelines.lake.errors import ContractBroken, Rejected
from pipelines.lake.materialize import upsert
from pipelines.lake.objects import sha256
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.lake.table import Column, Table

MODES = ("cells_3x3", "cells_2x2", "mean_rgb")
FORMATS = ("jpeg", "png", "dzi")
LIMIT = 100  # standing mosaics of one user
_COLUMNS, _USES, _APART, _TILE_PX = (1, 2_000), (1, 2**31 - 1), (0, 100), (1, 256)
_NAMES = 50  # sources, or families, of one request
_SOURCE, _FAMILY = re.compile("[a-z0-9_]{1,50}"), re.compile("[a-z]{1,50}")
_TAG_PATH = re.compile("(?:/[a-z0-9]{1,50}(?:_[a-z0-9]{1,50}){0,9}){1,9}")


@dataclass(frozen=True)
class Options:
    """How a mosaic is to be made. Options that mean the same are equal, however they were written.

    Attributes:
        mode: what of a cell is compared with a tile.
        columns: cells across; None for one per 32 pixels of the source.
        sources: where tiles may come from; () for the default set.
        tag_path: the place of the tag tree that tiles hang at or below; None for any.
        families: colour families that tiles may be of; () for any.
        max_uses: how often one tile may be used; None for any number of times.
        apart: cells, in any direction, within which a tile may not come again; 0 for none.
        tile_px: pixels a side at which a tile is shown.
        tint: how far a tile is drawn towards the source, 0..1.
        format: what it is written as.

    Raises Rejected, with a reason of its own for each of them, where a value cannot be.
    """

    mode: str = MODES[0]
    columns: int | None = None
    sources: tuple[str, ...] = ()
    tag_path: str | None = None
    families: tuple[str, ...] = ()
    max_uses: int | None = None
    apart: int = 0
    tile_px: int = 32
    tint: float = 0.0
    format: str = FORMATS[0]

    def __post_init__(self) -> None:
        _check_word("mode", self.mode, MODES)
        _check_word("format", self.format, FORMATS)
        for name, bounds in (("columns", _COLUMNS), ("max_uses", _USES)):
            if getattr(self, name) is not None:
                _check_whole(name, getattr(self, name), bounds)
        for name, bounds in (("apart", _APART), ("tile_px", _TILE_PX)):
            _check_whole(name, getattr(self, name), bounds)
        plain = {
            "sources": _names("sources", self.sources, _SOURCE, "cifar10"),
            "families": _names("families", self.families, _FAMILY, "blue"),
            "tag_path": _tag_path(self.tag_path),
            "tint": _tint(self.tint),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)


OPTIONS = tuple(option.name for option in fields(Options))


def told(found: Mapping[str, Any]) -> Options:
    """Return the options that something names; those it does not name are as they are by default. Raises Rejected."""
    return Options(**{name: found[name] for name in OPTIONS if name in found})


def _check_word(name: str, value: object, words: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in words:
        raise Rejected(f"bad_{name}", f"{name} must be one of {', '.join(words)}.")


def _check_whole(name: str, value: object, bounds: tuple[int, int]) -> None:
    low, high = bounds
    if type(value) is not int or not low <= value <= high:
        raise Rejected(f"bad_{name}", f"{name} must be a whole number from {low} to {high:,}.")


def _names(name: str, value: object, pattern: re.Pattern[str], example: str) -> tuple[str, ...]:
    given = value if isinstance(value, list | tuple) else [value]
    names = {one for one in given if isinstance(one, str) and pattern.fullmatch(one)}
    if len(given) > _NAMES or not all(isinstance(one, str) and one in names for one in given):
        raise Rejected(f"bad_{name}", f"{name} must be at most {_NAMES} names in lower case, such as {example}.")
    return tuple(sorted(names))


def _tag_path(value: object) -> str | None:
    if value is None:
        return None
    path = "/" + value.strip().strip("/").lower() if isinstance(value, str) else ""
    if not _TAG_PATH.fullmatch(path):
        raise Rejected("bad_tag_path", "tag_path must be a place in the tree of tags, such as /animal/fourlegs.")
    return path


def _tint(value: object) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:  # type: ignore[operator]
        raise Rejected("bad_tint", "tint must be a number from 0 (none) to 1.")
    return abs(float(value))  # type: ignore[arg-type]  # or there would be two zeros


@dataclass(frozen=True)
class MosaicRequest:
    """A mosaic of an image that a user asks for; `user_id` is None for an operator who asks on nobody's behalf."""

    user_id: str | None
    image_id: str
    options: Options = field(default_factory=Options)

    @cached_property
    def mosaic_id(self) -> str:
        """16 hex digits that follow from who asks, for what, and how it is to be made."""
        said = {"user_id": self.user_id, "image_id": self.image_id, **vars(self.options)}
        return sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode())[:16]

    def row(self, at: datetime, batch: str = "", *, is_wanted: bool = True) -> dict[str, Any]:
        """Return its row in the table, as it was said at some time."""
        named = {"mosaic_id": self.mosaic_id, "user_id": self.user_id, "image_id": self.image_id}
        return named | vars(self.options) | {"is_wanted": is_wanted, "asked_at": at, "batch": batch}


TABLE = Table(
    name="mosaic_requests",
    description="The mosaics that are asked for, and how each is to be made; of what is said of one the latest counts.",
    grain=("mosaic_id",),
    columns=(
        Column(
            "mosaic_id",
            pa.string(),
            "Follows from who asks, for what, and all the options: the same again is the same mosaic.",
            pattern="[0-9a-f]{16}",
        ),
        replace(USER_ID, description="Who asks; null for an operator who asks on nobody's behalf.", nullable=True),
        IMAGE_ID,
        Column("mode", pa.string(), "What of a cell is compared with a tile.", values=MODES),
        Column("columns", pa.int32(), "Cells across; null: one per 32 pixels.", nullable=True, bounds=_COLUMNS),
        Column("sources", pa.list_(pa.string()), "Where tiles may come from; empty: the default set."),
        Column(
            "tag_path", pa.string(), "Where in the tree of tags tiles hang, or below; null: anywhere.", nullable=True
        ),
        Column("families", pa.list_(pa.string()), "Colour families that tiles may be of; empty: any."),
        Column("max_uses", pa.int32(), "How often one tile may be used; null: always.", nullable=True, bounds=_USES),
        Column("apart", pa.int32(), "Cells within which a tile may not come again.", bounds=_APART),
        Column("tile_px", pa.int32(), "Pixels a side at which a tile is shown.", bounds=_TILE_PX),
        Column("tint", pa.float64(), "How far a tile is drawn towards the source.", bounds=(0, 1)),
        Column("format", pa.string(), "What it is written as.", values=FORMATS),
        Column("is_wanted", pa.bool_(), "False once it is taken back; what was said before cannot bring it back."),
        Column("asked_at", pa.timestamp("us", "UTC"), "When that was said."),
        replace(BATCH, description="The batch of the inbox that last said so; empty where an operator asked."),
    ),
    inputs=(images.TABLE,),
)


def ask(journal: Journal, request: MosaicRequest, *, is_wanted: bool = True) -> None:
    """Note what an operator asks for, or takes back; asking twice is one row.

    Raises ContractBroken where there is no such picture, or nothing to take back.
    """
    if not is_wanted and request.mosaic_id not in {each.mosaic_id for each in requests(journal.store)}:
        raise ContractBroken(
            f"mosaic {request.mosaic_id} is not asked for, so it cannot be taken back. Give user and options as "
            'they were: tessera sql "FROM mosaic_requests" lists them.'
        )
    rows = pa.Table.from_pylist([request.row(datetime.now(UTC), is_wanted=is_wanted)], TABLE.schema)
    if is_wanted and not pc.all(_seen(journal.store, rows)).as_py():
        raise ContractBroken(
            f"there is no picture {request.image_id} that {request.user_id or 'everybody'} may see. Name one of a "
            "source or a shared upload, or the user on whose behalf you ask."
        )
    upsert(journal.store, journal.run, TABLE, rows, newest=("asked_at",))


def requests(store: Store) -> list[MosaicRequest]:
    """Return what is asked for and not taken back, by mosaic_id."""
    return _requests(store.snapshot(TABLE).read())


def standing(store: Store) -> list[MosaicRequest]:
    """Return what is to be made, by mosaic_id: what is asked for of pictures that the asker may see now."""
    rows = store.snapshot(TABLE).read()
    return _requests(rows.filter(_seen(store, rows)))


def surplus(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the mosaics that are too many: of each user's all but those asked for last, as many as are allowed."""
    asked = defaultdict(list)
    for row in rows:
        if row["is_wanted"] and row["user_id"] is not None:
            asked[row["user_id"]].append((row["asked_at"], row["mosaic_id"]))
    return {mosaic_id for said in asked.values() for _, mosaic_id in sorted(said, reverse=True)[LIMIT:]}


def _seen(store: Store, rows: pa.Table) -> pa.ChunkedArray:
    shown = store.snapshot(uploads.TABLE).read([*sight.OWN, "visibility"])
    return sight.look(store, shown, rows["image_id"].combine_chunks()).of(rows)


def _requests(rows: pa.Table) -> list[MosaicRequest]:
    wanted = rows.filter(rows["is_wanted"]).sort_by("mosaic_id")
    return [MosaicRequest(row["user_id"], row["image_id"], told(row)) for row in wanted.to_pylist()]
