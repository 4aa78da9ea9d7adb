"""Commands that make pictures to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines import night
from pipelines.cli.app import RunId, app, working
from pipelines.gate import GateParams
from pipelines.ingest.inbox import mosaic_requests
from pipelines.ingest.inbox.mosaic_requests import FORMATS, MODES, MosaicRequest
from pipelines.lake.errors import ContractBroken, Rejected

_MADE_OF = ("tile_pictures", "tag_paths", "mosaic_tiles", "mosaics")
_ONE_OF = ", ".join


@app.command()
def mosaic(
    picture: Annotated[str, typer.Argument(help="A product's number, an image's id or the first digits of it.")],
    columns: Annotated[int | None, typer.Option(help="Cells across; one for each 32 pixels if absent.")] = None,
    sources: Annotated[
        str, typer.Option(help="Where tiles come from: cifar10, cifar10_test, uploads, fashion, sample, ….")
    ] = "",
    tag_path: Annotated[str | None, typer.Option(help="What tiles show: /animal, /apparel/topwear, ….")] = None,
    families: Annotated[str, typer.Option(help="The colour tiles have most of: blue,green, ….")] = "",
    max_uses: Annotated[int | None, typer.Option(help="How often one tile may come; without end if absent.")] = None,
    apart: Annotated[int, typer.Option(help="Cells within which a tile may not come again.")] = 0,
    tile_px: Annotated[int, typer.Option(help="Pixels a side at which tiles are shown.")] = 32,
    tint: Annotated[float, typer.Option(help="How far tiles are drawn towards the picture, 0 to 1.")] = 0.0,
    format: Annotated[str, typer.Option(help=f"{_ONE_OF(FORMATS)}; dzi opens in a browser at any size.")] = FORMATS[0],  # noqa: A002
    mode: Annotated[str, typer.Option(help=f"What of a cell is compared: {_ONE_OF(MODES)}.")] = MODES[0],
    user: Annotated[str | None, typer.Option(help="On whose behalf: private tiles of theirs count too.")] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Take the request back: the mosaic goes.")] = False,
    folder: Annotated[Path | None, typer.Option(help="Also copy the picture here.")] = None,
    run_id: RunId = None,
) -> None:
    """Make a mosaic of a picture of the lake, and keep it up to date every night from then on."""
    asked: dict[str, Any] = {
        "columns": columns,
        "sources": _words(sources),
        "tag_path": tag_path,
        "families": _words(families),
        "max_uses": max_uses,
        "apart": apart,
        "tile_px": tile_px,
        "tint": tint,
        "format": format,
        "mode": mode,
    }
    try:
        options = mosaic_requests.told(asked)
    except Rejected as error:
        raise ContractBroken(error.detail) from error
    with working("mosaic", run_id) as (settings, journal, summary):
        from pipelines.mosaic import asking

        store = journal.store
        request = MosaicRequest(user, asking.find(store, picture), options)
        mosaic_requests.ask(journal, request, is_wanted=not forget)
        night.produce(settings, journal, _MADE_OF, GateParams().max_defect_share)
        summary["mosaic_id"] = request.mosaic_id
        if not forget:
            made = asking.outcome(store, request.mosaic_id)
            summary["mosaic"] = {name: value for name, value in made.items() if name != "made_of"}
            place = asking.copy(store, str(made["picture"]), folder) if folder else f"{store.uri}/{made['picture']}"
            summary["picture"] = str(place)


def _words(given: str) -> list[str]:
    return [word.strip() for word in given.split(",") if word.strip()]
