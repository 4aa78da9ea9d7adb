"""Commands that only look: at releases, runs, rejects, tables, and at whether all is well."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines import catalog, console, report
from pipelines.cli.app import AsJson, RunId, app, show
from pipelines.lake.errors import CannotRun
from pipelines.lake.objects import Objects
from pipelines.lake.store import Store
from pipelines.settings import Settings


@app.command()
def releases(
    verify: Annotated[bool, typer.Option("--verify", help="Read every file and compare its SHA-256.")] = False,
) -> None:
    """List the releases, newest first, and which one readers see."""
    from warehouse.connection import verify as damaged
    from warehouse.release import list_releases

    place = Settings().releases_uri
    rows = [release.summary() for release in list_releases(Objects(place))]
    show([row | {"file": f"{place}/{row['release']}.duckdb"} for row in rows])
    if verify and (found := damaged(Objects(place))):
        raise CannotRun(f"gone or damaged: {', '.join(found)}. Go back to a sound one with: tessera rollback RELEASE.")


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="What to ask; DuckDB's SQL.")],
    release: Annotated[str | None, typer.Option(help="Which release; the published one if absent.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the release a question."""
    from warehouse.connection import ask

    names, rows = ask(query, release)
    show([dict(zip(names, row, strict=True)) for row in rows], as_json)


@app.command(name="runs")
def show_runs(
    run_id: RunId = None,
    last: Annotated[bool, typer.Option("--last", help="Only the newest run.")] = False,
    limit: Annotated[int, typer.Option(min=1)] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what the runs did: items in, new, unchanged, rejected, duplicates, and their cost."""
    rows = report.run_rows(_lake(), run_id, 1 if last else limit)
    show(rows, as_json) if as_json or not rows else console.show_steps(rows)


@app.command()
def rejects(
    source: Annotated[str | None, typer.Option(help="Only those of one source or table.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what could not be made into rows, and why."""
    show(report.reject_rows(_lake(), source), as_json)


@app.command()
def describe(table: str) -> None:
    """Show what a table means, column by column, and what the lake holds of it."""
    declared = catalog.find(table)
    facts = report.table_facts(_lake(), declared)
    console.show_rows(["", ""], list(facts.items()))
    columns = [(c.name, str(c.type), c.description, "yes" if c.nullable else "") for c in declared.columns]
    console.show_rows(["column", "type", "meaning", "may be null"], columns)


@app.command()
def sheet(
    piece: Annotated[str, typer.Argument(help="A product's number, or the first digits of an image's id.")],
    viewer: Annotated[str | None, typer.Option(help="For whose eyes; what everybody may see if absent.")] = None,
    folder: Annotated[Path, typer.Option(help="Where the two files go.")] = Path(),
) -> None:
    """Draw a piece, its colours, what resembles it and what goes with it, as PIECE.png and PIECE.html."""
    from pipelines import sheets

    for path in sheets.draw(_lake(), piece, viewer, folder):
        print(path)


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
    as_json: AsJson = False,
) -> None:
    """Show the ordered row hash of tables: equal for equal content, whatever lake, store or run it came by."""
    names = table or [declared.name for declared in catalog.TABLES if declared.name != "runs"]
    show(report.hashes(_lake(), tuple(catalog.find(name) for name in names)), as_json)


@app.command()
def doctor() -> None:
    """Look at everything a night needs, and say what is not well."""
    found = report.findings(Settings())
    console.show_rows(["", "well", "detail"], [(f.what, f.is_well, f.detail) for f in found])
    if ill := [f.what for f in found if not f.is_well]:
        raise CannotRun(f"not well: {', '.join(ill)}. The table above says what to do.")


def _lake() -> Store:
    return Store(Settings().lake_uri)
