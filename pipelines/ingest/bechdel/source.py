"""Bechdel lists on their way in: each file recognised by its content, read whole, and put in the place of the old."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from pipelines.ingest import movies
from pipelines.ingest.bechdel import kaggle, lists, ratings
from pipelines.ingest.bechdel.ratings import Entry, Terms
from pipelines.ingest.bechdel.records import Record, header, read_csv, read_json
from pipelines.ingest.movies import shown
from pipelines.lake import rejects
from pipelines.lake.errors import CannotRun, ContractBroken, Rejected
from pipelines.lake.materialize import upsert
from pipelines.lake.rejects import Reject
from pipelines.lake.runs import Journal, Step
from pipelines.lake.table import Table

HANDLE = "vinifm/female-representation-in-cinema/versions/1"
_ROWS = 50_000  # of one list; no list has a quarter of it, and all of it is held until it is replaced at once
_SAME = 100  # differing rows of one film; each is compared with the others
_HEAD_BYTES = 64 << 10  # of a file that has to show what it is
_KEY_LENGTH = 100


@dataclass(frozen=True)
class BechdelParams:
    """How defects are treated."""

    max_defect_share: float = 0.1  # of rows; above it the list stays as it was


@dataclass(frozen=True)
class Kind:
    """One list that we can read: what it is called, by which fields it is known, how its items are read."""

    source: str
    description: str
    names: tuple[str, ...]
    terms: Terms
    id_name: str
    entry: Callable[[dict[str, Any]], Entry]
    read: Callable[[BinaryIO], Iterator[Record]] = read_csv
    settle: Callable[[Sequence[Entry]], Entry | None] = lambda _: None


KINDS = (
    Kind(
        kaggle.SOURCE,
        f"the Kaggle table {HANDLE.partition('/versions')[0]} (movies.csv)",
        kaggle.COLUMNS,
        kaggle.TERMS,
        "imdbid",
        kaggle.entry,
        settle=kaggle.settle,
    ),
    Kind(
        lists.JSON_SOURCE,
        "bechdeltest.com's getAllMovies.json",
        lists.JSON_KEYS,
        lists.JSON_TERMS,
        "id",
        lists.entry_of_json,
        read=read_json,
    ),
    Kind(
        lists.CSV_SOURCE,
        "its copy of 2021 (raw_bechdel.csv)",
        lists.CSV_COLUMNS,
        lists.CSV_TERMS,
        "id",
        lists.entry_of_csv,
    ),
    Kind(
        lists.STEPS_SOURCE,
        "FiveThirtyEight's table (movies.csv)",
        lists.STEPS_COLUMNS,
        lists.STEPS_TERMS,
        "imdb",
        lists.entry_of_steps,
    ),
)


def download() -> Path:
    """Fetch the Kaggle table with kagglehub (resumed and checked there) and return its folder. Raises CannotRun."""
    import kagglehub  # slow to import, and only needed here

    try:
        return Path(kagglehub.dataset_download(HANDLE))
    except Exception as error:  # kagglehub raises whatever its transport raises
        raise CannotRun(
            f"the Bechdel table could not be downloaded from Kaggle ({type(error).__name__}). Check the network and "
            "KAGGLE_API_TOKEN, or name a copy you have with --path."
        ) from error


def ingest(journal: Journal, path: Path, params: BechdelParams, prefix: str = "") -> None:
    """Take in the list at `path`, or every list in that folder, each as its own source with its own account.

    What a list says replaces what it said before: films that it no longer holds go. `prefix` goes before the names
    of the sources, so that invented lists stand beside the real ones. Raises CannotRun when a file cannot be read,
    ContractBroken when none is a list we know, or when one is cut short or more of its rows than allowed are defects
    (then that list stays as it was).
    """
    for file, found in _found(path):
        kind = replace(found, source=f"{prefix}{found.source}")
        with journal.step(f"{kind.source} rows") as step:
            _take_in(journal, step, file, kind, params)


def _take_in(journal: Journal, step: Step, file: Path, kind: Kind, params: BechdelParams) -> None:
    films = Films(kind, step)
    with _opened(file) as stream:
        try:
            for record in kind.read(stream):
                films.take(record)
        except ContractBroken as error:
            raise ContractBroken(f"{file}: {error}") from error
        except OSError as error:
            raise CannotRun(f"{file} cannot be read to its end: {error.strerror}. Nothing was changed.") from error
    kept = films.settle()
    rejects.record(journal.store, journal.run, kind.source, [*films.rejects.values(), *_remarks(kept)])
    step.gate(step.rejected, params.max_defect_share)
    if not kept:
        raise ContractBroken(f"{file} holds no film. The list stays as it was; fetch the file again.")
    _replace(journal, step, kind, kept)


def _remarks(kept: Iterable[Entry]) -> Iterator[Reject]:
    for film in kept:
        yield from film.remarks


@dataclass
class Films:
    """The films of one list: the account and the rejects."""

    kind: Kind
    step: Step
    rejects: dict[tuple[str, str], Reject] = field(default_factory=dict)
    _met: dict[str, list[Entry]] = field(default_factory=dict)

    def take(self, record: Record) -> None:
        """Account for one item. Raises ContractBroken when the file breaks off in it."""
        self.step.rows_in += 1
        if self.step.rows_in > _ROWS:
            raise ContractBroken(f"more than {_ROWS} rows are no list of films. Nothing was changed.")
        try:
            self._keep(_entry(self.kind, record))
        except Rejected as error:
            self._reject(record, error)

    def _keep(self, entry: Entry) -> None:
        told = self._met.setdefault(entry.key, [])
        if entry in told:
            self.step.duplicates += 1
        elif len(told) == _SAME:
            raise ContractBroken(f"film {entry.key} stands there more than {_SAME} times, each time otherwise.")
        else:
            told.append(entry)

    def _reject(self, record: Record, error: Rejected) -> None:
        self.step.rejected += 1
        told = record.fields.get(self.kind.id_name)
        is_short = isinstance(told, str | int) and told != "" and len(shown(told)) <= _KEY_LENGTH
        key = shown(told).strip("'\"") if is_short else record.place
        if (key, error.reason) in self.rejects:
            key = f"{key} at {record.place}"
        self.rejects[key, error.reason] = Reject(key, error.reason, f"{key}: {error.detail}")

    def settle(self) -> list[Entry]:
        """Return one entry per film; rows that contradict each other are rejects, unless the list has a rule."""
        settled = (self._settled(told) for told in self._met.values())
        return [entry for entry in settled if entry]

    def _settled(self, told: list[Entry]) -> Entry | None:
        entry = told[0] if len(told) == 1 else self.kind.settle(told)
        if entry:
            self.step.duplicates += len(told) - 1
            return entry
        for place, other in enumerate(told, start=1):
            key = other.key if place == 1 else f"{other.key} row {place}"
            detail = f"film {other.key} stands there {len(told)} times, each time otherwise; keep one of its rows."
            self.rejects[key, "conflicting_rows"] = Reject(key, "conflicting_rows", detail)
            self.step.rejected += 1
        return None


def _entry(kind: Kind, record: Record) -> Entry:
    if record.damage and record.is_last:
        raise ContractBroken(f"the file breaks off in its last line ({record.place}). Fetch it again.")
    if record.damage:
        raise Rejected(record.damage.reason, f"{record.place} {record.damage.detail}")
    return kind.entry(record.fields)


def _replace(journal: Journal, step: Step, kind: Kind, kept: list[Entry]) -> None:
    """Put a list's rows in the place of those it had; a film is new where its rating or its row is."""
    terms = {"source": kind.source, "allow_training": kind.terms.allow_training, "attribution": kind.terms.attribution}
    came = _upserted(journal, ratings.TABLE, [entry.rating | terms for entry in kept])
    if films := [entry.movie | terms for entry in kept if entry.movie]:
        came |= _upserted(journal, movies.TABLE, films)
    step.new += len(came)
    step.unchanged += len(kept) - len(came)
    journal.progress(step.step, step.rows_in, None)


