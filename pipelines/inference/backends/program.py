"""Torch programs (pt2): opened without running anything that the file's author wrote, and run on the CPU.

`torch.export.load` falls back to unpickling, evaluates sizes as Python, calls whatever function a node names, and
loads shared libraries. So only members that are plain tensors and a graph of ATen calls are handed to it, in an
archive written anew.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipelines.inference.backends.batches import Batch, Network
from pipelines.lake.errors import CannotRun

_MEMBERS = re.compile(
    r"(?:archive_format|archive_version|byteorder|\.data/version|\.data/serialization_id|models/\w+\.json"
    r"|data/sample_inputs/\w+\.pt|data/(?:weights|constants)/(?:(?:weight|tensor)_[0-9]+|\w+_config\.json))"
)
_LEFT_OUT = re.compile(r"extra/.*|.*/")
_MOST_BYTES = 4 << 30
_CALLS = re.compile(
    r"torch\.ops\.aten\.(?!from_file\b|__)\w+\.(?!__)\w+|torch\.sym_(?:int|float|max|min|not|ite)"
    r"|_operator\.(?:getitem|add|sub|mul|floordiv|mod|neg|eq|ne|ge|gt|le|lt)"
)
_SIZES = re.compile(  # possessive, so that a long one costs no more than its length
    r"(?:Symbol\('[su][0-9]++'|(?:positive|integer|nonnegative)=True|Integer\(|(?:Add|Mul|Max|Min|FloorDiv|Mod)\("
    r"|(?:Eq|Ne|Ge|Gt|Le|Lt)\(|[su]?[0-9]++|\*(?!\*)|[(), +/<>=-])*+"
)


def opened(path: Path, title: str) -> torch.export.ExportedProgram:
    """Return the program of a pt2 file. Raises CannotRun where it is not one, or more than one."""
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"  # whoever else calls torch.load here does not unpickle either
    try:
        return torch.export.load(_repacked(path))
    except _Unsafe as error:
        raise CannotRun(
            f"{title} is not loaded: its torch program {error}. Export it anew, with ATen operators only."
        ) from error
    except Exception as error:  # whatever torch makes of a damaged file
        raise CannotRun(f"{title} is no program that torch can load: {error!s:.300}") from error


def on_cpu(path: Path, title: str, *, floats: bool) -> Network:
    """Return the network of a pt2 file on the CPU. Raises CannotRun."""
    torch.set_num_threads(1)  # the executor has a thread for every core
    module = opened(path, title).module().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def network(batch: Batch) -> Any:
        with torch.inference_mode():
            pixels = torch.from_numpy(batch if batch.flags.writeable else batch.copy())
            return arrays(module(pixels.float() if floats else pixels))

    return network


def arrays(found: Any) -> Any:
    """Return tensors, however they are held, as float32 arrays held alike."""
    if isinstance(found, dict):
        return {name: arrays(value) for name, value in found.items()}
    if isinstance(found, (list, tuple)):
        return [arrays(value) for value in found]
    return np.asarray(found.float().cpu().numpy())


class _Unsafe(ValueError):
    """Something in a program that an honest network has no use for."""


def _repacked(path: Path) -> io.BytesIO:
    """Return a program's archive with the members that are known to be harmless, and refuse all others.

    Written anew, so that torch cannot read in it anything else than was looked at here.
    """
    anew = io.BytesIO()
    with zipfile.ZipFile(path) as given, zipfile.ZipFile(anew, "w") as taken:
        left, seen = _MOST_BYTES, set()
        for info in given.infolist():
            top, _, name = info.filename.partition("/")
            seen.add((top, name.lower()))
            if _LEFT_OUT.fullmatch(name):
                continue
            left -= info.file_size
            if not _MEMBERS.fullmatch(name) or left < 0:
                raise _Unsafe(f"holds {info.filename!r:.100}, which no network needs")
            data = given.read(info)
            if name.endswith(".json"):
                _check(json.loads(data))
            taken.writestr(f"network/{name}", data)
        if len(seen) != len(given.infolist()) or len({top for top, _ in seen}) != 1:
            raise _Unsafe("holds two files of one name")
    anew.seek(0)
    return anew


def _check(described: Any) -> None:
    """Raise _Unsafe unless a description only names tensors, ATen operators and sums of sizes."""
    for key, value in _pairs(described):
        if key == "target" and isinstance(value, str) and not _CALLS.fullmatch(value):
            raise _Unsafe(f"calls {value!r:.100}")
        if key == "expr_str" and not _SIZES.fullmatch(str(value)):
            raise _Unsafe(f"computes a size by {value!r:.100}")
        if key == "guards_code" and value:
            raise _Unsafe("carries guards, which are Python")
        if key == "use_pickle" and value:
            raise _Unsafe("carries a pickled tensor")
        if key == "path_name" and not re.fullmatch(r"(?:weight|tensor)_[0-9]+", str(value)):
            raise _Unsafe(f"carries {value!r:.100}")


def _pairs(described: Any) -> Iterator[tuple[str, Any]]:
    held = [described]
    while held:
        part = held.pop()
        if isinstance(part, dict):
            yield from part.items()
            held += part.values()
        elif isinstance(part, list):
            held += part
