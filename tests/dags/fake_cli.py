"""A CLI that only pretends: notes how it was started, then ends the way FAKE.json says."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(600)"


def main() -> int:
    """Say something, then succeed, fail or stay, as told."""
    arguments = sys.argv[1:]
    told = json.loads((HERE / "FAKE.json").read_text())
    behaviour = told.get(arguments[0]) or told.get(" ".join(arguments[1:2])) or {}
    note(arguments)
    print(json.dumps({"event": "working on", "command": arguments[0]}))
    if behaviour.get("huge"):
        print("x" * behaviour["huge"])
    if behaviour.get("hang"):
        hang(behaviour["hang"])
    if "raw" in behaviour:
        print(behaviour["raw"])
    elif code := behaviour.get("code", 0):
        print(json.dumps({"status": "failed", "error": f"The {arguments[0]} went wrong."}))
        return int(code)
    else:
        print(json.dumps({"command": arguments[0], "status": "done", "steps": []}))
    print("a last word on stderr", file=sys.stderr)
    return int(behaviour.get("code", 0))


def note(arguments: list[str]) -> None:
    """Append what this process was given, for the test to read."""
    seen = {"arguments": arguments, "environment": dict(os.environ), "pid": os.getpid(), "group": os.getpgid(0)}
    with (HERE / "CALLS.jsonl").open("a") as calls:
        calls.write(json.dumps(seen) + "\n")


def hang(manner: str) -> None:
    """Stay for good: `politely` goes on SIGTERM, `stubborn` and its child do not."""
    if manner == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE)
        assert child.stdout
        child.stdout.readline()
    (HERE / "HANGING").touch()
    time.sleep(600)


if __name__ == "__main__":
    sys.exit(main())
