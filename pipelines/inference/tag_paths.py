"""Tag paths: where each tag hangs in a tree of our own, so that `/animal` finds the koala.

The tree stands in `tag_paths.csv` beside this module, placed by hand: the 1,000 classes of ImageNet and the labels of
CIFAR-10. Tags of other models are not in it and have no path.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa

from pipelines.lake.runs import Journal
from pipelines.lake.table import Column, Expectation, Table
from pipelines.producers import WholeTable, listed

_FILE = Path(__file__).with_suffix(".csv")


def class_names() -> tuple[str, ...]:
    """Return ImageNet's 1,000 classes in the order of a model's output; no two are alike, whatever their case.

    They are the first of each class's names, but where two classes share it: crane and construction crane (which
    lifts), cardigan and Cardigan Welsh corgi, maillot and tank suit.
    """
    return tuple(row["tag"] for row in _rows() if row["class_index"])


def path_of(tag: str) -> str | None:
    """Return where a tag hangs, None where the tree does not know it.

    Case does not count, nor whether words are joined by spaces or by `_`. Of classes that share a name it stands for
    the one called so in the tree; a name none is called by stands for the first class that is also known by it.
    """
    return _places().get(key(tag))


def key(tag: str) -> str:
    """Return a tag as tags are compared."""
    return tag.strip().lower().replace("_", " ")


@cache
def _rows() -> tuple[dict[str, str], ...]:
    with _FILE.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def _places() -> Mapping[str, str]:
    places = {key(row["tag"]): row["path"] for row in _rows()}
    for row in _rows():
        for name in _synonyms(row):
            places.setdefault(key(name), row["path"])
    return places


def _synonyms(row: Mapping[str, str]) -> list[str]:
    return [name for name in row["synonyms"].split(", ") if name]


def _table_of(table: Table) -> pa.Table:
    rows = [
        {
            "tag": row["tag"],
            "path": row["path"],
            "class_index": int(row["class_index"]) if row["class_index"] else None,
            "synonyms": _synonyms(row),
        }
        for row in _rows()
    ]
    return pa.Table.from_pylist(rows, table.schema)


@dataclass(frozen=True)
class TagPathParams:
    """There is nothing to choose: the tree is what it is."""


def put_up(journal: Journal, table: Table, _: TagPathParams) -> None:
    """Bring the table to what the file says."""
    listed.put_up(journal, table, _table_of(table))


TABLE = Table(
    name="tag_paths",
    description="Where each tag hangs in the tree of tags: the classes of ImageNet, and CIFAR-10's labels.",
    grain=("tag",),
    columns=(
        Column("tag", pa.string(), "The tag, in the words people use."),
        Column(
            "path",
            pa.string(),
            "Its place, from the coarsest kind down: /animal/fourlegs/koala.",
            pattern=r"(?:/[a-z0-9]+(?:_[a-z0-9]+)*){2,4}",
        ),
        Column(
            "class_index",
            pa.int16(),
            "Which output of an ImageNet model it is; CIFAR-10's labels are none.",
            nullable=True,
            bounds=(0, 999),
        ),
        Column("synonyms", pa.list_(pa.string()), "What else it is called."),
    ),
    expectations=(
        Expectation(
            "each_class_once",
            "All 1,000 classes of ImageNet are there, each once.",
            "SELECT count(class_index) AS classes FROM tag_paths "
            "HAVING count(*) > 0 AND (count(class_index) <> 1000 OR count(DISTINCT class_index) <> 1000)",
        ),
        Expectation(
            "tags_differ_in_more_than_case",
            "No two tags differ in case or underscores alone.",
            "SELECT lower(replace(tag, '_', ' ')) AS tag FROM tag_paths GROUP BY ALL HAVING count(*) > 1",
        ),
        Expectation(
            "one_place_each",
            "No two tags hang in one place.",
            "SELECT path FROM tag_paths GROUP BY path HAVING count(*) > 1",
        ),
    ),
    produce=WholeTable(put_up, TagPathParams(), version=1),
)
