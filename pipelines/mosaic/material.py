"""Material: the tiles one mosaic may be made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingest.inbox.mosaic_requests import MosaicRequest
from pipelines.lake.objects import sha256
from pipelines.lake.recipe import recipe
from pipelines.lake.store import Snapshot
from pipelines.mosaic import tile_pictures
from pipelines.mosaic.features import Features, Mode
from pipelines.mosaic.mosaic_tiles import CIFAR10, UPLOADS


@dataclass(frozen=True)
class Tiles:
    """All tiles there are, and those of them that a request may have."""

    tiles: Snapshot  # of mosaic_tiles
    pictures: Snapshot  # of tile_pictures

    @cached_property
    def _rows(self) -> pa.Table:
        columns = ["tile_id", "source", "tag_path", "family", "is_public", "owners"]
        rows = self.tiles.read(columns)  # of a picture that went meanwhile there is still a row
        return rows.filter(pc.is_in(rows["tile_id"], self._pictures["image_id"])).sort_by("tile_id")

    @cached_property
    def _pictures(self) -> pa.Table:
        return self.pictures.read(["image_id", "features"])

    def of(self, request: MosaicRequest) -> pa.Array:
        """Return the ids of the tiles a mosaic may be made of, ascending; never the picture it shows.

        By default they are those of CIFAR-10's training part and of uploads; without CIFAR-10, all that may be seen.
        """
        options, rows = request.options, self._rows
        mine = pa.array([request.user_id in (owners or ()) for owners in rows["owners"].to_pylist()], pa.bool_())
        rows = rows.filter(pc.and_(pc.or_(rows["is_public"], mine), pc.not_equal(rows["tile_id"], request.image_id)))
        usual = (CIFAR10, UPLOADS) if CIFAR10 in rows["source"].unique().to_pylist() else ()
        if sources := options.sources or usual:
            rows = rows.filter(pc.is_in(rows["source"], pa.array(sources)))
        if options.families:
            rows = rows.filter(pc.is_in(rows["family"], pa.array(options.families)))
        if path := options.tag_path:
            at = pc.equal(rows["tag_path"], path)
            rows = rows.filter(pc.or_(at, pc.starts_with(rows["tag_path"], f"{path}/")))
        return rows["tile_id"].combine_chunks()

    def features(self, tile_ids: pa.Array, mode: Mode) -> Features:
        """Return what tiles are compared by, (n, length), in the order of their ids."""
        places = pc.index_in(tile_ids, self._pictures["image_id"].combine_chunks())
        return tile_pictures.read(self._pictures["features"].take(places), mode)

    def fingerprint(self, tile_ids: pa.Array) -> str:
        """Return what tells whether tiles are the same as before."""
        made_by = recipe(self.pictures.table)
        return sha256("\n".join([made_by, *tile_ids.to_pylist()]).encode())[:32]
