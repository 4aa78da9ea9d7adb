"""Scoring on a GPU beside its roofs: agreement with float32, pictures per second, and with the decoding ahead of it.

    python benchmarks/gpu.py [--networks=mobilenet-v3-large,efficientnet-b0] [--device=cuda] [--pictures=N] [--tiny]

The machine first: float32 and bfloat16 products of matrices, the memory's copy rate, and the way over from pinned
memory. Then each network at 224 px, weights drawn, as the product serves it: a registered version, uint8 in, bfloat16
inside, one captured pass for all batches. The compute roof is the bfloat16 rate over the operations of a picture; the
memory roof the copy rate over each convolution's output written and read once in bfloat16; the roof of the way over is
that of the pictures' own bytes. End to end: encoded pictures (real ones where TESSERA_REAL_DATA is set) to rows of
label scores, other threads decoding ahead.

Without a GPU it says so. `--device=cpu --tiny` runs all of it on a CPU, with figures that mean nothing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _inference_networks import Built, build, quiet
from _inference_pictures import pictures

from pipelines.executor import cores
from pipelines.inference import label_scores
from pipelines.inference.scoring import ModelPlace, ScoreParams
from pipelines.producers import Encoded
from pipelines.registry import Registry

NETWORKS = "mobilenet-v3-large,efficientnet-b0"
THREADS = 3  # batches on their way at once
ROUNDS = 3


@dataclass(frozen=True)
class Size:
    """How much is measured: pictures, of them in a pass, the side of matrices, bytes copied."""

    pictures: int = 65_536
    batch: int = 1_024
    side: int = 8_192
    copied: int = 1 << 30


TINY = Size(pictures=64, batch=16, side=256, copied=1 << 20)


@dataclass(frozen=True)
class Machine:
    """What a device can do: operations and bytes per second."""

    device: str
    float32: float
    bfloat16: float
    copy: float
    over: float  # from pinned memory to the device


def seconds(device: str, work: Callable[[], object], times: int = 10) -> float:
    """Return the seconds of one call, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS + 1):  # the first is to warm up
        _wait(device)
        start = time.perf_counter()
        for _ in range(times):
            work()
        _wait(device)
        best = min(best, (time.perf_counter() - start) / times)
    return best


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def machine(device: str, size: Size) -> Machine:
    """Measure a device."""
    products = {}
    for dtype in (torch.float32, torch.bfloat16):
        left, right = (torch.rand(size.side, size.side, device=device).to(dtype) for _ in range(2))
        products[dtype] = 2 * size.side**3 / seconds(device, lambda left=left, right=right: left @ right)
    given, taken = (torch.zeros(size.copied, dtype=torch.uint8, device=device) for _ in range(2))
    copy = 2 * size.copied / seconds(device, lambda: taken.copy_(given))  # read and written
    pinned = torch.zeros(size.copied, dtype=torch.uint8, pin_memory=device == "cuda")
    over = size.copied / seconds(device, lambda: taken.copy_(pinned, non_blocking=True))
    return Machine(device, products[torch.float32], products[torch.bfloat16], copy, over)


def served(folder: Path, name: str, built: Built, device: Any) -> ModelPlace:
    """Return where a registered version of the network is."""
    registry = Registry(f"sqlite:///{folder / 'mlflow.db'}", str(folder / "artifacts"), folder / "models")
    data, twin = built.onnx(), built.twin()
    with quiet():
        version = registry.log_onnx(name, data, built.spec, twin=twin)
    return ModelPlace(registry, version, device)


def shown(encoded: list[bytes], built: Built) -> np.ndarray:
    """Return decoded pictures at the network's size."""
    from pipelines import imaging

    fitted = built.spec.preprocessing
    return np.stack([fitted.apply(imaging.decode(data, fitted.min_side).pixels) for data in encoded])


