"""Why an image cannot be used, and the one place where decoder errors become that answer.

Each format module may raise `Unreadable` itself; what Pillow, simplejpeg and zlib raise is translated
by `guarded` and nowhere else.
"""

import struct
import zlib
from collections.abc import Callable
from typing import Literal, TypeVar, TypeVarTuple

from PIL import Image

from pipelines.lake.errors import Rejected

Reason = Literal[
    "empty_file",
    "too_many_bytes",
    "not_an_image",
    "unsupported_format",
    "too_many_pixels",
    "side_too_long",
    "animated",
    "truncated",  # the file ends before its picture does
    "corrupt",  # the file is all there, and is not a valid picture
]

Args = TypeVarTuple("Args")
T = TypeVar("T")

# All that the decoders raise on bad bytes, by their documentation and by fuzzing. Not `Exception`: a
# mistake of ours (AttributeError, NameError, ...) must fail the run, not reject somebody's picture.
# `Warning`: Pillow warns of odd files, and `python -W error` turns that into exceptions.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Warning,
)
_CUT = (EOFError, IndexError, struct.error)  # reading beyond the last byte
_CUT_WORDS = ("premature end", "truncated", "incomplete")
_ADDRESS = " at 0x"


class Unreadable(Rejected):
    """An image that Tessera does not accept; the only exception `inspect` and `decode` raise for bytes.

    Attributes:
        reason: a short code, one of `Reason`; it goes into the table of rejects.
        detail: a plain sentence for the person whose picture it is.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        """Keep the code and the sentence; both are the arguments, so that it survives pickling."""
        super().__init__(reason, detail)
        self.reason: Reason = reason
        self.detail = detail

    def __str__(self) -> str:
        """Return "reason: detail"."""
        return f"{self.reason}: {self.detail}"


def guarded(work: Callable[[*Args], T], *args: *Args) -> T:
    """Return `work(...)`; whatever a decoder raises for its bytes leaves as `Unreadable`."""
    try:
        return work(*args)
    except _DECODER_ERRORS as error:
        raise _explained(error) from error


def _explained(error: BaseException) -> Unreadable:
    said = str(error).strip()
    if isinstance(error, _CUT) or any(word in said.lower() for word in _CUT_WORDS):
        return Unreadable("truncated", "The file ends before its picture does.")
    if not said or _ADDRESS in said:  # an address would make every run's reject a new one
        said = type(error).__name__
    return Unreadable("corrupt", f"The picture in this file is damaged ({said}).")
