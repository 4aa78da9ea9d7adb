"""The command line: settings in, objects built, one function called, exit code out.

Exit codes: 0 done, 1 a contract was broken (data; repeating will not help), 2 could not run.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from pipelines import catalog, console, dictionary, night, report
from pipelines.lake.errors import CannotRun, ContractBroken, TesseraError
from pipelines.lake.objects import Objects
from pipelines.lake.probe import probe
from pipelines.lake.recipe import Run, new_run_id
from pipelines.lake.runs import Journal
from pipelines.lake.store import Store
from pipelines.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Tessera: piles of images in, tables people query out.",
)

RunId = Annotated[str | None, typer.Option("--run-id", help="Name of this run; made from the time if absent.")]
Share = Annotated[float, typer.Option(min=0, max=1, help="Part of the items that may be defects before the run stops.")]
Pieces = Annotated[int, typer.Option(min=1, max=1_000_000, help="Size of the built-in sample catalogue.")]
_SHARE, _PIECES = 0.1, 500


def main() -> NoReturn:
    """Run the command line and leave the process with its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that clusters and files are closed
    code = 2
    try:
        app(prog_name="tessera")
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else 2
    except TesseraError as error:
        code = _failed(error)
    except Exception as error:
        traceback.print_exc()
        code = _failed(
            CannotRun(f"a fault in Tessera: {type(error).__name__}: {error}. Please report the lines above.")
        )
    sys.stdout.flush()
    sys.stderr.flush()
    # Native threads of the stores were seen to abort the interpreter while it exits, after all work was done.
    os._exit(code)


def _failed(error: TesseraError) -> int:
    if not console.is_terminal():
        console.say(status="failed", error=str(error), exit_code=error.exit_code)
    print(f"tessera: {error}", file=sys.stderr)
    return error.exit_code


@contextmanager
def _working(command: str, run_id: str | None) -> Iterator[tuple[Settings, Journal, dict[str, Any]]]:
    """Build what a writing command needs; write its journal and print its summary whatever happens."""
    settings = Settings()
    store, run = Store(settings.lake_uri), Run(run_id or new_run_id())
    probe(store.objects)
    summary: dict[str, Any] = {"run_id": run.run_id, "command": command, "status": "done"}
    with console.progress() as progress:
        journal = Journal(store, run, progress)
        try:
            yield settings, journal, summary
        except BaseException as error:
            journal.fail(command, error)
            raise
        finally:
            journal.write()
    summary["steps"] = journal.rows
    if console.is_terminal():
        console.show_steps(journal.rows)
    console.say(**summary)


@app.command()
def nightly(
    fashion: Annotated[str | None, typer.Option(help="Folder or zip of the Kaggle catalogue, or 'kaggle'.")] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Take in the built-in sample catalogue.")] = False,
    pieces: Pieces = _PIECES,
    max_defect_share: Share = _SHARE,
    run_id: RunId = None,
) -> None:
    """Run a whole night: take the sources in, make every table, publish a release."""
    with _working("nightly", run_id) as (settings, journal, summary):
        source, path = _named(fashion, sample)
        night.take_in(settings, journal, source, path, pieces, max_defect_share)
        for table in catalog.TABLES:
            if table.produce:
                night.produce(settings, journal, table.name, max_defect_share)
        summary["release"] = night.publish(settings, journal)


@app.command()
def ingest(
    source: Annotated[str | None, typer.Argument(help="sample or fashion; as configured if absent.")] = None,
    path: Annotated[str | None, typer.Option(help="Folder or zip of the catalogue; download if absent.")] = None,
    pieces: Pieces = _PIECES,
    max_defect_share: Share = _SHARE,
    run_id: RunId = None,
) -> None:
    """Take one source in."""
    with _working("ingest", run_id) as (settings, journal, _):
        night.take_in(settings, journal, source, path, pieces, max_defect_share)


@app.command()
def run(
    table: Annotated[str, typer.Argument(help="The table to bring up to date.")],
    max_defect_share: Share = _SHARE,
    run_id: RunId = None,
) -> None:
    """Bring one table up to date: make what is pending, nothing else."""
    with _working(f"run {table}", run_id) as (settings, journal, _):
        night.produce(settings, journal, table, max_defect_share)


@app.command()
def release(run_id: RunId = None) -> None:
    """Build, audit and publish a release of what the lake holds."""
    with _working("release", run_id) as (settings, journal, summary):
        summary["release"] = night.publish(settings, journal)


def _named(fashion: str | None, sample: bool) -> tuple[str | None, str | None]:
    if fashion and sample:
        raise CannotRun("--fashion and --sample name two sources: give one of them.")
    if fashion:
        return "fashion", None if fashion == "kaggle" else fashion
    return ("sample" if sample else None), None