def _upserted(journal: Journal, table: Table, rows: list[movies.Row]) -> set[str]:
    """Return the keys of the films whose rows are new or changed."""
    held = pa.Table.from_pylist(rows, table.schema)
    came = upsert(journal.store, journal.run, table, held, within=("source",))
    return {key for part in (came.new, came.changed) for key in part[table.grain[1]].to_pylist()}


def _found(path: Path) -> list[tuple[Path, Kind]]:
    """Return the lists at `path`. Raises CannotRun when nothing is there, ContractBroken when none is known."""
    if not path.exists():
        raise CannotRun(f"there is no file or folder {path}. Name a Bechdel list or the folder of several.")
    files = [path] if path.is_file() else sorted(file for file in path.iterdir() if _is_plain(file))
    found = [(file, kind) for file in files if (kind := _kind(file))]
    if not found:
        raise ContractBroken(f"{path} holds no list that is known. Known are: {_known()}. Nothing was taken in.")
    by_source: dict[str, Path] = {}
    for file, kind in found:
        other = by_source.setdefault(kind.source, file)
        if other != file:
            raise ContractBroken(f"{other} and {file} are both {kind.description}. Keep one. Nothing was taken in.")
    return found


def _known() -> str:
    return "; ".join(kind.description for kind in KINDS)


def _is_plain(file: Path) -> bool:
    """True for a file that is worth a look; links are never followed."""
    return file.suffix.lower() in (".csv", ".json") and file.is_file() and not file.is_symlink()


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise CannotRun(f"{file} cannot be read: {error.strerror}. Check its rights.") from error


def _kind(file: Path) -> Kind | None:
    """Return what a file is by its first line, or by the first object of its list."""
    with _opened(file) as stream:
        head = stream.read(_HEAD_BYTES)
    is_json = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["
    with _opened(file) as stream:
        shown_names = _first_keys(stream) if is_json else header(head)
    fits = (kind for kind in KINDS if (kind.read is read_json) == is_json and set(kind.names) <= set(shown_names))
    return next(fits, None)


def _first_keys(stream: BinaryIO) -> Iterable[str]:
    """Return the keys of the first object of a JSON list; none where there is no such thing."""
    try:
        first = next(read_json(stream), None)
    except ContractBroken:
        return ()
    return first.fields if first else ()
