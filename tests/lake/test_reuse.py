"""A file that a commit took out is never named again: cleaning may remove it at any moment."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from pipelines.lake.materialize import remove, stage, upsert
from pipelines.lake.recipe import Run
from pipelines.lake.store import Store
from pipelines.lake.table import Column, Table

WORDS = Table("words", "Words.", ("word",), (Column("word", pa.string(), "The word."),))


def words(*found: str) -> pa.Table:
    return pa.table({"word": list(found)}, WORDS.schema)


def test_what_was_taken_out_comes_back_under_another_name(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "lake"))
    upsert(store, Run(), WORDS, words("a"))
    (first,) = store.snapshot(WORDS).files
    remove(store, Run(), WORDS, lambda rows: pa.chunked_array([pa.array([True] * rows.num_rows)]))
    assert store.staged(WORDS, first) is None
    name = first.rpartition("/")[2].removesuffix(".parquet")
    assert stage(store, WORDS, words("a"), name).path != first
    upsert(store, Run(), WORDS, words("a"))  # staged before the old file is cleaned away
    store.vacuum(WORDS, 0, leftovers=False)
    assert store.snapshot(WORDS).read()["word"].to_pylist() == ["a"]
