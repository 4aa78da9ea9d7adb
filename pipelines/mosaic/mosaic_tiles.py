"""Mosaic tiles: every picture that mosaics can be made of, where it came from, and who may use it.

A tile is an image: its id stays the same whatever else comes or goes, and in whatever order. The table is small and
written whole, in one commit, where anything differs; nothing is read but logs where no input has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.inference import tag_paths, tags
from pipelines.ingest import image_sources, products
from pipelines.ingest.cifar10 import labels as cifar10_labels
from pipelines.ingest.inbox import uploads
from pipelines.ingest.inbox.ledger import SOURCE as INBOX
from pipelines.lake import progress
from pipelines.lake.materialize import stage
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal
from pipelines.lake.store import Change, Snapshot
from pipelines.lake.table import Column, Expectation, Table
from pipelines.mosaic import tile_pictures
from pipelines.palette import palettes
from pipelines.producers import WholeTable

UPLOADS, CIFAR10 = "uploads", "cifar10"
_TEST = f"{CIFAR10}_test"
_INPUTS = (
    tile_pictures.TABLE,
    image_sources.TABLE,
    products.TABLE,
    products.PRODUCT_IMAGES,
    cifar10_labels.TABLE,
    uploads.TABLE,
    palettes.TABLE,
    tags.TABLE,
    tag_paths.TABLE,
)


@dataclass(frozen=True)
class MosaicTileParams:
    """There is nothing to choose."""


def derive(journal: Journal, table: Table, _: MosaicTileParams) -> None:
    """Bring the tiles up to date."""
    store = journal.store
    with journal.step(table.name) as step:
        own = store.snapshot(table)
        inputs = [store.snapshot(each, store.pin(journal.run, each, reader=table.name)) for each in _INPUTS]
        step.rows_in = step.unchanged = sum(own.files.values())
        if progress.read(store, own) == progress.progress_of(own, inputs, own.version):
            return
        rows = _rows(table, {snapshot.table.name: snapshot for snapshot in inputs})
        content = digest(table, rows)

        def plan(snapshot: Snapshot) -> Change | None:
            is_same = len(snapshot.files) == 1 and digest(table, snapshot.read()) == content
            return None if is_same else Change([stage(store, table, rows, content[:32])], list(snapshot.files))

        held = set(own.read(["tile_id"])["tile_id"].to_pylist())
        store.change(table, journal.run, plan)
        step.rows_in = rows.num_rows
        step.new = len(set(rows["tile_id"].to_pylist()) - held)
        step.unchanged = step.rows_in - step.new
        now = store.snapshot(table)
        progress.write(store, table, progress.progress_of(now, inputs, now.version))


def _rows(table: Table, inputs: Mapping[str, Snapshot]) -> pa.Table:
    """Return the rows of all images that are of a catalogue or were uploaded; of others nobody may make a mosaic."""
    pictures = inputs["tile_pictures"].read(["image_id", "features"])
    found = pa.table({"image_id": pictures["image_id"]})
    for index, name in enumerate(("mean_red", "mean_green", "mean_blue")):
        found = found.append_column(name, pa.array(tile_pictures.means(pictures["features"])[:, index]))
    for facts in (_sources(inputs), _labels(inputs), _families(inputs), _owners(inputs)):
        found = _beside(found, facts, "image_id")
    found = found.filter(pc.is_valid(found["source"])).sort_by("image_id")
    is_public = pc.not_equal(found["source"], UPLOADS)
    found = found.append_column("tile_id", found["image_id"])
    shared = pc.fill_null(found["is_shared"], False)
    found = found.append_column("is_public", pc.or_(is_public, shared))
    return found.select(table.schema.names).cast(table.schema)


def _sources(inputs: Mapping[str, Snapshot]) -> pa.Table:
    """Return where each image came from; of several places a catalogue goes before users, then the first by name."""
    met = inputs["image_sources"].read(["image_id", "source"])
    met = met.filter(pc.not_equal(met["source"], INBOX))
    splits = inputs["cifar10_labels"].read(["image_id", "split"])
    test = splits.filter(pc.equal(splits["split"], "test"))["image_id"]
    kept = splits.filter(pc.equal(splits["split"], "train"))["image_id"]
    is_cifar = pc.is_in(met["source"], pa.array([CIFAR10, f"sample_{CIFAR10}"]))
    is_test = pc.and_(pc.is_in(met["image_id"], test), pc.invert(pc.is_in(met["image_id"], kept)))
    word = pc.if_else(is_cifar, pc.if_else(is_test, _TEST, CIFAR10), met["source"])
    named = pa.table({"image_id": met["image_id"], "source": word})
    put_in = inputs["uploads"].read(["image_id"])
    put_in = put_in.filter(pc.invert(pc.is_in(put_in["image_id"], named["image_id"])))
    users = put_in.append_column("source", pa.repeat(UPLOADS, put_in.num_rows))
    return _one_each(pa.concat_tables([named, users], promote_options="permissive"), "source")


def _labels(inputs: Mapping[str, Snapshot]) -> pa.Table:
    """Return what each image shows and where that hangs: what its catalogue says, else a model's best tag."""
    places = inputs["tag_paths"].read(["tag", "path"]).rename_columns(["label", "path"])
    cifar = inputs["cifar10_labels"].read(["image_id", "label"])
    best = inputs["tags"].read(["image_id", "rank", "tag"])
    best = best.filter(pc.equal(best["rank"], 1)).select(["image_id", "tag"]).rename_columns(["image_id", "label"])
    hung = [_beside(_one_each(some, "label"), places, "label") for some in (cifar, best)]
    found = pa.concat_tables([_pieces(inputs), *hung], promote_options="permissive")
    order = pa.array([0] * (found.num_rows - hung[1].num_rows) + [1] * hung[1].num_rows, pa.int8())
    chosen = found.append_column("order", order).sort_by([("order", "ascending"), ("label", "ascending")])
    first = chosen.group_by("image_id", use_threads=False).aggregate([("label", "first"), ("path", "first")])
    return first.rename_columns(["image_id", "label", "tag_path"])


