"""The bundle: the files below `runs/<run id>/`.

They are `images/<image_id>.jpg`, one per distinct image, `metadata.parquet` and, written last, `metadata.json`,
whose presence says that the bundle is whole. No file is ever written twice.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import imaging
from pipelines.ingest import images
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.objects import Objects, sha256
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal, Step
from pipelines.lake.store import Store
from pipelines.selection.choice import STEP, Choice, choose
from pipelines.selection.request import Selection

_UPLOADS = 16  # at once, and so many pictures in memory: they wait for the store, not for a core


@dataclass(frozen=True)
class Bundle:
    """Where the files of one run lie."""

    objects: Objects
    run: Run

    @property
    def folder(self) -> str:
        return f"runs/{self.run.run_id}"

    @property
    def uri(self) -> str:
        return f"{self.objects.uri}/{self.folder}"

    @property
    def metadata(self) -> str:
        return f"{self.folder}/metadata.json"

    @property
    def copy(self) -> str:
        return f"{self.folder}/metadata.parquet"

    @property
    def is_begun(self) -> bool:
        return next(iter(self.objects.list(self.folder)), None) is not None

    @property
    def is_whole(self) -> bool:
        return self.objects.find(self.metadata) is not None

    def image(self, image_id: str) -> str:
        """Return the path of an image."""
        return f"{self.folder}/images/{image_id}.jpg"

    def create(self, path: str, data: bytes) -> None:
        """Write one file, unless it is there."""
        self.objects.create(path, data)


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
    ours = {bundle.image(image_id): image_id for image_id in choice.image_ids}
    strange = there - ours.keys() - {bundle.copy, bundle.metadata}
    if strange or (bundle.metadata in there and bundle.objects.get(bundle.metadata) != metadata):
        raise ContractBroken(
            f"{bundle.uri} holds the bundle of another selection, which stays as it is. Give each a run id of its own."
        )
    return {ours[path] for path in there & ours.keys()}


def _fill(journal: Journal, step: Step, bundle: Bundle, choice: Choice, there: set[str]) -> None:
    """Write the images that are missing, one file of the lake after the other."""
    with ThreadPoolExecutor(_UPLOADS) as pool:
        for path, ids in choice.files.items():
            for pictures in _pictures(journal.store, path, ids - there):
                list(pool.map(bundle.create, map(bundle.image, pictures), pictures.values()))
                step.new += len(pictures)
                journal.progress(STEP, step.new + step.unchanged, len(choice.image_ids))


def _pictures(store: Store, path: str, ids: Collection[str]) -> Iterator[dict[str, bytes]]:
    """Yield JPEG files by image_id, few at a time."""
    if not ids:
        return
    columns = ["image_id", "format", "data"]
    for batch in store.open(images.TABLE, path).iter_batches(batch_size=_UPLOADS, columns=columns):
        rows = zip(batch[0].to_pylist(), batch[1].to_pylist(), batch[2], strict=True)
        if found := {i: _jpeg(i, form, data.as_py()) for i, form, data in rows if i in ids}:
            yield found


def _jpeg(image_id: str, form: str, data: bytes) -> bytes:
    """Return the original where it is a JPEG, else the same picture as one."""
    if sha256(data) != image_id:
        raise ContractBroken(f"image {image_id} was damaged in the lake: its bytes are not those it is named after.")
    return data if form == "jpeg" else imaging.encode_jpeg(imaging.decode(data, format=form).pixels)


def _as_json(rows: pa.Table) -> bytes:
    batches = rows.to_batches(max_chunksize=1000)
    entries = (json.dumps(row, ensure_ascii=False) for batch in batches for row in batch.to_pylist())
    return b"[" + ",\n".join(entries).encode() + b"]"


def _as_parquet(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd")
    return sink.getvalue()
