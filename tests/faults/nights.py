"""Kills nights at every store call, or at random moments, and says what a rerun and a reader find afterwards.

    python tests/faults/nights.py WRITER FOLDER [--every=K] [--random=N] [--seed=S]

WRITER is `tessera` or `naive` (the control, which must fail). Each trial runs in children forked from this
process, so that imports are paid once: one is killed by SIGKILL, the next one looks as a reader would and then
runs the night again. Prints one JSON line per trial and a summary line last.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import naive
import real

WRITERS: dict[str, ModuleType] = {"tessera": real, "naive": naive}
ACTED = 17  # exit code of a child that ended well


class Fault:
    """Counts store calls and kills the process before or after the nth."""

    def __init__(self, writer: ModuleType, nth: int = 0, when: str = "") -> None:
        self.calls, self.nth, self.when = 0, nth, when
        for owner, name in writer.CALLS:
            setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            mine = self.calls
            if mine == self.nth and self.when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*args, **kwargs)
            if mine == self.nth and self.when == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return counted


def forked(act: Callable[[], None], kill_after: float | None = None) -> int:
    """Run `act` in a child; return its wait status. With `kill_after`, SIGKILL it after that many seconds."""
    child = os.fork()
    if not child:
        try:
            act()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(ACTED)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def aftermath(writer: ModuleType, home: Path, reference: dict[str, Any]) -> None:
    """Look as a reader, run the night again, look again; leave what was found in a file."""
    found: dict[str, Any] = {"violations": []}
    seen = writer.seen_by_reader(home)
    if seen is not None and seen != reference["seen"]:
        found["violations"].append("a reader saw half a night")
    writer.night(home)
    if writer.hashes(home) != reference["hashes"]:
        found["violations"].append(f"rows differ after the rerun: {writer.difference(home, reference['hashes'])}")
    if writer.seen_by_reader(home) != reference["seen"]:
        found["violations"].append("the release differs after the rerun")
    (home / "found.json").write_text(json.dumps(found))


def undisturbed(writer: ModuleType, home: Path) -> None:
    """Run one night without a fault; leave its hashes, its calls and its duration in a file."""
    fault, start = Fault(writer), time.perf_counter()
    writer.night(home)
    seconds = time.perf_counter() - start
    reference = {"hashes": writer.hashes(home), "seen": writer.seen_by_reader(home)}
    (home / "reference.json").write_text(json.dumps(reference | {"calls": fault.calls, "seconds": seconds}))


def trial(writer: ModuleType, home: Path, reference: dict[str, Any], fault: dict[str, Any]) -> dict[str, Any]:
    """Kill one night as `fault` says, then judge."""

    def act() -> None:
        if "nth" in fault:
            Fault(writer, fault["nth"], fault["when"])
        writer.night(home)

    status = forked(act, fault.get("after_seconds"))
    judged = forked(lambda: aftermath(writer, home, reference))
    violations = (
        ["the rerun failed"] if judged != ACTED else json.loads((home / "found.json").read_text())["violations"]
    )
    return fault | {"delivered": status == -signal.SIGKILL, "violations": violations}


def faults(reference: dict[str, Any], every: int, randomly: int, seed: int) -> list[dict[str, Any]]:
    """Return the schedule: before and after every `every`th call, and at random moments."""
    draw = random.Random(seed)
    points = range(1, reference["calls"] + 1, every)
    schedule: list[dict[str, Any]] = [{"nth": nth, "when": when} for nth in points for when in ("before", "after")]
    moments = (round(draw.uniform(0, reference["seconds"]), 4) for _ in range(randomly))
    return schedule + [{"after_seconds": moment} for moment in moments]


def main() -> None:
    """Run the schedule."""
    parser = argparse.ArgumentParser()
    parser.add_argument("writer", choices=WRITERS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    writer, start = WRITERS[given.writer], time.perf_counter()
    writer.prepare(given.folder)
    if forked(lambda: undisturbed(writer, writer.home(given.folder, "reference"))) != ACTED:
        raise SystemExit("the undisturbed night failed")
    reference = json.loads((given.folder / "reference" / "reference.json").read_text())
    failures = delivered = 0
    schedule = faults(reference, given.every, given.random, given.seed)
    for number, fault in enumerate(schedule):
        judged = trial(writer, writer.home(given.folder, f"trial-{number}"), reference, fault)
        failures += bool(judged["violations"])
        delivered += judged["delivered"]
        print(json.dumps(judged), flush=True)
    summary = {"id": "R1/R2", "writer": given.writer, "trials": len(schedule), "delivered": delivered}
    summary |= {"failures": failures, "calls": reference["calls"], "bound": round(3 / max(len(schedule), 1), 4)}
    print(json.dumps(summary | {"seed": given.seed, "seconds": round(time.perf_counter() - start, 1)}))


if __name__ == "__main__":
    main()
