"""One of several nights over one inbox: takes in each lake whose address it is told, and tells its accounts.

Reads one address a line, so that imports are paid once and all racers start at the same moment.
"""

from __future__ import annotations

import json
import sys

import boxes

from pipelines.ingest.retirement import retire
from pipelines.lake.recipe import Run
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        journal = Journal(Store(line.strip()), Run())
        boxes.source.ingest(journal, now=boxes.NOW)
        retire(journal, boxes.NOW)
        journal.write()
        print(json.dumps([[s.step, s.rows_in, s.new, s.unchanged, s.rejected, s.duplicates] for s in journal.steps]))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
