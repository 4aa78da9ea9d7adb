"""The imagery: metadata and pictures of the products asked for, as they are."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import imaging
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.objects import Objects
from pipelines.lake.runs import Journal, Step
from pipelines.lake.store import Store
from pipelines.producers import Encoded
from pipelines.selection.bundle import Bundle
from pipelines.selection.choice import STEP, Choice, choose
from pipelines.selection.pictures import AT_ONCE, less, originals
from pipelines.selection.request import Selection


def select(journal: Journal, bundles: Objects, selection: Selection) -> dict[str, Any]:
    """Write the bundle of a selection, and return its summary; its status is `empty` when no product matches.

    A repeat with the same run id reads what the first attempt read, and writes only what is missing. The account is
    one of products: new ones brought an image, unchanged ones found theirs written by an earlier attempt, duplicates
    share theirs with another product. Memory holds the metadata and one file of pictures. Raises ContractBroken for a
    request that no product can meet and for a run id that names another bundle, CannotRun when a store does not answer.
    """
    bundle = Bundle(bundles, journal.run)
    with journal.step(STEP) as step:
        step.params = json.dumps(selection.params, ensure_ascii=False)
        selection.check()
        _require_apart(bundles, journal.store)
        choice = choose(journal.store, journal.run, selection)
        metadata = _as_json(choice.rows)
        there = _written(bundle, choice, metadata)
        step.rows_in, step.unchanged = choice.rows.num_rows, len(there)
        step.duplicates = step.rows_in - len(choice.image_ids)
        _fill(journal, step, bundle, choice, there)
        bundle.create(bundle.copy, _as_parquet(choice.rows))
        bundle.create(bundle.metadata, metadata)
        step.status = "done" if step.rows_in else "empty"
    counts = {"products": step.rows_in, "images": len(choice.image_ids), "without_image": choice.without_image}
    return {"status": step.status, "bundle": bundle.uri, "params": selection.params, "counts": counts}


def _require_apart(bundles: Objects, store: Store) -> None:
    """Keep bundles out of the lake: `runs` is a table there, and cleaning takes what no table names."""
    place, lake = f"{bundles.uri}/runs/", f"{store.uri}/"
    if place.startswith(lake) or lake.startswith(place):
        raise CannotRun(f"bundles cannot lie within the lake {store.uri}. Name another place with TESSERA_BUNDLES.")


def _written(bundle: Bundle, choice: Choice, metadata: bytes) -> set[str]:
    """Return the images an earlier attempt wrote. Raises ContractBroken when it was one of another selection."""
    there = {found.path for found in bundle.objects.list(bundle.folder)}
    strange = bundle.strange(there, choice.image_ids)
    if strange or (bundle.metadata in there and bundle.objects.get(bundle.metadata) != metadata):
        raise ContractBroken(
            f"{bundle.uri} holds the bundle of another selection, which stays as it is. Give each a run id of its own."
        )
    return {image_id for image_id in choice.image_ids if bundle.image(image_id) in there}


def _fill(journal: Journal, step: Step, bundle: Bundle, choice: Choice, there: set[str]) -> None:
    """Write the images that are missing, one file of the lake after the other."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for pictures in originals(journal.store, less(choice.files, there)):
            list(pool.map(partial(_copy, bundle), pictures))
            step.new += len(pictures)
            journal.progress(STEP, step.new + step.unchanged, len(choice.image_ids))


def _copy(bundle: Bundle, image: Encoded) -> None:
    """Write the original where it is a JPEG, else the same picture as one."""
    is_jpeg = image.format == "jpeg"
    data = image.data if is_jpeg else imaging.encode_jpeg(imaging.decode(image.data, format=image.format).pixels)
    bundle.create(bundle.image(image.image_id), data)


def _as_json(rows: pa.Table) -> bytes:
    batches = rows.to_batches(max_chunksize=1000)
    entries = (json.dumps(row, ensure_ascii=False) for batch in batches for row in batch.to_pylist())
    return b"[" + ",\n".join(entries).encode() + b"]"


def _as_parquet(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd")
    return sink.getvalue()
