"""The hostile corpus as a whole: how many crafted inputs of how many classes the tests try.

    python tests/test_hostile_corpus.py      # prints the table

Each case is run by the test of its own file, which says how it must end. Mutants, prefixes and generated inputs
come on top and are not counted.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sized
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent / "ingest"
TABLES = {  # cases that are not called CASES, as one class each
    "test_hostile_archives.py": ("NO_ZIPS", "REFUSED"),
    "test_hostile_members.py": ("CRAFTED", "BAD"),
    "test_hostile_rows.py": ("BAD",),
}


def loaded(path: Path) -> ModuleType:
    """Import a test file by its path, as pytest does."""
    spec = importlib.util.spec_from_file_location(f"hostile_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def classes() -> Iterator[tuple[str, str, int]]:
    """Yield (file, class, cases)."""
    sys.path[:0] = [str(HERE), str(HERE / "inbox"), str(HERE.parents[1])]
    for path in sorted(HERE.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "CASES" not in text and path.name not in TABLES:
            continue
        module = loaded(path)
        cases: dict[str, Sized] = getattr(module, "CASES", {})
        yield from ((path.name, name, len(found)) for name, found in cases.items())
        yield from ((path.name, name.lower(), len(getattr(module, name))) for name in TABLES.get(path.name, ()))


def test_five_hundred_hostile_inputs_of_twenty_five_classes() -> None:
    found = list(classes())
    assert sum(count for _, _, count in found) >= 500
    assert len({(file, name) for file, name, count in found if count}) >= 25


if __name__ == "__main__":
    table = list(classes())
    for line in table:
        print("{:28} {:60} {:4}".format(*line))
    print(f"{sum(count for *_, count in table)} cases, {len(table)} classes")
