"""Limits hold before memory is spent, and large pictures wait for each other."""

import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imaging_samples as make
import numpy as np
import pytest

from pipelines.imaging import Unreadable, decode, encode_jpeg, inspect, limits

HEADERS = {
    "jpeg": make.jpeg_header,
    "png": lambda width, height: make.PNG_MAGIC + make.ihdr(width, height, 8, 6) + make.chunk(b"IDAT", b""),
    "webp": make.webp_header,
}


def reason(data: bytes) -> str:
    with pytest.raises(Unreadable) as decoded:
        decode(data)
    with pytest.raises(Unreadable) as inspected:
        inspect(data)
    assert decoded.value.reason == inspected.value.reason
    return decoded.value.reason


@pytest.mark.parametrize("name", HEADERS)
def test_size_limits(name: str) -> None:
    header = HEADERS[name]
    assert reason(header(16000, 12500)) == "too_many_pixels"
    assert reason(header(8001, 8000)) == "too_many_pixels"
    if name != "webp":  # whose sides end at 16,384 by themselves
        assert reason(header(16385, 1)) == reason(header(1, 65535)) == "side_too_long"
        assert reason(header(0, 5)) == "corrupt"
    assert reason(header(16384, 1)) in ("truncated", "corrupt")  # within the limits, and no pixels in it


def test_extended_webp_counts_its_canvas() -> None:
    canvas = (16000 - 1).to_bytes(3, "little") + (12500 - 1).to_bytes(3, "little")
    assert reason(make.riff((b"VP8X", bytes(4) + canvas), (b"VP8 ", bytes(30)))) == "too_many_pixels"


def test_byte_limit() -> None:
    assert reason(b"\xff\xd8\xff" + bytes(limits.MAX_BYTES)) == "too_many_bytes"


BOMBS = """
    import resource, sys, zlib
    sys.path[:0] = sys.argv[1:]
    import imaging_samples as make, numpy as np
    from pipelines.imaging import decode, inspect, Unreadable
    from test_imaging_limits import HEADERS

    def peak():  # KiB
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    small = make.photo(8, 8)
    decode(make.saved(small, "PNG")), decode(make.saved(small, "WEBP")), decode(make.saved(small, "JPEG"))
    packed = zlib.compress(bytes(200_000_000))
    text = make.chunk(b"zTXt", b"Comment\\0\\0" + packed)
    profile = make.chunk(b"iCCP", b"icc\\0\\0" + packed)
    pixels = make.PNG_MAGIC + make.ihdr(16000, 12500, 8, 2) + make.chunk(b"IDAT", packed) + make.chunk(b"IEND", b"")
    refused = [header(16000, 12500) for header in HEADERS.values()] + [pixels]
    readable = [make.png(small, 8, 2, text, text), make.png(small, 8, 2, profile)]
    before = peak()
    for work in (inspect, decode):
        for data in refused:
            try:
                work(data)
            except Unreadable as error:
                assert error.reason == "too_many_pixels", error
            else:
                raise SystemExit("a bomb was decoded")
        for data in readable:
            work(data)
    assert np.array_equal(decode(readable[0]).pixels, small)
    print(peak() - before)
"""


def test_bombs_take_no_memory() -> None:
    here = Path(__file__).parent
    script = [sys.executable, "-c", textwrap.dedent(BOMBS), str(here), str(here.parents[1])]
    finished = subprocess.run(script, capture_output=True, text=True, check=False, timeout=60)
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) < 24 * 1024  # KiB; one such picture would take 600,000


def test_scan_bomb() -> None:
    data = make.saved(make.photo(), "JPEG", progressive=True)
    scan = make.segment(0xDA, bytes((1, 1, 0, 0, 0, 0)))
    assert reason(data[:-2] + scan * 300 + b"\xff\xd9") == "corrupt"


def test_png_of_too_many_chunks() -> None:
    data = make.png(make.photo(8, 8), 8, 2)
    assert reason(data[:33] + make.chunk(b"teST", b"") * 70_000 + data[33:]) == "corrupt"


@pytest.mark.parametrize("work", [inspect, decode])
def test_large_pictures_take_turns(work: object) -> None:
    large = encode_jpeg(np.full((3000, 3000, 3), 200, np.uint8))
    assert callable(work)
    done = threading.Event()
    thread = threading.Thread(target=lambda: (work(large), done.set()))
    with limits.large_turn:
        thread.start()
        assert not done.wait(0.3)
        work(make.saved(make.photo(), "JPEG"))  # a small one does not wait
    assert done.wait(10)
    thread.join()


def test_threads_get_the_same_pixels() -> None:
    files = [
        make.saved(make.photo(seed=1), "JPEG"),
        make.saved(make.photo(seed=2), "JPEG", icc_profile=make.adobe_rgb_profile()),
        make.saved(make.photo(channels=4, seed=3), "PNG"),
        make.saved(make.photo(seed=4), "WEBP"),
    ]
    expected = [decode(data).pixels for data in files]
    with ThreadPoolExecutor(8) as pool:
        for number, picture in enumerate(pool.map(decode, files * 50)):
            assert np.array_equal(picture.pixels, expected[number % 4])
