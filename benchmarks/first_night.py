"""What a night costs: in an empty lake, again, and with 100 more pictures. Prints the Markdown of docs/first-night.md.

python benchmarks/first_night.py $TESSERA_REAL_DATA/fashion-product-images-small.zip
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from pipelines.ingest import sample

MORE = 100


def night(home: Path, archive: Path) -> dict[str, Any]:
    """Run one night in a process of its own; return its summary with wall, CPU-seconds and peak memory."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "pipelines", "nightly", f"--fashion={archive}"]
    done = subprocess.run(command, env=os.environ | {"TESSERA_HOME": str(home)}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    summary = json.loads(done.stdout.splitlines()[-1])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = max(step["peak_memory_bytes"] for step in summary["steps"])
    return summary | {"wall": time.perf_counter() - start, "cpu": cpu, "peak": peak}


def without_some(archive: Path, target: Path) -> None:
    """Copy an archive less `MORE` of the pictures that it holds once."""
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as part:
        crcs = [info.CRC for info in whole.infolist()]
        once = [i for i in whole.infolist() if i.filename.startswith("images/") and crcs.count(i.CRC) == 1]
        left_out = {info.filename for info in once[:MORE]}
        for info in whole.infolist():
            if info.filename not in left_out:
                part.writestr(info, whole.read(info))


def step_rows(name: str, summary: dict[str, Any]) -> list[str]:
    """Return the Markdown rows of one night's steps."""
    counts = ("in", "new", "unchanged", "reject", "duplicate")
    columns = (*(f"{name}_count" for name in counts), "seconds", "cpu_seconds", "items_per_second")
    return [
        f"| {name} | {step['step']} | " + " | ".join(f"{step[column]:,}" for column in columns) + " |"
        for step in summary["steps"]
    ]


def row_counts(home: Path) -> list[str]:
    """Return the Markdown rows of what the release holds."""
    query = "SELECT table_name, row_count AS rows FROM _pins ORDER BY table_name"
    command = [sys.executable, "-m", "pipelines", "sql", "--json", query]
    out = subprocess.run(
        command, env=os.environ | {"TESSERA_HOME": str(home)}, capture_output=True, text=True, check=True
    )
    rows = [json.loads(line) for line in out.stdout.splitlines()]
    return [f"| {row['table_name']} | {row['rows']:,} |" for row in rows]


def main(archive: Path) -> None:
    """Run the nights and print the page."""
    with tempfile.TemporaryDirectory() as folder:
        home, other, part = Path(folder) / "home", Path(folder) / "other", Path(folder) / "part.zip"
        nights = {"first": night(home, archive), "again": night(home, archive)}
        without_some(archive, part)
        night(other, part)
        nights[f"{MORE} more"] = night(other, archive)
        counts = row_counts(home)
    print("| night | wall s | CPU-seconds | peak memory of a process | release |\n|---|---|---|---|---|")
    for name, done in nights.items():
        cost = f"{done['wall']:.1f} | {done['cpu']:.1f} | {done['peak'] / 2**20:.0f} MiB"
        print(f"| {name} | {cost} | {done['release']['release']} |")
    print("\n| night | step | in | new | unchanged | rejected | duplicates | s | CPU-s | new/s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    print("\n".join(row for name, done in nights.items() for row in step_rows(name, done)))
    print("\n| table | rows |\n|---|---|")
    print("\n".join(counts))


def default_archive(folder: Path) -> Path:
    """Return the real archive where there is one, else a drawn one."""
    real = os.environ.get("TESSERA_REAL_DATA")
    if real:
        return Path(real) / "fashion-product-images-small.zip"
    return sample.write_fashion_zip(folder / "drawn.zip", 2_000)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else default_archive(Path(scratch)))