def _pieces(inputs: Mapping[str, Snapshot]) -> pa.Table:
    """Return the article type of each catalogue image, and its categories as a path: /apparel/topwear/tshirts."""
    columns = ["master_category", "sub_category", "article_type"]
    shown = inputs["product_images"].read(["image_id", "product_id"])
    found = shown.join(inputs["products"].read(["product_id", *columns]), "product_id")
    slugs = [pc.replace_substring_regex(pc.utf8_lower(found[name]), "[^a-z0-9]+", "_") for name in columns]
    path = pc.binary_join_element_wise("", *(pc.utf8_trim(slug, "_") for slug in slugs), "/")
    found = pa.table({"image_id": found["image_id"], "label": found["article_type"], "path": path})
    return (
        found.sort_by([("label", "ascending")])
        .group_by("image_id", use_threads=False)
        .aggregate([("label", "first"), ("path", "first")])
        .rename_columns(["image_id", "label", "path"])
    )


def _families(inputs: Mapping[str, Snapshot]) -> pa.Table:
    """Return the family of each image's most common colour."""
    colours = inputs["palettes"].read(["image_id", "rank", "family"])
    return colours.filter(pc.equal(colours["rank"], 0)).select(["image_id", "family"])


def _owners(inputs: Mapping[str, Snapshot]) -> pa.Table:
    """Return who put an image in, and whether anybody shared it."""
    rows = inputs["uploads"].read(["image_id", "user_id", "visibility"]).sort_by("user_id")
    shared = rows.append_column("is_shared", pc.equal(rows["visibility"], "shared"))
    found = shared.group_by("image_id", use_threads=False).aggregate([("user_id", "list"), ("is_shared", "any")])
    return found.rename_columns(["image_id", "owners", "is_shared"])


def _beside(rows: pa.Table, facts: pa.Table, key: str) -> pa.Table:
    """Return rows with what facts, one of each key, say of theirs; null where they say nothing."""
    places = pc.index_in(rows[key].combine_chunks(), facts[key].combine_chunks())
    for name in facts.schema.names:
        if name != key:
            rows = rows.append_column(name, facts[name].take(places))
    return rows


def _one_each(rows: pa.Table, column: str) -> pa.Table:
    """Return of each image the first value of a column, in its order."""
    return rows.group_by("image_id").aggregate([(column, "min")]).rename_columns(["image_id", column])


TABLE = Table(
    name="mosaic_tiles",
    description="The pictures that mosaics are made of: each catalogue image and upload, cut to a square.",
    grain=("tile_id",),
    inputs=_INPUTS,
    columns=(
        Column("tile_id", pa.string(), "The image's id.", pattern=r"[0-9a-f]{64}"),
        Column(
            "source",
            pa.string(),
            "Where it came from: cifar10, cifar10_test (its test part), uploads, or another source's name.",
            pattern=r"[a-z0-9_]+",
        ),
        Column("label", pa.string(), "What it shows, in its catalogue's words, or a model's best tag.", nullable=True),
        Column(
            "tag_path",
            pa.string(),
            "Where that hangs: in the tree of tags, or its categories in the catalogue.",
            nullable=True,
        ),
        Column("family", pa.string(), "The colour family it has most of.", nullable=True),
        Column("mean_red", pa.float64(), "Mean red of its 1,024 pixels.", bounds=(0, 255)),
        Column("mean_green", pa.float64(), "Mean green of its 1,024 pixels.", bounds=(0, 255)),
        Column("mean_blue", pa.float64(), "Mean blue of its 1,024 pixels.", bounds=(0, 255)),
        Column("is_public", pa.bool_(), "True if anybody may use it; other tiles are for their owners' mosaics."),
        Column("owners", pa.list_(pa.string()), "The users who put it in; null: none did.", nullable=True),
    ),
    expectations=(
        Expectation(
            "private_tiles_have_owners",
            "A tile that is not for everybody is somebody's.",
            "SELECT tile_id FROM mosaic_tiles WHERE NOT is_public AND len(coalesce(owners, [])) = 0",
        ),
    ),
    produce=WholeTable(derive, MosaicTileParams(), version=1),
)
