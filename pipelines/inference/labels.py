"""Labels: what each piece is. Of the catalogue's images what the catalogue says; of users' what a model predicts.

They are made anew of all that their inputs hold, in parts that fit into memory, and what differs is brought in.
Nothing is read but logs where no input has changed. Another threshold asks no model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.inference import label_scores
from pipelines.inference.columns import LABEL_GROUP, MODEL_NAME, MODEL_VERSION
from pipelines.inference.predicted_labels import predicted_labels
from pipelines.inference.true_labels import NAMED_IN, label_map, require_known, true_labels
from pipelines.ingest import image_sources, images, products
from pipelines.ingest.columns import IMAGE_ID
from pipelines.ingest.inbox.labelled_samples import CLASS_LIST_21
from pipelines.ingest.inbox.ledger import SOURCE as INBOX
from pipelines.lake.materialize import remove, upsert
from pipelines.lake.recipe import recipe
from pipelines.lake.runs import Journal
from pipelines.lake.store import Snapshot, Store
from pipelines.lake.table import Column, Expectation, Table
from pipelines.producers import WholeTable

_READ = (products.TABLE, products.PRODUCT_IMAGES, image_sources.TABLE, label_scores.TABLE)
_PART_IMAGES = 200_000  # whose labels are held at once
_DIGITS = 4  # of an id, by which images are cut into parts


@dataclass(frozen=True)
class LabelParams:
    """What makes a label."""

    threshold: float = 0.4  # a predicted label's probability lies above it, not at it
    label_map: tuple[tuple[str, str], ...] = field(default_factory=label_map)  # article type, class


def derive(journal: Journal, table: Table, params: LabelParams) -> None:
    """Bring the labels up to date. Raises ContractBroken for a label map that names no class."""
    store, run = journal.store, journal.run
    with journal.step(table.name) as step:
        inputs = Inputs(*(store.snapshot(each, store.pin(run, each, reader=table.name)) for each in _READ))
        if _held_note(store, table) == _note(table, (store.snapshot(table), *inputs.all)):
            step.rows_in = step.unchanged = sum(store.snapshot(table).files.values())
            return
        mapped = require_known(params.label_map)
        for part in _parts(inputs):
            rows = pa.concat_tables([_true(table, inputs, part, mapped), *_predicted(table, inputs, part, params)])
            _take_out(journal, table, inputs, part, rows["image_id"])
            if rows.num_rows:
                step.unchanged += upsert(store, run, table, rows, within=("image_id",)).unchanged
            step.rows_in += rows.num_rows
        step.new = step.rows_in - step.unchanged
        store.objects.put(_path(table), _note(table, (store.snapshot(table), *inputs.all)))


@dataclass(frozen=True)
class Inputs:
    """What labels are made of, each as of one version."""

    products: Snapshot
    shows: Snapshot  # which image shows which product
    sources: Snapshot
    scores: Snapshot

    @property
    def all(self) -> tuple[Snapshot, ...]:
        return self.products, self.shows, self.sources, self.scores


@dataclass(frozen=True)
class Part:
    """The images whose ids lie from `low` up to, but not at, `high`."""

    low: str
    high: str

    def of(self, rows: pa.Table) -> pa.Table:
        """Return the rows about these images."""
        return rows.filter(self.holds(rows["image_id"]))

    def holds(self, image_ids: pa.ChunkedArray) -> pa.ChunkedArray:
        return pc.and_(pc.greater_equal(image_ids, self.low), pc.less(image_ids, self.high))


def _parts(inputs: Inputs) -> Iterator[Part]:
    """Yield parts of about equal size that hold all images; ids are hashes, so that they spread evenly."""
    count = 1 + sum(sum(each.files.values()) for each in (inputs.shows, inputs.sources)) // _PART_IMAGES
    bounds = [f"{16**_DIGITS * i // count:0{_DIGITS}x}" for i in range(count)]
    for low, high in zip(bounds, [*bounds[1:], "g"], strict=True):
        yield Part(low, high)


def _true(table: Table, inputs: Inputs, part: Part, mapped: Mapping[str, str]) -> pa.Table:
    """Return what the catalogue says of its images; one that shows several products is all that they are."""
    shown = _chosen(inputs.shows, ["product_id", "image_id"], part.of)
    numbers = pc.unique(shown["product_id"])
    listed = _chosen(inputs.products, NAMED_IN, lambda rows: rows.filter(pc.is_in(rows["product_id"], numbers)))
    found = true_labels(listed, mapped).join(shown, "product_id", join_type="inner")
    once = found.group_by(list(table.grain)).aggregate([])
    return _filled(table, once, source="true", is_fallback=False)


def _predicted(table: Table, inputs: Inputs, part: Part, params: LabelParams) -> Iterator[pa.Table]:
    """Yield what a model predicts of users' images that the catalogue does not know."""
    known = _chosen(inputs.shows, ["image_id"], part.of)["image_id"]
    put_in = _chosen(inputs.sources, ["source", "image_id"], lambda rows: _put_in(part.of(rows)))["image_id"]
    uploads = put_in.filter(pc.invert(pc.is_in(put_in, known)))
    if not len(uploads):
        return
    ids = inputs.scores.fragments(["image_id"])  # most files hold images of the catalogue alone
    paths = [path for path, rows in ids if pc.any(pc.is_in(rows["image_id"], uploads)).as_py()]
    for batch in inputs.scores.batches(label_scores.TABLE.schema.names, paths):
        scored = pa.Table.from_batches([batch])
        chosen = predicted_labels(scored.filter(pc.is_in(scored["image_id"], uploads)), params.threshold)
        yield _filled(table, chosen, source="predicted")


