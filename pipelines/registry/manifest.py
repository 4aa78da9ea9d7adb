"""What a model's folder says of itself, read and judged before anything in it is loaded.

Four kinds are served, and none of them by unpickling: ONNX, PyTorch as an exported program (pt2), Keras as `.keras`,
and Python functions kept as source. Whatever could only be unpickled is refused here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.registry.spec import ModelSpec, Preprocessing

Kind = Literal["onnx", "torch", "keras", "pyfunc"]

_FILE = "MLmodel"
_MOST_BYTES = 16 << 20
_KEY = "tessera"
_CLASSES = ("tags", "labels", "classes")  # what people call a list of class names in a model's metadata
TWIN = "network.pt2"  # the same network for torch, logged beside an ONNX file by extra_files=[…]
_TWINS = (TWIN, f"extra_files/{TWIN}")
_EXPECTED = "one tensor of uint8, or of float32 from 0 to 255, shaped (-1, height, width, 3)"
_LOADERS = ("mlflow.pyfunc.loaders.code_model", "mlflow.pyfunc.model")


@dataclass(frozen=True)
class Manifest:
    """How a model in a folder is to be run.

    `file` is the network, relative to the folder (for a Python function: its source); `twin` the same network as a
    torch program, where the folder holds one. `takes_floats` is true where the network wants float32 instead of uint8.
    """

    kind: Kind
    file: str
    spec: ModelSpec
    takes_floats: bool = False
    twin: str | None = None

    @staticmethod
    def read(folder: Path, title: str) -> Manifest:
        """Read a model's folder. Raises CannotRun, naming the model by `title`, where it cannot be served."""
        stated = _stated(folder, title)
        kind, file = _network(folder, stated, title)
        dtype, shape = _input(stated, title)
        try:
            spec = _spec(stated, shape)
            _check_shapes(spec, shape, _tensors(stated, "outputs"))
        except ContractBroken as error:
            raise CannotRun(f"{title} cannot be served: {error}") from error
        twin = next((name for name in _TWINS if (folder / name).is_file()), None)
        return Manifest(kind, file, spec, dtype == "float32", twin)


def _stated(folder: Path, title: str) -> dict[str, Any]:
    path = folder / _FILE
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise CannotRun(f"{title} cannot be served: its {_FILE} is larger than {_MOST_BYTES >> 20} MiB.")
        stated = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise CannotRun(f"{title} cannot be served: its {_FILE} cannot be read. Log the model again.") from error
    if not isinstance(stated, dict) or not isinstance(stated.get("flavors"), dict):
        raise CannotRun(f"{title} cannot be served: its {_FILE} names no flavour. Log the model again.")
    return stated


def _network(folder: Path, stated: Mapping[str, Any], title: str) -> tuple[Kind, str]:
    """Return the kind of a model and the file that holds it."""
    flavours: dict[str, Any] = stated["flavors"]
    for flavour, kind, places in _PLACES:
        if flavour in flavours and (file := _first(folder, places)):
            return kind, file
    function = flavours.get("python_function")
    if isinstance(function, dict) and function.get("loader_module") in _LOADERS and "python_model" not in function:
        source = Path(str(function.get("model_code_path", ""))).name
        if source and (folder / source).is_file():
            return "pyfunc", source
    raise CannotRun(
        f"{title} cannot be served: it is kept as {_named(flavours)}, and what would have to be unpickled is never "
        "loaded. Log it as ONNX, as PyTorch with serialization_format='pt2', as Keras (.keras), or as a pyfunc whose "
        "python_model is the path of its source."
    )


# flavour, kind, and where its network may lie
_PLACES: tuple[tuple[str, Kind, tuple[str, ...]], ...] = (
    ("onnx", "onnx", ("model.onnx",)),
    ("pytorch", "torch", ("data/model.pt2",)),
    ("keras", "keras", ("data/model.keras",)),
    ("tensorflow", "keras", ("data/model.keras",)),
)


