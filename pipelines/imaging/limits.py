"""How much one image may ask for, checked before a pixel is allocated, and how much is held at a time."""

import os
import threading

from PIL import Image

from pipelines.imaging.errors import Unreadable

MAX_BYTES = 32 * 2**20  # encoded
MAX_PIXELS = 64_000_000
MAX_SIDE = 16_384  # pixels
LARGE_PIXELS = 8_000_000  # above it pictures are decoded one at a time
MAX_CHUNKS = 65_536  # parts of a PNG or WEBP file; a real one of 32 MiB has about 4,000
MAX_PROFILE_BYTES = 4 * 2**20  # the largest ICC profiles in use, for CMYK presses, have about 2 MiB

# Pillow's own guard only warns at this figure and raises at twice it; ours has spoken before.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

large_turn = threading.Lock()  # held while a picture above LARGE_PIXELS is in memory, one in the process
# Without it, a fork during another thread's large picture would leave the child waiting for ever.
os.register_at_fork(before=large_turn.acquire, after_in_parent=large_turn.release, after_in_child=large_turn.release)


def check_bytes(data: bytes) -> None:
    """Raise `Unreadable` if there is nothing to read, or more than `MAX_BYTES`."""
    if not data:
        raise Unreadable("empty_file", "The file is empty.")
    if len(data) > MAX_BYTES:
        raise Unreadable("too_many_bytes", f"The file has {len(data):,} bytes; {MAX_BYTES:,} are allowed.")


def check_size(width: int, height: int) -> None:
    """Raise `Unreadable` unless a header's size (pixels) is one that may be decoded."""
    if width < 1 or height < 1:
        raise Unreadable("corrupt", f"The file says that it is {width} x {height} pixels.")
    if width > MAX_SIDE or height > MAX_SIDE:
        raise Unreadable("side_too_long", f"{width} x {height} pixels; a side may have {MAX_SIDE:,}.")
    if width * height > MAX_PIXELS:
        raise Unreadable("too_many_pixels", f"{width} x {height} pixels; {MAX_PIXELS:,} are allowed.")
