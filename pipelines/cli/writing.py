"""Commands that change something: the lake, the releases, or files in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines import catalog, console, dictionary, night, sources
from pipelines.cli.app import RunId, app, working
from pipelines.gate import GateParams
from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.lake.objects import Objects
from pipelines.lake.store import Store
from pipelines.settings import Settings
from pipelines.sources import Request

Share = Annotated[float, typer.Option(min=0, max=1, help="Part of the items that may be defects before the run stops.")]
AbsentShare = Annotated[float, typer.Option(min=0, max=1, help="Part of the rows whose image may be absent.")]
Pieces = Annotated[int, typer.Option(min=1, max=1_000_000, help="Size of the built-in sample catalogue.")]
Path_ = Annotated[
    str | None, typer.Option("--path", help="Folder or archive of the data set; as configured if absent.")
]
Photos = Annotated[str | None, typer.Option(help="Fashion: folder or zip of the large photos.")]
Details = Annotated[str | None, typer.Option(help="Fashion: folder or zip of styles/<id>.json.")]
Films = Annotated[int, typer.Option(min=1, max=1_000_000, help="TMDB: how many of the most popular films.")]
Ids = Annotated[str | None, typer.Option(help="TMDB: only these films, e.g. 603,604.")]
_SHARE, _ABSENT, _PIECES, _FILMS = 0.1, 1.0, 500, 1_000


@app.command()
def nightly(
    fashion: Annotated[str | None, typer.Option(help="Folder or zip of the Kaggle catalogue, or 'kaggle'.")] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Take in the built-in sample sources.")] = False,
    wanted: Annotated[str | None, typer.Option("--sources", help="Take in these, e.g. fashion,inbox.")] = None,
    pieces: Pieces = _PIECES,
    max_defect_share: Share = _SHARE,
    max_absent_share: AbsentShare = _ABSENT,
    run_id: RunId = None,
) -> None:
    """Run a whole night: take every configured source in, make every table, publish a release."""
    if sum(map(bool, (fashion, sample, wanted))) > 1:
        raise CannotRun("--fashion, --sample and --sources each say what to take in: give one of them.")
    with working("nightly", run_id) as (settings, journal, summary):
        chosen = "fashion,inbox" if fashion else "sample,inbox" if sample else wanted
        names = sources.named(chosen or ",".join(settings.wanted))
        limits = GateParams(max_defect_share, max_absent_share)
        summary["release"] = night.run(settings, journal, names, Request(path=fashion, pieces=pieces), limits)


@app.command()
def ingest(
    source: Annotated[str, typer.Argument(help="Which one: fashion, cifar10, bechdel, tmdb, inbox, sample.")],
    path: Path_ = None,
    photos: Photos = None,
    details: Details = None,
    films: Films = _FILMS,
    ids: Ids = None,
    pieces: Pieces = _PIECES,
    among: Annotated[
        str | None, typer.Option(help="Do nothing if it is not one of these, or of the configured.")
    ] = None,
    run_id: RunId = None,
) -> None:
    """Take one source in."""
    if path and source not in ("fashion", "cifar10", "bechdel"):
        raise CannotRun(f"--path names a copy of a data set, but {source} comes from elsewhere. Leave one of them out.")
    with working(f"ingest {source}", run_id) as (settings, journal, summary):
        if among and not _is_wanted(settings, source, among):
            summary.update({"status": "skipped", "reason": f"{source} is none of the sources wanted: {among}."})
            return
        request = Request(path, photos, details, pieces, films, _numbers(ids))
        with journal.under_way(f"ingest {source}"):
            sources.take_in(settings, journal, source, request)


@app.command()
def gate(max_defect_share: Share = _SHARE, max_absent_share: AbsentShare = _ABSENT, run_id: RunId = None) -> None:
    """Take out what was deleted or expired; then audit what came in, and stop the night where it must not go on."""
    with working("gate", run_id) as (_, journal, summary):
        summary["gate"] = night.check(journal, GateParams(max_defect_share, max_absent_share))


@app.command()
def run(
    tables: Annotated[list[str], typer.Argument(help="The tables to bring up to date, in this order.")],
    max_defect_share: Share = _SHARE,
    model: Annotated[
        str | None, typer.Option(help="Score with this model, name@alias or name/3; the champion if absent.")
    ] = None,
    as_at_night: Annotated[
        bool, typer.Option("--as-at-night", help="Leave out what is made on request, where it has not been yet.")
    ] = False,
    run_id: RunId = None,
) -> None:
    """Bring tables up to date: make what is pending, nothing else."""
    with working(f"run {' '.join(tables)}", run_id) as (settings, journal, _):
        night.produce(settings, journal, tables, max_defect_share, model, as_at_night)


@app.command()
def release(run_id: RunId = None) -> None:
    """Build, audit and publish a release of what the lake holds."""
    with working("release", run_id) as (settings, journal, summary):
        summary["release"] = night.publish(settings, journal)


@app.command()
def select(
    gender: Annotated[str | None, typer.Option(help="Men, Women, Unisex, Boys or Girls.")] = None,
    master_category: Annotated[str | None, typer.Option(help="The coarsest kind: Apparel, Footwear, …")] = None,
    sub_category: Annotated[str | None, typer.Option(help="The kind within it: Shoes, Topwear, …")] = None,
    article_type: Annotated[str | None, typer.Option(help="What it is: Tshirts, Watches, …")] = None,
    base_colour: Annotated[str | None, typer.Option(help="The catalogue's word for the colour.")] = None,
    season: Annotated[str | None, typer.Option(help="Summer, Fall, Winter or Spring.")] = None,
    usage: Annotated[str | None, typer.Option(help="Casual, Ethnic, Formal, Sports, …")] = None,
    start_year: Annotated[int | None, typer.Option(help="The first year of collection.")] = None,
    end_year: Annotated[int | None, typer.Option(help="The last year of collection.")] = None,
    apply_model: Annotated[bool, typer.Option("--apply-model", help="Add what a model says of each picture.")] = False,
    apply_augmentation: Annotated[
        bool, typer.Option("--apply-augmentation", help="Add a changed copy of each picture, for training.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="The model, name@alias or name/3; the champion of fashion-labels if absent.")
    ] = None,
    add_to: Annotated[str | None, typer.Option(help="Select nothing; add to what this run selected.")] = None,
    status: Annotated[str | None, typer.Option(help="Select nothing; tell what became of this run.")] = None,
    run_id: RunId = None,
) -> None:
    """Copy the metadata and pictures of the products asked for to runs/<run id>/; with no option, of all."""
    from pipelines import selection, serving

    if status is not None:
        settings = Settings()
        console.say(**selection.status(Store(settings.lake_uri), Objects(settings.bundles_uri), status))
        return
    words = (gender, master_category, sub_category, article_type, base_colour, season, usage)
    asked = selection.Selection(*words, start_year, end_year)
    if model and not apply_model:
        raise CannotRun("--model names what --apply-model is to apply: give both, or neither.")
    if add_to and (asked.params or run_id):
        raise CannotRun("--add-to takes what a run selected as it is: leave out what says what to select.")
    with working("select", add_to or run_id) as (settings, journal, summary):
        bundles, added = Objects(settings.bundles_uri), {}
        if not add_to:
            summary.update(selection.select(journal, bundles, asked))
        if apply_model:
            wanted = model or selection.MODEL
            added["predict"] = selection.predict(journal, bundles, lambda: serving.place_of(settings, wanted), wanted)
        if apply_augmentation:
            added["augment"] = selection.augment(journal, bundles)
        summary.update(added)
        if add_to and all(one["status"] == "skipped" for one in added.values()):
            reasons = [one["reason"] for one in added.values()] or ["Nothing was asked for."]
            summary.update({"status": "skipped", "reason": reasons[0]})


@app.command()
def gc(
    keep_days: Annotated[float, typer.Option(help="How long what is no longer named is kept.")] = 7,
    now: Annotated[
        bool,
        typer.Option(
            "--now", help="At once; after the next night, not beside one: no byte is left of deleted pictures."
        ),
    ] = False,
    run_id: RunId = None,
) -> None:
    """Remove for good what was deleted or replaced: data files, mosaics, taken batches of the inbox, old releases."""
    from pipelines.cleaning import CleaningParams, clean

    with working("gc", run_id) as (settings, journal, summary):
        params = CleaningParams(keep_days, at_once=now)
        summary["removed"] = clean(journal, Objects(settings.releases_uri), settings.root / "cache", params)


@app.command()
def rollback(release: Annotated[str | None, typer.Argument(help="Where to; the one before if absent.")] = None) -> None:
    """Point readers back to an earlier release; it holds until the data changes."""
    from warehouse.release import rollback as point_back

    console.say(command="rollback", status="done", release=point_back(Objects(Settings().releases_uri), release))


@app.command()
def sample(
    folder: Path,
    pieces: Pieces = _PIECES,
    seed: Annotated[int, typer.Option(help="The same seed draws the same pictures.")] = 7,
) -> None:
    """Write the sample sources to a folder, in the public formats: fashion, CIFAR-10, TMDB, Bechdel, an inbox."""
    from pipelines.ingest import sample as drawn

    if folder.exists() and any(folder.iterdir()):
        raise CannotRun(f"{folder} is not empty, and nothing in it is to be overwritten. Name a new folder.")
    drawn.write_fashion(folder / "fashion", pieces, seed)
    drawn.write_cifar10(folder / "cifar-10-batches-py", seed=seed)
    drawn.write_bechdel(folder / "bechdel", seed=seed)
    drawn.write_tmdb(folder / "tmdb", seed=seed)
    drawn.write_inbox(folder, seed)
    console.say(command="sample", status="done", folder=str(folder))


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


def _is_wanted(settings: Settings, source: str, among: str) -> bool:
    return source in sources.named(among.replace("configured", ",".join(settings.wanted)))


def _numbers(ids: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in (ids or "").split(",") if number.strip())
    except ValueError as error:
        raise CannotRun(f"--ids {ids!r} is no list of TMDB's numbers such as 603,604.") from error
