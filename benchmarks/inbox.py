"""A night's inbox: N pictures in B batches taken in, then nothing new, then all of one user's taken back.

    python benchmarks/inbox.py 10000:1 10000:100 10000:10000

Each picture is one drawn piece made distinct by a JPEG comment. Every pass runs in a process of its own, so that
its peak memory is its own.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from pipelines.ingest import sample

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
USERS = 50
PASS = """
import json, sys, time
from pipelines.ingest.inbox import source
from pipelines.ingest.retirement import retire
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal, peak_memory_bytes
from pipelines.lake.store import Store
journal = Journal(Store(sys.argv[1]), Run())
wall, cpu = time.perf_counter(), time.process_time()
source.ingest(journal)
taken = time.perf_counter() - wall
retire(journal)
steps = {step.step: [step.rows_in, step.new] for step in journal.steps}
print(json.dumps([taken, time.perf_counter() - wall, time.process_time() - cpu, peak_memory_bytes() / 2**20, steps]))
"""


def write(lake: Path, count: int, batches: int) -> None:
    """Fill an inbox: `count` pictures of many users, each with a vote of another one."""
    drawn = [piece.image for piece in islice(sample.pieces(20), 20)]
    for batch in range(batches):
        folder = lake / "incoming" / f"{batch:06}"
        folder.mkdir(parents=True)
        lines = []
        for number in range(batch, count, batches):
            data = drawn[number % len(drawn)]
            data = data[:2] + b"\xff\xfe\x00\x0a%08d" % number + data[2:]
            (folder / f"{number}.jpg").write_bytes(data)
            lines += _lines(number, data)
        (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def _lines(number: int, data: bytes) -> list[dict[str, object]]:
    image_id, ts = hashlib.sha256(data).hexdigest(), (START + timedelta(seconds=number)).isoformat()
    shown = {"visibility": "shared", "title": f"Piece {number}"}
    file = {"file": f"{number}.jpg", "size": len(data), "sha256": image_id}
    return [
        {"kind": "upload", "user_id": f"user{number % USERS}", "ts": ts, **file, **shown},
        {"kind": "vote", "user_id": f"user{(number + 1) % USERS}", "ts": ts, "image_id": image_id, "value": "like"},
    ]


def take_back(lake: Path, user: str) -> None:
    """Drop one more batch, in which a user deletes all of hers."""
    found = (json.loads(line) for file in (lake / "incoming").glob("*/manifest.jsonl") for line in file.open())
    mine = [line["sha256"] for line in found if line["kind"] == "upload" and line["user_id"] == user]
    ts = (START + timedelta(days=2)).isoformat()
    lines = [{"kind": "delete", "user_id": user, "ts": ts, "image_id": image_id} for image_id in mine]
    (lake / "incoming" / "deletions").mkdir()
    (lake / "incoming" / "deletions" / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def measure(lake: Path, what: str) -> None:
    """Run one pass and print its row of the table."""
    done = subprocess.run([sys.executable, "-c", PASS, str(lake)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    taken, wall, cpu, peak, steps = json.loads(done.stdout.splitlines()[-1])
    counts = ", ".join(f"{step.removeprefix('inbox ')} {new:,}/{given:,}" for step, (given, new) in steps.items())
    print(f"| {what} | {taken:.1f} | {wall:.1f} | {cpu:.1f} | {peak:.0f} | {counts} |", flush=True)


def main(sizes: list[str]) -> None:
    """Measure each size."""
    print("| pass | inbox s | with retirement s | CPU s | peak MiB | new/in |\n|---|---|---|---|---|---|")
    for size in sizes:
        count, batches = (int(part) for part in size.split(":"))
        with tempfile.TemporaryDirectory() as folder:
            lake, start = Path(folder) / "lake", time.perf_counter()
            write(lake, count, batches)
            print(f"drawn in {time.perf_counter() - start:.0f} s", file=sys.stderr)
            measure(lake, f"{count:,} files in {batches:,} batches")
            measure(lake, "nothing new")
            take_back(lake, "user7")
            measure(lake, "one of fifty users takes all back")


if __name__ == "__main__":
    main(sys.argv[1:] or ["1000:1", "1000:100"])
