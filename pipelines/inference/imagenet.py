"""The usual tags model: Keras' EfficientNet-B0 for ImageNet, its weights fetched on first use or named by a setting."""

from __future__ import annotations

from hashlib import md5
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.inference.backends.efficientnet import SIDE, convert
from pipelines.inference.tag_paths import class_names
from pipelines.inference.tags import NAME
from pipelines.ingest.pace import Retries
from pipelines.ingest.web import Limits, Web
from pipelines.lake.errors import CannotRun, Rejected
from pipelines.registry import Registry
from pipelines.registry.spec import ModelSpec, Preprocessing

URL = "https://storage.googleapis.com/keras-applications/efficientnetb0.h5"
_MD5 = "902e53a9f72be733fc0bcb005b3ebbac"  # as Keras 3 states it; its own check, not a secret's
_BYTES = 64 << 20  # the file has 21 MB
_ADVICE = (
    "Where there is no network, name the file efficientnetb0.h5 with TESSERA_TAG_WEIGHTS, or register a model "
    f"{NAME} of your own and point its alias champion to it. All else goes on without tags."
)


class NoWeights(CannotRun):
    """There are no weights to be had: no fault of the night's."""


def register(registry: Registry, weights: str) -> None:
    """Register EfficientNet-B0 as the champion of the tags, with `weights`: a file, `none`, or empty to download them.

    Raises NoWeights where there are none, CannotRun where a file holds something else.
    """
    with TemporaryDirectory(prefix="tessera-tags-") as aside:
        held, model = _held(weights, Path(aside)), Path(aside, "model.onnx")
        convert(held, model)
        spec = ModelSpec(Preprocessing(SIDE, SIDE, "stretch"), (("tags", class_names()),))
        version = registry.log_onnx(NAME, model, spec, tags={"origin": "Keras, EfficientNet-B0, ImageNet-1k"})
    registry.set_alias(NAME, "champion", version.version)


def _held(weights: str, aside: Path) -> Path:
    if weights == "none":
        raise NoWeights(f"TESSERA_TAG_WEIGHTS is none, so images get no tags. {_ADVICE}")
    if weights:
        if not Path(weights).is_file():
            raise CannotRun(f"TESSERA_TAG_WEIGHTS names {weights}, but there is no such file. {_ADVICE}")
        return Path(weights)
    path = aside / "efficientnetb0.h5"
    path.write_bytes(_downloaded())
    return path


def _downloaded() -> bytes:
    try:
        with Web(
            frozenset({"storage.googleapis.com"}), retries=Retries(attempts=2), limits=Limits(total_seconds=300)
        ) as web:
            data = web.get(URL, limit_bytes=_BYTES, unpack=False).body
    except (CannotRun, Rejected) as error:
        why = error.detail if isinstance(error, Rejected) else str(error)
        raise NoWeights(f"the ImageNet weights could not be had from {URL}: {why} {_ADVICE}") from error
    if md5(data, usedforsecurity=False).hexdigest() != _MD5:
        raise NoWeights(f"what {URL} gave is not the file that Keras names. {_ADVICE}")
    return data
