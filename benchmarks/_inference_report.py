"""What the inference benchmark found, as rates and as tables."""

from __future__ import annotations

from typing import Any

from _inference_peers import SAME_ENGINE, Work

FEW = 64  # pictures of the run that start-up is told by
OURS = {"Tessera, Dask local": "local", "Tessera, threads": "threads"}
BOUNDS = ("decode", "model", "model, one thread")
Found = dict[str, float]


def of_ours(found: Found, count: int) -> Found:
    """Return rates with all that was done in them."""
    return {"rate": count / found["many_wall"], "cpu": count / found["many_cpu"], "peak": found["peak"]}


def of_peer(found: Found, count: int) -> Found:
    """Return rates without what starting takes."""
    wall, cpu = (found[f"many_{kind}"] - found[f"few_{kind}"] for kind in ("wall", "cpu"))
    return {"rate": (count - FEW) / wall, "cpu": (count - FEW) / cpu, "peak": found["peak"]}


def better(one: Found, other: Found) -> Found:
    """Return the higher of each rate, with the memory of the first."""
    return one | {kind: max(one[kind], other[kind]) for kind in ("rate", "cpu")}


def best_of(limits: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the highest limits that were measured, with the stages of the last time."""
    found = dict(limits[-1])
    for each in limits:
        found |= {name: better(found[name], each[name]) for name in BOUNDS}
        found |= {name: max(found[name], each[name]) for name in ("gemm", "gemm_1")}
    return found


def report(work: Work, found: dict[str, Any], flop: float) -> None:
    """Print one network's tables."""
    bounds, best = found["limits"], found["contenders"]
    peers = [rates for name, rates in best.items() if name not in {*OURS, *SAME_ENGINE}]
    fastest = {kind: max((rates[kind] for rates in peers), default=0.0) for kind in ("rate", "cpu")}
    least = {kind: min(bounds["decode"][kind], bounds["model"][kind]) for kind in ("rate", "cpu")}
    print(f"\n## {work.network}: {work.width} x {work.height}, {flop / 1e9:.3f} GFLOP a picture, {work.cores} cores\n")
    print(
        "| | images/s | per core | images/CPU-s | of min(decode, model) by the clock, by CPU-s "
        "| of sgemm | x fastest peer by the clock, by CPU-s | peak MiB |\n|---|---|---|---|---|---|---|---|"
    )
    named = {f"{name} limit": bounds[name] for name in BOUNDS} | best
    for name, rates in named.items():
        shares = _shares(rates, least) if name in best else ""
        times = _shares(rates, fastest) if name in best and peers else ""
        share = "" if name == "decode limit" else f"{rates['rate'] * flop / bounds['gemm']:.2f}"
        busy = 1 if name == "model, one thread limit" else work.cores
        peak = f"{rates['peak'] / 2**20:,.0f}" if name in best else ""
        print(
            f"| {name} | {rates['rate']:,.0f} | {rates['rate'] / busy:,.0f} | {rates['cpu']:,.0f} "
            f"| {shares} | {share} | {times} | {peak} |"
        )
    for name, why in found["absent"].items():
        print(f"\n{name} is left out: {why}")
    _report_parts(bounds, best)


def _shares(rates: Found, whole: Found) -> str:
    return ", ".join(f"{rates[kind] / whole[kind]:.2f}" for kind in ("rate", "cpu"))


def _report_parts(bounds: dict[str, Any], best: dict[str, Found]) -> None:
    whole = sum(bounds["stages"].values())
    parts = ", ".join(f"{stage} {s * 1e6:,.0f} µs ({s / whole:.1%})" for stage, s in bounds["stages"].items())
    print(f"\nA picture on one thread: {parts}.")
    print(f"sgemm: {bounds['gemm'] / 1e9:,.0f} GFLOP/s, on one thread {bounds['gemm_1'] / 1e9:,.0f}.")
    dask, threads = (best.get(name) for name in OURS)
    if dask and threads:
        print(f"Dask costs {threads['cpu'] / dask['cpu'] - 1:+.1%} of the processor time of threads.")
