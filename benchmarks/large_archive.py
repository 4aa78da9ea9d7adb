"""Memory of a night as the archive grows: archives of N distinct pictures, one night each, peak memory per process.

    python benchmarks/large_archive.py 20000 200000

Each picture is one drawn piece made distinct by a JPEG comment, so that an archive is cheap to make.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from itertools import islice
from pathlib import Path

from pipelines.ingest import sample

HEADER = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName\n"


def write(path: Path, count: int) -> None:
    """Write an archive of `count` distinct pictures and as many rows."""
    drawn = [piece.image for piece in islice(sample.pieces(50), 50)]
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("styles.csv", "w", force_zip64=True) as rows:
            rows.write(HEADER.encode())
            for i in range(count):
                rows.write(f"{i},Men,Apparel,Topwear,Tshirts,Blue,Summer,2012,Casual,Piece {i}\n".encode())
        for i in range(count):
            comment = b"\xff\xfe\x00\x0a%08d" % i
            data = drawn[i % len(drawn)]
            archive.writestr(f"images/{i}.jpg", data[:2] + comment + data[2:])


def main(counts: list[int]) -> None:
    """Run one night per size and print what it took."""
    print("| pictures | archive MB | wall s | peak MiB |\n|---|---|---|---|")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "archive.zip"
            write(path, count)
            start = time.perf_counter()
            command = [sys.executable, "-m", "pipelines", "nightly", f"--fashion={path}"]
            env = os.environ | {"TESSERA_HOME": str(Path(folder) / "home")}
            done = subprocess.run(command, env=env, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(done.stderr)
            steps = json.loads(done.stdout.splitlines()[-1])["steps"]
            peak = max(step["peak_memory_bytes"] for step in steps) / 2**20
            each = ", ".join(f"{step['step']} {step['peak_memory_bytes'] / 2**20:.0f}" for step in steps)
            size, seconds = path.stat().st_size / 1e6, time.perf_counter() - start
            print(f"| {count:,} | {size:.0f} | {seconds:.0f} | {peak:.0f} ({each}) |", flush=True)


if __name__ == "__main__":
    main([int(count) for count in sys.argv[1:]] or [5_000])
