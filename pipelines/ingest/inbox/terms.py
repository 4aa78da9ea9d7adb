"""Terms of uploads: models may learn from those of which their owner gave or confirmed a label, while it stands."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingest import image_sources
from pipelines.ingest.inbox import labelled_samples
from pipelines.ingest.inbox.sight import SOURCE
from pipelines.lake.materialize import upsert
from pipelines.lake.runs import Journal


def settle(journal: Journal) -> None:
    """Make the terms of all uploads what their owners' labels say now. Commits nothing where they are that already."""
    store, table = journal.store, image_sources.TABLE
    labelled = _labelled(store.snapshot(labelled_samples.TABLE).read(["user_id", "image_id"]))
    changed = [table.schema.empty_table()]
    for batch in store.snapshot(table).batches(table.schema.names):
        rows = pa.Table.from_batches([batch]).cast(table.schema)
        is_upload = pc.and_(pc.equal(rows["source"], SOURCE), pc.starts_with(rows["key"], "upload/"))
        allowed = pc.is_in(rows["key"], labelled)
        rows = rows.set_column(rows.schema.get_field_index("allow_training"), "allow_training", allowed)
        is_other = pc.not_equal(allowed, pa.chunked_array([batch["allow_training"]]))
        changed.append(rows.filter(pc.and_(is_upload, is_other)).cast(table.schema))
    rows = pa.concat_tables(changed)
    if rows.num_rows:
        upsert(store, journal.run, table, rows)


def _labelled(samples: pa.Table) -> pa.Array:
    """Return the keys of the uploads that their owners have labelled."""
    keys = pc.binary_join_element_wise("upload", samples["user_id"], samples["image_id"], "/")
    return keys.combine_chunks()
