"""True labels: what the catalogue itself says its pieces are, in the words a model learns and predicts.

Pure functions over product rows. Which image carries which labels is `labels`' business.
"""

from __future__ import annotations

import csv
import string
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from pipelines.ingest.inbox.labelled_samples import CLASS_LIST_21
from pipelines.lake.errors import ContractBroken

PIECE = "piece"  # the one group of which a product may have several labels
GROUPS = (PIECE, "article_type", "base_colour", "gender", "season", "usage")
NAMED_IN = ("product_id", "display_name", *GROUPS[1:])  # the columns of products that labels are made of

_MAP = Path(__file__).with_name("label_map.csv")
_CLASSES = {label.lower(): label for label in CLASS_LIST_21}


def label_map() -> tuple[tuple[str, str], ...]:
    """Return which article type means which class of the 21, as `label_map.csv` says; other types mean none."""
    with _MAP.open(encoding="utf-8", newline="") as file:
        return tuple(sorted((row["article_type"], row["label"]) for row in csv.DictReader(file)))


def require_known(pairs: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """Return a label map by article type. Raises ContractBroken for a class there is not, or a type named twice."""
    for article_type, label in pairs:
        if label not in CLASS_LIST_21:
            raise ContractBroken(
                f"{_MAP.name} maps {article_type} to {label}, which is no class. The classes are: "
                f"{', '.join(CLASS_LIST_21)}. Mend that line."
            )
    if len(dict(pairs)) < len(pairs):
        raise ContractBroken(f"{_MAP.name} names an article type twice. Leave one line for each.")
    return dict(pairs)


def piece_labels(display_name: str | None, article_type: str | None, mapped: Mapping[str, str]) -> set[str]:
    """Return the classes a product is of: the words of its name that are one, and what its article type means.

    A word is what stands between spaces, less the punctuation around it: "Self-Striped" is not Striped.
    """
    words = (word.strip(string.punctuation) for word in (display_name or "").lower().split())
    found = {_CLASSES[word] for word in words if word in _CLASSES}
    return found | {mapped[article_type]} if article_type and article_type in mapped else found


def true_labels(products: pa.Table, mapped: Mapping[str, str]) -> pa.Table:
    """Return (product_id, label_group, label) for product rows; where a value is null there is no label."""
    found = [label for row in products.select(NAMED_IN).to_pylist() for label in _labels(row, mapped)]
    ids, groups, labels = zip(*found, strict=True) if found else ((), (), ())
    kinds = {"product_id": pa.int64(), "label_group": pa.string(), "label": pa.string()}
    values = zip(kinds.items(), (ids, groups, labels), strict=True)
    return pa.table({name: pa.array(column, kind) for (name, kind), column in values})


def _labels(product: Mapping[str, object], mapped: Mapping[str, str]) -> Iterator[tuple[object, str, object]]:
    number, name, kind = product["product_id"], product["display_name"], product["article_type"]
    for label in piece_labels(name, kind, mapped):  # type: ignore[arg-type]  # texts, by their table
        yield number, PIECE, label
    for group in GROUPS[1:]:
        if product[group] is not None:
            yield number, group, product[group]
