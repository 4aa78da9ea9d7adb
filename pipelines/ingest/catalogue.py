"""Catalogue: the rows of one `styles.csv` on their way into `products`, each with the picture that shows it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from pipelines.ingest import products, styles
from pipelines.ingest.intake import Intake
from pipelines.ingest.styles import Defect, Header, Line
from pipelines.lake.errors import ContractBroken
from pipelines.lake.materialize import upsert
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal, Step

ABSENT = "image_absent"  # the one reason that is no defect: a partial copy lists more than it holds
_REJECTS = 1_000_000  # of one file; more of them are no catalogue, and would fill the memory
_BOTH = pa.unify_schemas([products.TABLE.schema, products.PRODUCT_IMAGES.schema])

Row = dict[str, object]


@dataclass(frozen=True)
class FashionParams:
    """How defects are treated."""

    repair_malformed: bool = True  # put surplus commas back into the name they came from


@dataclass
class Catalogue:
    """The rows of one file as they are read: the account and the rejects."""

    source: str
    header: Header
    params: FashionParams
    shots: Intake
    step: Step
    rejects: dict[tuple[str, str], Reject] = field(default_factory=dict)
    _met: dict[object, int] = field(default_factory=dict)

    @property
    def absent(self) -> frozenset[str]:
        """The numbers of the products that are listed but have no picture."""
        return frozenset(key for key, reason in self.rejects if reason == ABSENT)

    def take(self, line: Line) -> Row | None:
        """Account for one line; return its product and image, None when it is a reject or a duplicate."""
        self.step.rows_in += 1
        try:
            product = styles.product(self.header, line, self.params.repair_malformed)
            product["image_id"] = self._image_of(product)
            if self._is_duplicate(product, line):
                self.step.duplicates += 1
                return None
        except Defect as defect:
            self._reject(defect, line)
            return None
        return product

    def _reject(self, defect: Defect, line: Line) -> None:
        self.step.rejected += 1
        self.step.absent += defect.reason == ABSENT
        if self.step.rejected > _REJECTS:
            raise ContractBroken(f"more than {_REJECTS} rows are no products: this is no catalogue. See {line.key}.")
        is_second = (defect.key, defect.reason) in self.rejects
        key = f"{defect.key} at {line.key}" if is_second else defect.key
        self.rejects[key, defect.reason] = Reject(key, defect.reason, defect.detail)

    def _is_duplicate(self, product: Row, line: Line) -> bool:
        """True for a line that was met before; another line with the same id is a defect."""
        product_id, content = product["product_id"], hash(line.text)
        if product_id not in self._met:
            self._met[product_id] = content
            return False
        if self._met[product_id] != content:
            raise Defect(
                f"{product_id} at {line.key}", "duplicate_id", f"{line.key}: id {product_id} was taken before."
            )
        return True

    def _image_of(self, product: Row) -> str:
        key = f"images/{product['product_id']}.jpg"
        if image_id := self.shots.image_ids.get(key):
            return image_id
        if key in self.shots.rejects:
            raise Defect(str(product["product_id"]), "image_unreadable", f"{key} was rejected; see its own reject.")
        if known := self.shots.met.get(key):
            return known.image_id
        # No line number: it would change with every row that is added above.
        raise Defect(str(product["product_id"]), ABSENT, f"the product is listed, but the archive holds no {key}.")

    def commit(self, journal: Journal, rows: list[Row]) -> None:
        """Bring a chunk of products in, and which image shows each; products first, as images refer to them."""
        chunk = pa.table({name: [row.get(name) for row in rows] for name in _BOTH.names}, _BOTH)
        chunk = _constant(_constant(chunk, "source", self.source), "kind", "thumbnail")
        came = upsert(journal.store, journal.run, products.TABLE, chunk)
        upsert(journal.store, journal.run, products.PRODUCT_IMAGES, chunk)
        self.step.new += came.new.num_rows + came.changed.num_rows
        self.step.unchanged += came.unchanged
        journal.progress(self.step.step, self.step.rows_in, None)


def _constant(rows: pa.Table, name: str, value: str) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, pa.repeat(value, rows.num_rows))