def agreement(built: Built, place: ModelPlace, pixels: np.ndarray) -> None:
    """Print how far bfloat16 lies from float32 of the same device, in probabilities and in what comes first."""
    device, group = place.device, built.names[0]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    network = built.network.to(device)
    with torch.no_grad():
        exact = np.concatenate(
            [network(part.to(device))[0].cpu().numpy() for part in torch.from_numpy(pixels).split(64)]
        )
        if device == "cuda":
            halved = place.load().predict(pixels)[group]
        else:  # the product runs float32 here; so that the comparison can be tried
            with torch.autocast(device, torch.bfloat16):
                halved = network(torch.from_numpy(pixels))[0].float().numpy()
    built.network.to("cpu")
    apart, same = np.abs(halved - exact), (halved.argmax(1) == exact.argmax(1)).mean()
    print(
        f"  bfloat16 against float32, {len(pixels)} pictures: largest difference {apart.max():.2e}, mean "
        f"{apart.mean():.2e} (largest probability {exact.max():.2e}), the same class first {same:.2%}"
    )


def model_rate(place: ModelPlace, pixels: np.ndarray, count: int) -> float:
    """Return pictures per second of the served network, fed with a batch that lies ready."""
    model = place.load()
    model.predict(pixels)  # captured, and warm
    with ThreadPoolExecutor(THREADS) as pool:

        def work() -> None:
            list(pool.map(model.predict, [pixels] * max(1, count // len(pixels))))

        spent = seconds(place.device, work, times=1)
    return max(1, count // len(pixels)) * len(pixels) / spent


def decode_rate(encoded: list[bytes], built: Built) -> float:
    """Return pictures per second decoded and brought to size on all cores."""
    parts = [encoded[start : start + 64] for start in range(0, len(encoded), 64)]
    with ThreadPoolExecutor(cores()) as pool:
        spent = seconds("cpu", lambda: list(pool.map(lambda part: shown(part, built), parts)), times=1)
    return len(encoded) / spent


def whole_rate(place: ModelPlace, encoded: list[bytes], count: int) -> float:
    """Return pictures per second from encoded bytes to rows."""
    params = ScoreParams(place.model.name, place.model.version, place.model.digest)
    images = [Encoded(f"{i:064x}", "jpeg", encoded[i % len(encoded)]) for i in range(count)]
    spent = seconds(place.device, lambda: list(label_scores.score(images, params, place)), times=1)
    return count / spent


def measure(name: str, folder: Path, known: Machine, size: Size, encoded: list[bytes]) -> None:
    """Print one network's figures."""
    built = build(name)
    flop, held = built.flop(), built.activations()
    place = served(folder, name, built, known.device)
    print(f"\n{name}: {flop / 1e9:.3f} GFLOP and {held / 1e6:.2f} M activations a picture")
    pixels = shown((encoded * size.batch)[: size.batch], built)
    agreement(built, place, pixels)
    rate = model_rate(place, pixels, size.pictures)
    roofs = {
        "compute": known.bfloat16 / flop,
        "memory": known.copy / (4 * held),
        "the way over": known.over / pixels[0].nbytes,
    }
    print(f"  the model alone: {rate:,.0f} images/s")
    for roof, most in roofs.items():
        print(f"    {rate / most:.1%} of the roof of {roof}, {most:,.0f} images/s")
    decode, whole = decode_rate(encoded, built), whole_rate(place, encoded, size.pictures)
    least = min(decode, rate)
    print(
        f"  decoding on {cores()} cores: {decode:,.0f} images/s; all together: {whole:,.0f} images/s, "
        f"{whole / least:.0%} of the lesser"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--networks", default=NETWORKS)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--pictures", type=int)
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        print("There is no GPU that torch can use here, so nothing was measured; --device=cpu --tiny tries the script.")
        return
    size = TINY if given.tiny else Size()
    size = Size(given.pictures or size.pictures, size.batch, size.side, size.copied)
    known = machine(given.device, size)
    named = torch.cuda.get_device_name() if given.device == "cuda" else "CPU"
    print(
        f"{named}: float32 {known.float32 / 1e12:.2f} TFLOP/s, bfloat16 {known.bfloat16 / 1e12:.2f} TFLOP/s, copies "
        f"{known.copy / 1e9:,.0f} GB/s, from pinned memory {known.over / 1e9:,.1f} GB/s"
    )
    encoded = pictures(min(size.pictures, 4_096))
    with tempfile.TemporaryDirectory(prefix="tessera-gpu-") as folder:
        for name in given.networks.split(","):
            measure(name, Path(folder), known, size, encoded)


if __name__ == "__main__":
    main()
