"""Scoring beside its limits and its peers: pictures of a lake to rows of `label_scores`, in one run.

    python benchmarks/inference.py [--networks=…] [--pictures=N] [--repeats=N] [--contenders=…] [--json=FILE]

Pictures are real thumbnails where TESSERA_REAL_DATA is set, else drawn pieces of the sample source. Ours is the real
path: a lake, a registry, `materialize` on the local Dask worker and on threads; all that it does counts, commits too.
Peers score the same bytes by the same weights (Keras: its own network of that name) and write bare Parquet; what they
need to start is taken off. Ray Data and Daft are no dependencies of Tessera; put them apart and name them:

    pip install --target peers --no-deps ray daft && PYTHONPATH=peers python benchmarks/inference.py

Decode limit: the pictures decoded and brought to size, nothing else. Model limit: the same session fed with a batch
that lies ready. Both on as many threads as ours has. Each contender runs in a process of its own, all in turn; the
best of the repeats counts. Memory is that of all its processes, shared pages counted once.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from _inference_peers import BATCH, OPTIONS, PEERS, Absent, Work
from _inference_pictures import pictures
from _inference_report import FEW, OURS, Found, best_of, better, of_ours, of_peer, report

from pipelines.executor import cores, open_executor

PATIENCE_SECONDS = 600
PICTURES = {"fashion-labels": 4096, "mobilenet-v2": 1024, "efficientnet-b0": 1024}  # for each core
PEERS_SHARE = 4  # peers get a part of them: they are slower, and a rate is a rate


def take_in(folder: Path, data: list[bytes]) -> int:
    """Make a lake of pictures, and the same as one Parquet file for the peers; return how many there are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipelines.ingest import images
    from pipelines.ingest.fashion import TERMS
    from pipelines.ingest.intake import Item, ingest
    from pipelines.lake.recipe import Run
    from pipelines.lake.runs import Journal
    from pipelines.lake.store import Store

    store = Store(str(folder / f"lake-{len(data)}"))
    items = (Item(f"{place}.jpg", str(place), partial(bytes, each)) for place, each in enumerate(data))
    ingest(Journal(store, Run()), "fashion", TERMS, items)
    held: pa.Table = store.snapshot(images.TABLE).read(["image_id", "data"])
    pq.write_table(held, folder / f"images-{len(data)}.parquet", row_group_size=256, compression="none")
    return int(held.num_rows)


def register(folder: Path, network: str) -> None:
    """Put a network into a registry, and its ONNX file beside it for the peers."""
    from _inference_networks import build, quiet

    built = build(network)
    data = built.onnx()
    with quiet():
        _registry(folder).log_onnx(network, data, built.spec)
    (folder / f"{network}.onnx").write_bytes(data)
    shown = built.spec.preprocessing
    facts = {"width": shown.width, "height": shown.height, "flop": built.flop()}
    (folder / f"{network}.json").write_text(json.dumps(facts))


def _registry(folder: Path) -> Any:
    from pipelines.registry import Registry

    return Registry(f"sqlite:///{folder / 'mlflow.db'}", str(folder / "artifacts"), folder / "models")


def bound_table(folder: Path, network: str) -> Any:
    """Return `label_scores` bound to the network."""
    from pipelines.inference import label_scores
    from pipelines.inference.scoring import ModelPlace, ScoreParams
    from pipelines.producers import bound

    model = _registry(folder).resolve(f"{network}/1")
    place = ModelPlace(_registry(folder), model, "cpu")
    return bound(label_scores.TABLE, ScoreParams(model.name, model.version, model.digest), place)


@contextmanager
def tessera(where: str, work: Work) -> Iterator[Callable[[int], None]]:
    """Ours: bring `label_scores` of a fresh copy of the lake up to date."""
    from pipelines.lake.recipe import Run
    from pipelines.lake.runs import Journal
    from pipelines.lake.store import Store
    from pipelines.producers import materialize

    table = bound_table(work.folder, work.network)
    with open_executor(where) as executor, tempfile.TemporaryDirectory(dir=work.folder) as aside:
        for count, copy in itertools.product(_counts(work), range(2)):
            shutil.copytree(work.folder / f"lake-{count}", Path(aside, f"{count}-{copy}"))

        def run(count: int) -> None:
            lake = min(Path(aside).glob(f"{count}-*"))
            materialize(Journal(Store(str(lake)), Run()), table, executor, 0.1)
            lake.rename(lake.with_name(f"done-{lake.name}"))

        yield run


def _counts(work: Work) -> list[int]:
    return sorted({int(path.name.removeprefix("lake-")) for path in work.folder.glob("lake-*")})


@contextmanager
def peer(name: str, work: Work) -> Iterator[Callable[[int], None]]:
    """One of the others."""
    yield PEERS[name](work)


def cpu_seconds() -> float:
    """Return the processor time of this process and all below it, those that have ended included."""
    me = psutil.Process()
    total = 0.0
    for process in (me, *me.children(recursive=True)):
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.Error:
            continue
    return total


def child(name: str, work: Work, count: int) -> Found:
    """Run one contender; return the seconds of few pictures and of many."""
    opened = tessera(OURS[name], work) if name in OURS else peer(name, work)
    with opened as run:
        run(FEW)  # compiled, loaded and warm
        found: Found = {}
        for kind, pictures_now in (("few", FEW), ("many", count)):
            wall, cpu = time.perf_counter(), cpu_seconds()
            run(pictures_now)
            found |= {f"{kind}_wall": time.perf_counter() - wall, f"{kind}_cpu": cpu_seconds() - cpu}
        return found


