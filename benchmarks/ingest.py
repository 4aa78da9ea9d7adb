"""Ingest beside its peers in one run: the images of a zip into a table, in CPU-seconds, wall time and peak memory.

    python benchmarks/ingest.py [ARCHIVE] [--datasets=PYTHON] [--repeats=3]

Without an archive one of 2,000 drawn pieces is made. The limit is what nobody can do without: reading the zip and
hashing its members. `--datasets` names a Python that has Hugging Face datasets, which is no dependency of Tessera:

    python -m venv peer && peer/bin/pip install datasets

Each writer runs in a process of its own; the best of the repeats counts. Peers prove no picture, know no picture
again and account for nothing; what Tessera does beyond them is in its figure.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

PER_SHARD = 1_000  # pictures in a tar, as img2dataset writes them


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and bytes of each picture."""
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            if info.filename.startswith("images/"):
                yield Path(info.filename).name, file.read(info)


def limit(archive: Path, _folder: Path) -> None:
    """Read and hash, keep nothing."""
    for _, data in members(archive):
        hashlib.sha256(data).digest()


def proved(archive: Path, _folder: Path) -> None:
    """Read, hash, and decode each picture once, as nothing enters the lake undecoded; keep nothing."""
    from pipelines import imaging

    for _, data in members(archive):
        hashlib.sha256(data).digest()
        imaging.inspect(data)


def files(archive: Path, folder: Path) -> None:
    """One file per picture, named by its hash."""
    for _, data in members(archive):
        (folder / f"{hashlib.sha256(data).hexdigest()}.jpg").write_bytes(data)


def tars(archive: Path, folder: Path) -> None:
    """Shards of a thousand pictures with a JSON beside each, as img2dataset and webdataset write them."""
    shard = None
    for index, (name, data) in enumerate(members(archive)):
        if index % PER_SHARD == 0:
            if shard:
                shard.close()
            shard = tarfile.open(folder / f"{index // PER_SHARD:05d}.tar", "w")  # noqa: SIM115
        note = json.dumps({"key": name, "sha256": hashlib.sha256(data).hexdigest()}).encode()
        for suffix, part in (("jpg", data), ("json", note)):
            entry = tarfile.TarInfo(f"{index:09d}.{suffix}")
            entry.size = len(part)
            shard.addfile(entry, BytesIO(part))
    if shard:
        shard.close()


def datasets(archive: Path, folder: Path) -> None:
    """Hugging Face datasets: rows from a generator into Parquet, pictures as they are."""
    import datasets as hf

    hf.disable_progress_bars()
    features = hf.Features({"key": hf.Value("string"), "sha256": hf.Value("string"), "image": hf.Image(decode=False)})

    def rows() -> Iterator[dict[str, object]]:
        for name, data in members(archive):
            image = {"bytes": data, "path": name}
            yield {"key": name, "sha256": hashlib.sha256(data).hexdigest(), "image": image}

    made = hf.Dataset.from_generator(rows, features=features, cache_dir=str(folder / "cache"))
    made.to_parquet(str(folder / "images.parquet"))


def images(archive: Path, folder: Path) -> None:
    """Tessera: pictures proved, known again, accounted for, in Delta."""
    from functools import partial

    from pipelines.ingest.archive import open_archive
    from pipelines.ingest.fashion import TERMS
    from pipelines.ingest.intake import Item, ingest
    from pipelines.lake.recipe import Run
    from pipelines.lake.runs import Journal
    from pipelines.lake.store import Store

    with open_archive(archive) as opened:
        found = (member for member in opened.members() if member.name.startswith("images/"))
        items = (Item(member.name, member.stamp, partial(opened.read, member)) for member in found)
        ingest(Journal(Store(str(folder / "lake")), Run()), "fashion", TERMS, items)


def everything(archive: Path, folder: Path) -> None:
    """Tessera: the pictures, and the rows of styles.csv with their rejects."""
    from pipelines.ingest import fashion
    from pipelines.lake.recipe import Run
    from pipelines.lake.runs import Journal
    from pipelines.lake.store import Store

    fashion.ingest(Journal(Store(str(folder / "lake")), Run()), archive, fashion.FashionParams())


WRITERS: dict[str, Callable[[Path, Path], None]] = {
    "limit: read the zip, hash its members": limit,
    "the same, and prove each picture": proved,
    "Tessera: images": images,
    "Tessera: images, products, rejects": everything,
    "one file per image": files,
    "tar shards (img2dataset's)": tars,
    "Hugging Face datasets": datasets,
}


def child(name: str, archive: Path, folder: Path) -> None:
    """Do one writer's work; say what it cost, imports left out."""
    if name.startswith(("Tessera", "the same")):
        import pandas  # noqa: F401, ICN001  # pyarrow would import it in the middle

        import pipelines.imaging
        import pipelines.ingest.fashion  # noqa: F401
    wall, cpu = time.perf_counter(), time.process_time()
    WRITERS[name](archive, folder)
    cost = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    print(json.dumps(cost | {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def measured(python: str, name: str, archive: Path) -> dict[str, float]:
    """Run one writer in a fresh process and an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [python, __file__, str(archive), f"--child={name}", f"--folder={folder}"]
        env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path, nargs="?")
    parser.add_argument("--datasets")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.child:
        child(given.child, given.archive, given.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        report(given.archive or drawn(Path(folder)), given.datasets, given.repeats)


def drawn(folder: Path) -> Path:
    """Draw an archive."""
    from pipelines.ingest import sample

    return sample.write_fashion_zip(folder / "drawn.zip", 2_000)


def report(archive: Path, python: str | None, repeats: int) -> None:
    """Measure all writers in turn, several times over, so that a busy machine is busy for all of them."""
    pythons = {name: python if name.startswith("Hugging") else sys.executable for name in WRITERS}
    runs: dict[str, list[dict[str, float]]] = {name: [] for name, where in pythons.items() if where}
    for _ in range(repeats):
        for name, found in runs.items():
            found.append(measured(str(pythons[name]), name, archive))
    best = {name: {kind: min(run[kind] for run in found) for kind in found[0]} for name, found in runs.items()}
    base = best[next(iter(best))]
    print("| writer | CPU-s | of the limit | wall s | of the limit | peak MiB |\n|---|---|---|---|---|---|")
    for name, cost in best.items():
        shares = {kind: cost[kind] / base[kind] for kind in ("cpu", "wall")}
        print(
            f"| {name} | {cost['cpu']:.2f} | {shares['cpu']:.1f}x | {cost['wall']:.2f} | {shares['wall']:.1f}x "
            f"| {cost['peak']:.0f} |"
        )


if __name__ == "__main__":
    main()
