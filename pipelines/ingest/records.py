"""Records: a shop's `styles/<id>.json` files on their way into `product_details` and `product_attributes`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingest import product_details
from pipelines.ingest.archive import Archive, Member
from pipelines.ingest.product_details import ATTRIBUTES, RECORD_BYTES, TABLE
from pipelines.ingest.products import Listed
from pipelines.lake.errors import Rejected
from pipelines.lake.materialize import remove, upsert
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal, Step
from pipelines.lake.store import Store

_CHUNK_ROWS = 5_000
Row = dict[str, object]


@dataclass
class Records:
    """Records as they are read: the account, the rejects, and the rows for the next commit."""

    source: str
    listed: Listed
    step: Step
    stamps: dict[str, str]
    rejects: dict[str, Reject] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    attributes: list[Row] = field(default_factory=list)

    def take(self, archive: Archive, member: Member, number: str) -> None:
        """Account for one record, and keep its rows where it is new or of another stamp."""
        self.step.rows_in += 1
        try:
            self._read(archive, member, number)
        except Rejected as error:
            key = f"styles/{number}.json"
            self.step.rejected += 1
            self.step.absent += error.reason == "no_product" and number in self.listed.absent
            self.rejects[key] = Reject(key, error.reason, f"{key}: {error.detail}")

    def _read(self, archive: Archive, member: Member, number: str) -> None:
        if member.fault:
            raise Rejected(*member.fault)
        self.listed.require(number)
        display_name = self.listed.names[number]
        stamp = product_details.stamp(member.stamp, display_name)
        if self.stamps.get(number) == stamp:
            self.step.unchanged += 1
            return
        details = product_details.read(archive.read(member, RECORD_BYTES), number, display_name)
        self.rows.append({**details.row, "source": self.source, "stamp": stamp})
        self.attributes += (
            {"product_id": int(number), "attribute": name, "value": value} for name, value in details.attributes.items()
        )

    def commit(self, journal: Journal) -> None:
        """Bring the kept rows in. Attributes first: once its details are there, a record is not read again."""
        attributes = pa.Table.from_pylist(self.attributes, ATTRIBUTES.schema)
        upsert(journal.store, journal.run, ATTRIBUTES, attributes, within=("product_id",))
        self._strip(journal, attributes)
        came = upsert(journal.store, journal.run, TABLE, pa.Table.from_pylist(self.rows, TABLE.schema))
        self.step.new += came.new.num_rows + came.changed.num_rows
        self.step.unchanged += came.unchanged
        self.rows, self.attributes = [], []
        journal.progress(self.step.step, self.step.rows_in, None)

    def _strip(self, journal: Journal, attributes: pa.Table) -> None:
        """Take the attributes away from pieces that were read again and have none left."""
        again = {int(str(row["product_id"])) for row in self.rows if str(row["product_id"]) in self.stamps}
        bare = pa.array(sorted(again - set(attributes["product_id"].to_pylist())), pa.int64())
        if len(bare):
            remove(journal.store, journal.run, ATTRIBUTES, lambda rows: pc.is_in(rows["product_id"], bare))


def take_in(
    journal: Journal, source: str, archive: Archive, found: Iterable[tuple[Member, str]], listed: Listed
) -> list[Reject]:
    """Take in the records of products, given as files and numbers; return the rejects.

    Memory holds 5,000 records' rows. One of a product that `products` does not hold is a reject.
    """
    with journal.step(f"{source} details") as step:
        records = Records(source, listed, step, _stamps(journal.store, source))
        for member, number in found:
            records.take(archive, member, number)
            if len(records.rows) >= _CHUNK_ROWS:
                records.commit(journal)
        records.commit(journal)
        return list(records.rejects.values())


def _stamps(store: Store, source: str) -> dict[str, str]:
    """Return the stamp of each record the lake holds rows of, by its product's number."""
    held = store.snapshot(TABLE).read(["product_id", "source", "stamp"]).filter(pc.field("source") == source)
    numbers = pc.cast(held["product_id"], pa.string()).to_pylist()
    return dict(zip(numbers, held["stamp"].to_pylist(), strict=True))