def limits(work: Work, count: int) -> dict[str, Any]:
    """Measure what cannot be passed, and where the time goes."""
    import _inference_stages as measured

    from pipelines.lake.store import Store

    table = bound_table(work.folder, work.network)
    place = table.produce.place
    with tempfile.TemporaryDirectory(dir=work.folder) as aside:
        store = Store(str(shutil.copytree(work.folder / f"lake-{count}", Path(aside, "lake"))))
        held = measured.encoded(store, 4096)
        tasks = max(2 * work.cores, count // 4 // measured.AT_ONCE)
        return {
            "decode": measured.decode_limit(held, place, work.cores),
            "model": measured.model_limit(held, place, work.cores, tasks),
            "model, one thread": measured.model_limit(held, place, 1, max(2, tasks // work.cores)),
            "gemm": measured.gemm_flops(work.cores),
            "gemm_1": measured.gemm_flops(1),
            "stages": measured.stages(store, table, place),
        }


def measure(name: str, work: Work, count: int) -> dict[str, Any]:
    """Run a contender in a fresh process; return its figures and the most memory that all its processes had at once."""
    command = [sys.executable, __file__, f"--child={name}", f"--folder={work.folder}", f"--pictures={count}"]
    paths = [*map(str, Path(__file__).parents[:2]), os.environ.get("PYTHONPATH", "")]
    env = os.environ | OPTIONS | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        command += [f"--networks={work.network}"]
        running = subprocess.Popen(command, env=env, stdout=out, stderr=err, start_new_session=True)
        most, began = 0, time.monotonic()
        while running.poll() is None and time.monotonic() - began < PATIENCE_SECONDS:
            most = max(most, _memory(running.pid))
            time.sleep(0.5)
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            return {"absent": f"it was not done after {PATIENCE_SECONDS} s"}
        out.seek(0), err.seek(0)
        if running.returncode:
            return {"absent": (err.read().strip().splitlines() or ["it died without a word"])[-1][:300]}
        found: dict[str, Any] = json.loads(out.read().strip().splitlines()[-1])
        return found | {"peak": most}


def _memory(pid: int) -> int:
    total = 0
    try:
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            total += process.memory_full_info().pss
    except psutil.Error:
        pass
    return total


def compare(work: Work, count: int, names: list[str], repeats: int) -> dict[str, Any]:
    """Measure all contenders in turn, several times over, so that a busy machine is busy for all of them."""
    best: dict[str, Found] = {}
    absent: dict[str, str] = {}
    bounds: list[dict[str, Any]] = []
    for _ in range(repeats):
        bounds.append(measure("limits", work, count))
        if "absent" in bounds[-1]:
            raise SystemExit(bounds[-1]["absent"])
        for name in names:
            share = count if name in OURS else max(2 * FEW, count // PEERS_SHARE)
            found = {} if name in absent else measure(name, work, share)
            if "absent" in found:
                absent[name] = found["absent"]
            elif found:
                rates = (of_ours if name in OURS else of_peer)(found, share)
                best[name] = better(rates, best.get(name, rates))
                print(
                    f"{work.network}, {name}: {rates['rate']:,.0f} images/s, {rates['cpu']:,.0f} a CPU-s",
                    file=sys.stderr,
                )
    return {"contenders": best, "absent": absent, "limits": best_of(bounds)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--networks", default=",".join(PICTURES))
    parser.add_argument("--pictures", type=int, help="of each network; default: by its size and the cores")
    parser.add_argument("--contenders", default=",".join([*OURS, *PEERS]).replace(", ", ": "))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(_child(given)))
        return
    names = [name.replace(": ", ", ") for name in given.contenders.split(",")]
    everything = {}
    with tempfile.TemporaryDirectory(prefix="tessera-inference-") as folder:
        for network in given.networks.split(","):
            everything[network] = _one(Path(folder, network), network, given, names)
    if given.json:
        given.json.write_text(json.dumps(everything, indent=1))


def _one(folder: Path, network: str, given: argparse.Namespace, names: list[str]) -> dict[str, Any]:
    folder.mkdir()
    register(folder, network)
    asked = given.pictures or PICTURES.get(network, 1024) * cores()
    data = pictures(asked)
    for count in {FEW, max(2 * FEW, len(data) // PEERS_SHARE), len(data)}:
        take_in(folder, data[:count])
    work = _work(folder, network)
    found = compare(work, len(data), names, given.repeats)
    flop = json.loads((folder / f"{network}.json").read_text())["flop"]
    report(work, found, flop)
    return found | {"flop": flop, "pictures": len(data), "batch_of_peers": BATCH}


def _work(folder: Path, network: str) -> Work:
    facts = json.loads((folder / f"{network}.json").read_text())
    return Work(folder, network, facts["width"], facts["height"], cores())


def _child(given: argparse.Namespace) -> dict[str, Any]:
    work = _work(given.folder, given.networks)
    try:
        return limits(work, given.pictures) if given.child == "limits" else child(given.child, work, given.pictures)
    except Absent as error:
        return {"absent": str(error)}


if __name__ == "__main__":
    main()