def _put_in(sources: pa.Table) -> pa.Table:
    return sources.filter(pc.equal(sources["source"], INBOX))


def _chosen(snapshot: Snapshot, columns: Iterable[str], choose: Callable[[pa.Table], pa.Table]) -> pa.Table:
    """Return the chosen rows of a table, few others in memory at a time."""
    names = list(columns)
    parts = (choose(pa.Table.from_batches([batch])) for batch in snapshot.batches(names))
    empty = pa.schema([snapshot.table.schema.field(name) for name in names]).empty_table()
    return pa.concat_tables([empty, *(part.cast(empty.schema) for part in parts)])


def _filled(table: Table, rows: pa.Table, **constants: object) -> pa.Table:
    """Return rows with all columns of the table, sorted; what is not given is null."""
    columns = [
        rows[column.name] if column.name in rows.column_names else _repeated(column, constants, rows.num_rows)
        for column in table.columns
    ]
    ordered = pa.Table.from_arrays(columns, names=table.schema.names).cast(table.schema)
    return ordered.sort_by([(name, "ascending") for name in table.grain])


def _repeated(column: Column, constants: Mapping[str, object], times: int) -> pa.Array:
    return pa.repeat(pa.scalar(constants.get(column.name), column.type), times)


def _take_out(journal: Journal, table: Table, inputs: Inputs, part: Part, labelled: pa.ChunkedArray) -> None:
    """Take out the rows of images that have no label any more; not those a night beside this one has just made."""
    store = journal.store
    kept = pa.concat_arrays([pc.unique(labelled), *_came_later(store, inputs)])

    def is_gone(rows: pa.Table) -> pa.ChunkedArray:
        return pc.and_(part.holds(rows["image_id"]), pc.invert(pc.is_in(rows["image_id"], kept)))

    remove(store, journal.run, table, is_gone)


def _came_later(store: Store, inputs: Inputs) -> Iterator[pa.Array]:
    """Yield the images that came after our pins."""
    for pinned in (inputs.shows, inputs.sources):
        newest = store.snapshot(pinned.table)
        if newest.files.keys() - pinned.files.keys():
            now, then = (pc.unique(each.read(["image_id"])["image_id"]) for each in (newest, pinned))
            yield now.filter(pc.invert(pc.is_in(now, then)))


def _note(table: Table, snapshots: Iterable[Snapshot]) -> bytes:
    """Return what tells whether anything has changed: which files each table holds, and our recipe.

    Files, not versions: maintenance raises those, and they do not tell which files left.
    """
    names = {each.table.name: hashlib.sha256("\n".join(sorted(each.files)).encode()).hexdigest() for each in snapshots}
    return json.dumps({"recipe": recipe(table), "files": names}, sort_keys=True).encode()


def _held_note(store: Store, table: Table) -> bytes | None:
    """Return the note of the last time; a lost one costs time, never rows."""
    try:
        return store.objects.get(_path(table))
    except FileNotFoundError:
        return None


def _path(table: Table) -> str:
    return f"_bookmarks/{table.name}.json"


TABLE = Table(
    name="labels",
    description="What each piece is: the catalogue's words for its images; for users' images, what label_scores make.",
    grain=("image_id", "label_group", "label"),
    inputs=(images.TABLE, *_READ[:-1]),  # not the scores: a true label has none to refer to
    columns=(
        IMAGE_ID,
        LABEL_GROUP,
        Column("label", pa.string(), "The label, in the group's own words."),
        Column(
            "score", pa.float32(), "How probable the model finds it; true ones have none.", nullable=True, bounds=(0, 1)
        ),
        Column("source", pa.string(), "Whether the catalogue says so or a model.", values=("true", "predicted")),
        Column("is_fallback", pa.bool_(), "True where no piece passed the threshold and this is the most probable."),
        replace(MODEL_NAME, description="The model that predicted it; true labels have none.", nullable=True),
        replace(MODEL_VERSION, nullable=True),
    ),
    expectations=(
        Expectation(
            "one_source_per_image",
            "An image has true labels or predicted ones, never both.",
            "SELECT image_id FROM labels GROUP BY image_id HAVING count(DISTINCT source) > 1",
        ),
        Expectation(
            "the_catalogue_is_not_predicted",
            "No image that shows a product has a predicted label.",
            "SELECT image_id FROM labels SEMI JOIN product_images USING (image_id) WHERE source = 'predicted'",
        ),
        Expectation(
            "predictions_name_their_model",
            "Predicted labels have a score and a model, true ones neither.",
            "SELECT image_id, label FROM labels WHERE (source = 'predicted') <> (score IS NOT NULL) "
            "OR (source = 'predicted') <> (model_name IS NOT NULL) "
            "OR (source = 'predicted') <> (model_version IS NOT NULL)",
        ),
        Expectation(
            "a_fallback_stands_alone",
            "A fallback is a predicted piece, and the only one of its image.",
            "SELECT image_id FROM labels WHERE label_group = 'piece' GROUP BY image_id "
            "HAVING bool_or(is_fallback) AND (count(*) > 1 OR bool_or(source = 'true')) "
            "UNION ALL SELECT image_id FROM labels WHERE is_fallback AND label_group <> 'piece'",
        ),
        Expectation(
            "pieces_are_known",
            "True pieces are of the 21 classes.",
            "SELECT image_id, label FROM labels WHERE label_group = 'piece' AND source = 'true' "  # noqa: S608  # words of ours
            f"AND label NOT IN {CLASS_LIST_21}",
        ),
    ),
    produce=WholeTable(derive, LabelParams(), version=1),
)
