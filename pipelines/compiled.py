"""Compiled: how inner loops become machine code. The only door to numba's compiler.

Never with `fastmath`, so that results are the same on every processor; where fusing two operations is harmless, the
kernel says so itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Compile a function when it is first called; it runs without the interpreter's lock.

    What was compiled is kept beside the source, under a name that decides all sources with compiled functions in them:
    numba itself does not notice when a function in another file, called from this one, has changed.
    """
    function.__qualname__ += f"-{_sources()}"
    return cast(_Function, njit(cache=True, nogil=True, error_model="numpy")(function))


@cache
def _sources() -> str:
    """Return a digest of all files with compiled functions in them, and of what those are made of."""
    texts = {path: path.read_bytes() for path in sorted(Path(__file__).parent.glob("*/*.py"))}
    rooms = {path.parent for path, text in texts.items() if b"import compiled" in text}
    kernels = [
        text for path, text in texts.items() if path.parent in rooms and (b"numba" in text or b"compiled" in text)
    ]
    return hashlib.sha256(b"".join(kernels)).hexdigest()[:12]
