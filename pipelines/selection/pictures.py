"""Pictures: the original bytes of chosen images, as the lake holds them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pipelines.ingest import images
from pipelines.lake.errors import ContractBroken
from pipelines.lake.objects import sha256
from pipelines.lake.store import Store
from pipelines.producers import Encoded

AT_ONCE = 16  # pictures in memory, and written: they wait for the store, not for a core

Files = Mapping[str, Collection[str]]  # file of `images` → the images wanted of it


def originals(store: Store, files: Files) -> Iterator[list[Encoded]]:
    """Yield pictures, at most `AT_ONCE` of them at a time. Raises ContractBroken where bytes were damaged."""
    columns = ["image_id", "format", "data"]
    for path, ids in files.items():
        if not ids:
            continue
        for batch in store.open(images.TABLE, path).iter_batches(batch_size=AT_ONCE, columns=columns):
            rows = zip(batch[0].to_pylist(), batch[1].to_pylist(), batch[2], strict=True)
            if found := [_checked(Encoded(i, form, data.as_py())) for i, form, data in rows if i in ids]:
                yield found


def less(files: Files, there: Collection[str]) -> Files:
    """Return what is still wanted of each file."""
    held = frozenset(there)
    return {path: frozenset(ids) - held for path, ids in files.items()}


def _checked(image: Encoded) -> Encoded:
    if sha256(image.data) != image.image_id:
        raise ContractBroken(
            f"image {image.image_id} was damaged in the lake: its bytes are not those it is named after."
        )
    return image