def _first(folder: Path, places: Sequence[str]) -> str | None:
    return next((place for place in places if (folder / place).is_file()), None)


def _named(flavours: Mapping[str, Any]) -> str:
    return " and ".join(sorted(str(name) for name in flavours if name != "python_function")) or "a pickled function"


def _tensors(stated: Mapping[str, Any], side: str) -> list[tuple[str | None, str, tuple[int, ...]]]:
    """Return name, dtype and shape of each tensor on a side of the signature; none where it does not say."""
    signature = stated.get("signature")
    try:
        fields = json.loads(signature[side]) if isinstance(signature, dict) and signature.get(side) else []
        specs = [(field.get("name"), field["tensor-spec"]) for field in fields if field.get("type") == "tensor"]
        tensors = [(name, str(spec["dtype"]), tuple(int(size) for size in spec["shape"])) for name, spec in specs]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return []
    return tensors if len(tensors) == len(fields) else []


def _input(stated: Mapping[str, Any], title: str) -> tuple[str, tuple[int, ...]]:
    """Return dtype and shape of the one input. Raises CannotRun where it is not an image's."""
    tensors = _tensors(stated, "inputs")
    if len(tensors) == 1:
        _, dtype, shape = tensors[0]
        if dtype in {"uint8", "float32"} and len(shape) == 4 and (shape[0], shape[3]) == (-1, 3):
            return dtype, shape
    signature = stated.get("signature")
    found = "; ".join(f"{dtype} {shape}" for _, dtype, shape in tensors) or (
        f"{signature.get('inputs')!s:.200}" if isinstance(signature, dict) else "no signature"
    )
    raise CannotRun(
        f"{title} cannot be served: Tessera gives a model {_EXPECTED}, and its signature says {found}. "
        "Log it again with such a signature."
    )


def _spec(stated: Mapping[str, Any], shape: tuple[int, ...]) -> ModelSpec:
    metadata = stated.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    if _KEY in metadata:
        return ModelSpec.from_dict(metadata[_KEY])
    outputs, height, width = _tensors(stated, "outputs"), shape[1], shape[2]
    named = [metadata[name] for name in _CLASSES if isinstance(metadata.get(name), list)]
    if len(named) == 1 and len(outputs) == 1 and min(height, width) > 0:
        return ModelSpec(Preprocessing(width, height, "stretch"), ((outputs[0][0] or "tags", tuple(named[0])),))
    raise ContractBroken(
        f"its metadata does not say how its pictures and outputs are to be read. Log it with metadata={{'{_KEY}': "
        "{'preprocessing': {'width': …, 'height': …, 'fit': 'pad' or 'stretch'}, 'outputs': {group: [labels …]}, "
        "'embedding': length or None}}; for one group of classes, metadata={'tags': [labels …]} and a signature "
        "with height and width are enough."
    )


def _check_shapes(
    spec: ModelSpec, shape: tuple[int, ...], outputs: Sequence[tuple[str | None, str, tuple[int, ...]]]
) -> None:
    """Raise ContractBroken where signature and spec disagree; -1 in a signature is any size."""
    shown = spec.preprocessing
    if shape[1] not in {-1, shown.height} or shape[2] not in {-1, shown.width}:
        raise ContractBroken(
            f"its signature takes {shape[2]} x {shape[1]} pixels, its metadata says {shown.width} x {shown.height}."
        )
    widths = spec.widths
    if len(outputs) == 1 and len(widths) == 1:
        outputs = [(next(iter(widths)), *outputs[0][1:])]  # a single output needs no name
    for name, width in widths.items():
        found = [sizes for other, _, sizes in outputs if other == name]
        if outputs and all(other for other, _, _ in outputs) and not found:
            raise ContractBroken(f"its signature has no output {name}, which its metadata describes.")
        if found and (len(found[0]) != 2 or found[0][1] not in {-1, width}):
            raise ContractBroken(f"its output {name} is shaped {found[0]}, its metadata describes (-1, {width}).")
