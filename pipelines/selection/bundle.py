"""The bundle: the files below `runs/<run id>/`, and what tells that they are whole.

They are `images/<image_id>.jpg`, one per distinct image, `metadata.parquet` and, written last, `metadata.json`, whose
presence says that these are whole. What was applied on top lies beside them: `augmentation/<image_id>.jpg`, and
`predictions.parquet` before `predictions.json`. What is written stays as it is.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import Objects
from pipelines.lake.recipe import Run


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
    def predictions(self) -> str:
        return f"{self.folder}/predictions.json"

    @property
    def predictions_copy(self) -> str:
        return f"{self.folder}/predictions.parquet"

    @property
    def is_whole(self) -> bool:
        return self.objects.find(self.metadata) is not None

    @property
    def is_begun(self) -> bool:
        return self._holds(self.folder)

    @property
    def has_augmentations(self) -> bool:
        return self._holds(f"{self.folder}/augmentation")

    @property
    def has_predictions(self) -> bool:
        return self.objects.find(self.predictions_copy) is not None

    @property
    def image_ids(self) -> list[str]:
        """The distinct images that a whole bundle is of, sorted. Raises CannotRun where it is not whole."""
        if not self.is_whole:
            raise CannotRun(f"there is no whole bundle at {self.uri} to go on with. Make it: tessera select --run-id.")
        rows = pq.read_table(io.BytesIO(self.objects.get(self.copy)), columns=["image_id"])
        return sorted(pc.unique(rows["image_id"]).to_pylist())

    def image(self, image_id: str) -> str:
        """Return the path of an image."""
        return f"{self.folder}/images/{image_id}.jpg"

    def augmentation(self, image_id: str) -> str:
        """Return the path of an image's changed copy."""
        return f"{self.folder}/augmentation/{image_id}.jpg"

    def written(self, paths: Mapping[str, str], folder: str) -> set[str]:
        """Return the values of those `paths` that are there, in one folder of the bundle."""
        return {paths[found.path] for found in self.objects.list(f"{self.folder}/{folder}") if found.path in paths}

    def strange(self, found: Collection[str], image_ids: Collection[str]) -> set[str]:
        """Return those of the paths found that a bundle of these images does not have."""
        ours = {path(image_id) for image_id in image_ids for path in (self.image, self.augmentation)}
        return set(found) - ours - {self.copy, self.metadata, self.predictions, self.predictions_copy}

    def create(self, path: str, data: bytes) -> None:
        """Write one file, unless it is there."""
        self.objects.create(path, data)

    def _holds(self, folder: str) -> bool:
        return next(iter(self.objects.list(folder)), None) is not None
