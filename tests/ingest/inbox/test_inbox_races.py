"""Two nights over one inbox at once take each file exactly once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from boxes import FILLED, NOW, Box, Journal, Run, Store, confirm, delete, digest, label, source, upload, vote

from pipelines.ingest import image_sources, images
from pipelines.ingest.inbox import batches, uploads, votes

ROUNDS = int(os.environ.get("TESSERA_RACES", "5"))
RACER = Path(__file__).with_name("racer.py")
pytestmark = pytest.mark.slow

Accounts = dict[str, tuple[int, ...]]


class Racers:
    """Nights in processes of their own, which wait for an address."""

    def __init__(self, processes: list[subprocess.Popen[str]]) -> None:
        self._processes = processes

    def race(self, uri: str) -> list[Accounts]:
        """Start all at once over one lake; return what each accounts for, which must add up."""
        for process in self._processes:
            assert process.stdin
            process.stdin.write(f"{uri}\n")
            process.stdin.flush()
        return [self._account(process) for process in self._processes]

    @staticmethod
    def _account(process: subprocess.Popen[str]) -> Accounts:
        assert process.stdout
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()[-3000:]
        found = {step: tuple(counts) for step, *counts in json.loads(line)}
        assert all(counts[0] == sum(counts[1:]) for counts in found.values()), found
        return found


@contextmanager
def racers(count: int) -> Iterator[Racers]:
    with ExitStack() as stack:
        command = [sys.executable, str(RACER)]
        env = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started = [subprocess.Popen(command, env=env, text=True, **pipes) for _ in range(count)]
        for process in started:
            stack.callback(process.wait)
            stack.callback(process.kill)
        for process in started:
            assert process.stdout
            assert process.stdout.readline() == "ready\n", process.stderr and process.stderr.read()
        yield Racers(started)


def _drop(box: Box, number: int) -> int:
    """Fill an inbox; return the number of its files."""
    for batch in range(4):
        seeds = range(1000 * number + 10 * batch, 1000 * number + 10 * batch + 10)
        box.put(f"up{batch}", *(upload(seed, f"user{seed % 3}", visibility="shared") for seed in seeds))
        box.put(f"words{batch}", *(vote(seed, 1, "ana", 1) for seed in seeds), *(label(seeds[0], "Tee", "ana", 1),))
    return 40


def test_two_nights_take_each_file_exactly_once(tmp_path: Path) -> None:
    overlaps = 0
    with racers(2) as both:
        for number in range(ROUNDS):
            box = Box(tmp_path / str(number))
            count = _drop(box, number)
            accounts = both.race(str(box.lake))
            for table, rows in ((images.TABLE, count), (uploads.TABLE, count), (votes.TABLE, count)):
                held = box.values(table, *table.grain)
                assert len(held) == len(set(held)) == rows, table.name
            assert len(box.rows(image_sources.TABLE)) == count + 4
            assert len(box.rows(batches.TABLE)) == 8
            assert sum(account["inbox images"][1] for account in accounts) == count
            assert sum(account["inbox rows"][1] for account in accounts) == count + count + 4
            assert sum(account["inbox rows"][3] for account in accounts) == 0
            calm = Box(tmp_path / f"calm{number}")
            _drop(calm, number)
            calm.night()
            assert box.digests() == calm.digests()
            overlaps += all(account["inbox images"][0] for account in accounts)
    assert overlaps, "one night was always over before the other looked: nothing was raced for"


def test_three_nights_over_deletions_and_confirmations_end_as_one_night_does(tmp_path: Path) -> None:
    def fill(box: Box) -> Box:
        box.put("a", *(upload(seed, "ana", 0, visibility="shared") for seed in range(6)))
        box.put("b", *(confirm(seed, "Tee", "ana", 1) for seed in range(6)))
        box.put("c", *(delete(seed, "ana", 2) for seed in range(3)), *(vote(seed, 1, "ben", 1) for seed in range(6)))
        box.put("d", *(upload(seed, "ben", 3) for seed in range(1, 4)))
        return box

    calm = fill(Box(tmp_path / "calm"))
    for _ in range(3):
        calm.night()
    with racers(3) as all_three:
        for number in range(ROUNDS):
            box = fill(Box(tmp_path / str(number)))
            all_three.race(str(box.lake))
            for _ in range(3):
                box.night()
            assert box.digests() == calm.digests(), number


def test_two_nights_race_in_a_bucket(bucket: str, tmp_path: Path) -> None:
    box = Box(tmp_path / "lake")
    count, lake = _drop(box, 99), Store(f"{bucket}/lake")
    for file in sorted((box.lake / "incoming").rglob("*.*"), key=lambda file: file.suffix == ".jsonl"):
        lake.objects.put(str(file.relative_to(box.lake)), file.read_bytes())
    with racers(2) as both:
        accounts = both.race(lake.uri)
    assert sum(account["inbox images"][1] for account in accounts) == count
    assert sum(account["inbox rows"][1] for account in accounts) == count + count + 4
    box.night()
    assert {table.name: digest(table, lake.snapshot(table).read()) for table in FILLED} == box.digests()
    journal = Journal(lake, Run())
    source.ingest(journal, now=NOW)
    assert [step.rows_in for step in journal.steps] == [0, 0]
