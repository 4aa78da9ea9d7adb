"""The Kaggle fashion catalogue: `styles.csv` and `images/<id>.jpg`, from a zip, a folder or a download."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from pipelines.ingest import products, styles
from pipelines.ingest.archive import DAMAGE, Archive, open_archive
from pipelines.ingest.image_sources import Terms
from pipelines.ingest.intake import Intake, Item
from pipelines.ingest.intake import ingest as take_in
from pipelines.ingest.styles import Defect, Header, Line
from pipelines.lake import rejects
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.materialize import upsert
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal, Step

HANDLE = "paramaggarwal/fashion-product-images-small/versions/1"
TERMS = Terms(allow_training=True, attribution="Fashion Product Images (Kaggle, stated licence MIT)")
ABSENT = "image_absent"  # the one reason that is no defect: a partial copy lists more than it holds
_STYLES = "styles.csv"
_IMAGE = re.compile(r"images/[0-9]{1,18}\.jpg")
_CHUNK_ROWS = 50_000
_REJECTS = 1_000_000  # of one file; more of them are no catalogue, and would fill the memory


@dataclass(frozen=True)
class FashionParams:
    """How defects are treated."""

    repair_malformed: bool = True  # put surplus commas back into the name they came from
    max_defect_share: float = 0.1  # of files or rows; above it the run stops before features are made


def download() -> Path:
    """Fetch the catalogue with kagglehub (resumed and checked there) and return its folder. Raises CannotRun."""
    import kagglehub  # slow to import, and only needed here

    try:
        return Path(kagglehub.dataset_download(HANDLE))
    except Exception as error:  # kagglehub raises whatever its transport raises
        raise CannotRun(
            f"the fashion catalogue could not be downloaded from Kaggle ({type(error).__name__}). Check the network "
            "and KAGGLE_API_TOKEN, or name a copy you have with --path. Or begin with: tessera nightly --sample."
        ) from error


def ingest(journal: Journal, path: Path, params: FashionParams, source: str = "fashion") -> None:
    """Take the catalogue at `path` in: its pictures, its rows, and the reasons of what can be neither.

    Raises CannotRun when the archive cannot be opened, ContractBroken when `styles.csv` is missing or lacks a
    column (before anything is taken in) or when defects exceed the limit (what was good is kept).
    """
    with open_archive(path) as archive, _styles(archive, path) as file:
        header, lines = _opened(file, path)
        shots = take_in(journal, source, TERMS, _items(archive))
        with journal.step(f"{source} rows") as step:
            catalogue = Catalogue(source, header, params, shots, step)
            for chunk in _chunks(_whole(lines, path)):
                catalogue.commit(journal, [row for line in chunk if (row := catalogue.take(line))])
            rejects.record(journal.store, journal.run, source, [*shots.rejects.values(), *catalogue.rejects.values()])
            shots.step.gate(shots.step.rejected, params.max_defect_share)
            step.gate(catalogue.defects, params.max_defect_share)


def _styles(archive: Archive, path: Path) -> BinaryIO:
    file = archive.open(_STYLES)
    if file is None:
        raise ContractBroken(f"{path} holds no styles.csv at its root. Nothing was taken in: is it the right archive?")
    return file


def _items(archive: Archive) -> Iterator[Item]:
    for member in archive.members():
        if (member.fault and member.name != _STYLES) or _IMAGE.fullmatch(member.name):
            yield Item(member.name, member.stamp, partial(archive.read, member))


def _opened(file: BinaryIO, path: Path) -> tuple[Header, Iterator[Line]]:
    try:
        return styles.open_lines(file)
    except DAMAGE as error:
        raise CannotRun(f"styles.csv in {path} is damaged: {error}. Nothing was taken in: fetch it again.") from error


def _whole(lines: Iterator[Line], path: Path) -> Iterator[Line]:
    try:
        yield from lines
    except DAMAGE as error:
        raise CannotRun(
            f"styles.csv in {path} breaks off: {error}. What was taken in before is kept; fetch the archive again."
        ) from error


def _chunks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    chunk: list[Line] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == _CHUNK_ROWS:
            yield chunk
            chunk = []
    yield chunk


@dataclass
class Catalogue:
    """The rows of one `styles.csv` on their way into `products`: the account and the rejects."""

    source: str
    header: Header
    params: FashionParams
    shots: Intake
    step: Step
    rejects: dict[tuple[str, str], Reject] = field(default_factory=dict)
    _met: dict[object, int] = field(default_factory=dict)

    @property
    def defects(self) -> int:
        return sum(reject.reason != ABSENT for reject in self.rejects.values())

    def take(self, line: Line) -> dict[str, object] | None:
        """Account for one line; return its product and image, None when it is a reject or a duplicate."""
        self.step.rows_in += 1
        try:
            product = styles.product(self.header, line, self.params.repair_malformed)
            image_id = self._image_of(product)
            if self._is_duplicate(product, line):
                self.step.duplicates += 1
                return None
        except Defect as defect:
            self._reject(defect, line)
            return None
        return {**product, "source": self.source, "image_id": image_id, "kind": "thumbnail"}

    def _reject(self, defect: Defect, line: Line) -> None:
        self.step.rejected += 1
        if self.step.rejected > _REJECTS:
            raise ContractBroken(f"more than {_REJECTS} rows are no products: this is no catalogue. See {line.key}.")
        is_second = (defect.key, defect.reason) in self.rejects
        key = f"{defect.key} at {line.key}" if is_second else defect.key
        self.rejects[key, defect.reason] = Reject(key, defect.reason, defect.detail)

    def _is_duplicate(self, product: dict[str, object], line: Line) -> bool:
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

    def _image_of(self, product: dict[str, object]) -> str:
        key = f"images/{product['product_id']}.jpg"
        if image_id := self.shots.image_ids.get(key):
            return image_id
        if key in self.shots.rejects:
            raise Defect(str(product["product_id"]), "image_unreadable", f"{key} was rejected; see its own reject.")
        if known := self.shots.met.get(key):
            return known.image_id
        # No line number: it would change with every row that is added above.
        raise Defect(str(product["product_id"]), ABSENT, f"the product is listed, but the archive holds no {key}.")

    def commit(self, journal: Journal, rows: list[dict[str, object]]) -> None:
        """Bring a chunk of products in, and which image shows each; products first, as images refer to them."""
        chunk = pa.Table.from_pylist(rows, pa.unify_schemas([products.TABLE.schema, products.PRODUCT_IMAGES.schema]))
        came = upsert(journal.store, journal.run, products.TABLE, chunk)
        upsert(journal.store, journal.run, products.PRODUCT_IMAGES, chunk)
        self.step.new += came.new.num_rows + came.changed.num_rows
        self.step.unchanged += came.unchanged
        journal.progress(self.step.step, self.step.rows_in, None)
