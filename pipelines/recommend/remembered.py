"""What a table was last made of, in small arrays: so that a night looks only at pieces that came, changed or left.

Losing it costs time, never rows.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.lake import progress
from pipelines.lake.progress import Progress
from pipelines.lake.store import Store
from pipelines.lake.table import Table
from pipelines.recommend.kernels import Best, Ints, nothing
from pipelines.recommend.pieces import Mask, Pieces
from pipelines.recommend.scoring import Floats, Small

Prints = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint8]  # ids, 32 bytes each

_FIELDS = ("ids", "as_source", "as_candidate", "best", "scores")


@dataclass(frozen=True)
class Remembered:
    """Pieces in the order of their ids: a print of all that matters of each as a source and as a candidate (0 where
    it is none), and the best of each.
    """

    ids: Codes
    as_source: Prints
    as_candidate: Prints
    best: Small
    scores: Floats


@dataclass(frozen=True)
class Come:
    """What came since: pieces whose best are looked for anew, candidates that are new to the others, what of the
    others' best is known, and the ids that left.
    """

    anew: Mask
    candidates: Mask
    best: Small
    scores: Floats
    gone: Codes


def now(pieces: Pieces, best: Best | None = None) -> Remembered:
    """Return what is to be remembered of pieces and their best."""
    as_candidate = _prints(pieces) | np.uint64(1)
    whole = _mixed(as_candidate, _exclusions(pieces))
    kept = best or nothing(len(pieces))
    as_candidate = np.where(pieces.is_candidate, as_candidate, np.uint64(0))
    return Remembered(codes(pieces.ids), whole, as_candidate, kept.pieces, kept.scores)


def codes(ids: pa.StringArray) -> Codes:
    """Return ids as 32 bytes each."""
    return np.frombuffer(bytes.fromhex("".join(ids.to_pylist())), np.uint8).reshape(-1, 32)


def come(before: Remembered | None, after: Remembered) -> Come:
    """Return what changed from what is remembered to what is now."""
    count = len(after.ids)
    if before is None or not len(before.ids):
        everything = np.ones(count, np.bool_)
        return Come(everything, everything, after.best, after.scores, np.empty((0, 32), np.uint8))
    old = _places(after.ids, before.ids)  # of each piece
    new = np.append(_places(before.ids, after.ids), -1).astype(np.int32)  # the last, at -1, stands for nobody
    is_known = old >= 0
    is_same = is_known & (after.as_candidate == before.as_candidate[old])
    stays = np.zeros(len(before.ids) + 1, np.bool_)
    stays[old[is_same]] = True
    stays[-1] = True
    held = np.where(is_known[:, None], before.best[old], -1)
    anew = ~is_known | (after.as_source != before.as_source[old]) | ~stays[held].all(axis=1)
    candidates = ~is_same & (after.as_candidate > 0)
    kept = np.where(anew[:, None], np.int32(-1), new[held])
    scores = np.where(kept >= 0, before.scores[old], np.inf)
    return Come(anew, candidates, kept, scores, before.ids[new[:-1] < 0])


def _places(ids: Codes, among: Codes) -> Ints:
    """Return where ids stand among others, both in order; -1 where they do not."""
    if not len(among):
        return np.full(len(ids), -1, np.int64)
    wanted, held = (np.ascontiguousarray(each).view("S32")[:, 0] for each in (ids, among))
    at = np.minimum(np.searchsorted(held, wanted), len(held) - 1)
    return np.where(held[at] == wanted, at, -1)


def _prints(pieces: Pieces) -> Prints:
    """Return a print of the palette of each piece and of what it is."""
    palettes, said = pieces.palettes, pieces.attributes
    swatches = palettes.colours.reshape(len(pieces), 3 * palettes.colours.shape[1])
    shares = palettes.shares.astype(np.float32).view(np.uint8)
    told = (swatches, palettes.counts[:, None].view(np.uint8), palettes.dominant[:, None].view(np.uint8), shares)
    rows = np.concatenate(told, axis=1)
    words = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 8))).view(np.uint64)
    kinds = np.array([_print_of(names) for names in said.type_sets], np.uint64)
    mixed = np.zeros(len(pieces), np.uint64)
    for column in (*words.T, said.labels, kinds[said.types], said.genders):
        mixed = _mixed(mixed, column)
    return mixed


def _exclusions(pieces: Pieces) -> Prints:
    """Return a print of whom each piece never has beside itself, whatever their order."""
    firsts = codes(pieces.ids)[:, :8].copy().view(np.uint64)[:, 0]
    whom = _mixed(np.zeros(1, np.uint64), firsts[pieces.excluded.pieces])
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(whom, dtype=np.uint64)])
    starts = pieces.excluded.starts
    found: Prints = sums[starts[1:]] - sums[starts[:-1]]
    return found


def _print_of(names: Iterable[str]) -> int:
    return int.from_bytes(hashlib.sha256("\n".join(sorted(names)).encode()).digest()[:8], "big")


def _mixed(held: Prints, word: Prints) -> Prints:
    """Return prints that depend on every bit of what they held and of one word more (the steps of splitmix64)."""
    mixed = (held ^ word) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def load(store: Store, table: Table, note: Progress) -> Remembered | None:
    """Return what is remembered, None where it is not of this progress, or lost."""
    try:
        held = np.load(io.BytesIO(store.objects.get(_path(table))), allow_pickle=False)
        if held["note"].tobytes() != _note(note):
            return None
        return Remembered(*(held[name] for name in _FIELDS))
    except (FileNotFoundError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def save(store: Store, table: Table, note: Progress, made: Remembered) -> None:
    """Remember; the progress itself last, for it says whether the rest is of it."""
    file = io.BytesIO()
    np.savez(file, note=np.frombuffer(_note(note), np.uint8), **{name: getattr(made, name) for name in _FIELDS})
    store.objects.put(_path(table), file.getvalue())
    progress.write(store, table, note)


def _note(note: Progress) -> bytes:
    return json.dumps(asdict(note), sort_keys=True).encode()


def _path(table: Table) -> str:
    return f"_bookmarks/{table.name}.npz"