@app.command()
def releases(
    verify: Annotated[bool, typer.Option("--verify", help="Read every file and compare its SHA-256.")] = False,
) -> None:
    """List the releases, newest first, and which one readers see."""
    from warehouse.connection import verify as damaged
    from warehouse.release import list_releases

    place = Settings().releases_uri
    rows = [release.summary() for release in list_releases(Objects(place))]
    _show([row | {"file": f"{place}/{row['release']}.duckdb"} for row in rows])
    if verify and (found := damaged(Objects(place))):
        raise CannotRun(f"gone or damaged: {', '.join(found)}. Go back to a sound one with: tessera rollback RELEASE.")


@app.command()
def rollback(release: Annotated[str | None, typer.Argument(help="Where to; the one before if absent.")] = None) -> None:
    """Point readers back to an earlier release; it holds until the data changes."""
    from warehouse.release import rollback as point_back

    console.say(command="rollback", status="done", release=point_back(Objects(Settings().releases_uri), release))


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="What to ask; DuckDB's SQL.")],
    release: Annotated[str | None, typer.Option(help="Which release; the published one if absent.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per row.")] = False,
) -> None:
    """Ask the release a question."""
    from warehouse.connection import ask

    names, rows = ask(query, release)
    _show([dict(zip(names, row, strict=True)) for row in rows], as_json)


@app.command(name="runs")
def show_runs(
    run_id: RunId = None,
    last: Annotated[bool, typer.Option("--last", help="Only the newest run.")] = False,
    limit: Annotated[int, typer.Option(min=1)] = 20,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show what the runs did: items in, new, unchanged, rejected, duplicates, and their cost."""
    rows = report.run_rows(_lake(), run_id, 1 if last else limit)
    _show(rows, as_json) if as_json or not rows else console.show_steps(rows)


@app.command()
def rejects(
    source: Annotated[str | None, typer.Option(help="Only those of one source or table.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show what could not be made into rows, and why."""
    _show(report.reject_rows(_lake(), source), as_json)


@app.command()
def describe(table: str) -> None:
    """Show what a table means, column by column, and what the lake holds of it."""
    declared = catalog.find(table)
    facts = report.table_facts(_lake(), declared)
    console.show_rows(["", ""], list(facts.items()))
    columns = [(c.name, str(c.type), c.description, "yes" if c.nullable else "") for c in declared.columns]
    console.show_rows(["column", "type", "meaning", "may be null"], columns)


@app.command()
def lineage(table: str) -> None:
    """Show what a table is made of, and what is made of it."""
    declared = catalog.find(table)
    for depth, upstream in report.upstream(declared):
        print("  " * depth + ("made of " if depth else "") + upstream.name)
    print("feeds " + (", ".join(other.name for other in report.downstream(declared)) or "the release only"))


@app.command()
def hashes(
    table: Annotated[list[str] | None, typer.Argument(help="Which tables; all but runs if absent.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show the ordered row hash of tables: equal for equal content, whatever lake, store or run it came by."""
    names = table or [declared.name for declared in catalog.TABLES if declared.name != "runs"]
    _show(report.hashes(_lake(), tuple(catalog.find(name) for name in names)), as_json)


@app.command()
def sample(
    folder: Path,
    pieces: Pieces = _PIECES,
    seed: Annotated[int, typer.Option(help="The same seed draws the same pictures.")] = 7,
) -> None:
    """Write the sample sources to a folder, in the public formats: fashion, CIFAR-10, TMDB answers, an inbox."""
    from pipelines.ingest import sample as drawn

    drawn.write_fashion(folder / "fashion", pieces, seed)
    drawn.write_cifar10(folder / "cifar-10-batches-py", seed=seed)
    drawn.write_tmdb(folder / "tmdb", seed=seed)
    drawn.write_inbox(folder, seed)
    console.say(command="sample", status="done", folder=str(folder))


@app.command()
def doctor() -> None:
    """Look at everything a night needs, and say what is not well."""
    found = report.findings(Settings())
    console.show_rows(["", "well", "detail"], [(f.what, f.is_well, f.detail) for f in found])
    if ill := [f.what for f in found if not f.is_well]:
        raise CannotRun(f"not well: {', '.join(ill)}. The table above says what to do.")


@app.command()
def docs(
    check: Annotated[bool, typer.Option("--check", help="Only say whether the pages are current.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the pages lie.")] = Path("docs/tables"),
) -> None:
    """Write the data dictionary, one page per table."""
    if not check:
        dictionary.write(catalog.TABLES, folder)
    elif stale := dictionary.outdated(catalog.TABLES, folder):
        raise ContractBroken(f"{', '.join(stale)} in {folder} are not what the tables declare: make docs.")


def _lake() -> Store:
    return Store(Settings().lake_uri)


def _show(rows: list[dict[str, Any]], as_json: bool = False) -> None:
    if as_json:
        for row in rows:
            console.say(**row)
    elif rows:
        console.show_rows(list(rows[0]), [list(row.values()) for row in rows])
    else:
        print("no rows")
