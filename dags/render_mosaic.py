"""A mosaic: one picture of the lake, laid out with thousands of small ones, and kept up to date from then on.

**What it does.** `mosaic` notes what is asked for, cuts the tiles that are missing, lays them out so that each cell
shows what is nearest to it within the limits, and draws the picture. `release` publishes it, so that it can be
queried. Every night looks again at each mosaic that was asked for: a cell keeps its tile until another is clearly
nearer. Asked again with the same values it is the same mosaic, and costs seconds.

**Params.** Only *picture* is needed: a product's number, an image's id or the first digits of it, or an upload's key.
The others are as in the form when nobody changes them. *sources*, *tag path* and *families* say which tiles it may be
made of; by default these are CIFAR-10's and the uploads that may be seen, or all where there is no CIFAR-10. *max
uses* and *apart* keep a tile from coming too often, or next to itself; where there are too few tiles for that, the
task says how many are missing, and fails. Private uploads are tiles of their owner's mosaics alone: *user* says on
whose behalf this one is made.

**Where the results are.** The log of `mosaic` ends with the mosaic's id and the place of its picture in the lake:
`_mosaics/<mosaic id>/<hash>/mosaic.jpg` or `.png`. Of `dzi`, which may have any size, `mosaic.html` lies beside
`mosaic.dzi`: open it in a browser, no server is needed.

**How to ask.**

    tessera mosaic 1163 --columns=60 --max-uses=3 --folder=.   # the same, without Airflow; with a copy of the picture
    tessera mosaic 1163 --columns=60 --max-uses=3 --forget     # take it back: it goes with the next cleaning
    tessera sql "SELECT mosaic_id, image_id, asked_at, gap, picture FROM mosaics_of(NULL)"
    tessera sql "SELECT label, source, use_count FROM mosaic_tiles_of('MOSAIC ID') LIMIT 10"
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param

from dags._operator import TesseraOperator

RUN_ID = "--run-id={{ run_id }}"
FORMATS = ("jpeg", "png", "dzi")
MODES = ("cells_3x3", "cells_2x2", "mean_rgb")
FAMILIES = (
    *("beige", "black", "blue", "brown", "green", "grey", "orange", "pink", "purple", "red", "white", "yellow"),
)
SOURCES = ("cifar10", "cifar10_test", "uploads", "fashion", "tmdb", "sample", "sample_cifar10")
LINE = r"[^\x00-\x1f\x7f]*$"  # no line breaks


def some(*words: str, **said: Any) -> Param:
    """Return a param that is any number of words, or nothing."""
    items = {"type": "string", "pattern": "^[a-z0-9_]+$", "maxLength": 50}
    return Param(None, type=["null", "array"], items=items, maxItems=50, examples=list(words), section="Tiles", **said)


def whole(default: int | None, low: int, high: int, **said: Any) -> Param:
    """Return a param that is a whole number, or nothing."""
    return Param(default, type=["null", "integer"], minimum=low, maximum=high, **said)


PICTURE = Param(
    type="string",
    minLength=1,
    maxLength=300,
    pattern=f"^[^-]{LINE}",
    title="Picture",
    description="A product's number, an image's id or the first digits of it, or an upload's key: upload/USER/ID.",
)
OPTIONS = {
    "columns": whole(
        *(None, 1, 2_000), title="Columns", description="Cells across. Empty: one for each 32 pixels of the picture."
    ),
    "user": Param(
        None,
        type=["null", "string"],
        minLength=1,
        maxLength=200,
        pattern=f"^{LINE}",
        title="User",
        description="Whose it is: their private uploads may be tiles, and only they see it. Empty: for everybody.",
    ),
    "sources": some(
        *SOURCES, title="Sources", description="Where tiles come from. Empty: CIFAR-10, and uploads that may be seen."
    ),
    "tag_path": Param(
        None,
        type=["null", "string"],
        maxLength=300,
        pattern="^/[a-z0-9_]+(/[a-z0-9_]+)*$",
        examples=["/animal", "/animal/fourlegs", "/apparel/topwear"],
        section="Tiles",
        title="Tag path",
        description="What tiles show: a place of the tree of tags, or of the catalogue's categories. Empty: anything.",
    ),
    "families": some(*FAMILIES, title="Families", description="The colours that tiles have most of. Empty: any."),
    "max_uses": whole(
        *(None, 1, 2**31 - 1),
        section="Tiles",
        title="Max uses",
        description="How often one tile may come. Empty: as often as it fits.",
    ),
    "apart": whole(
        *(0, 0, 100),
        section="Tiles",
        title="Apart",
        description="Within how many cells, in any direction, a tile may not come again.",
    ),
    "tile_px": whole(
        *(32, 1, 256), section="Looks", title="Tile size", description="Pixels a side at which tiles are shown."
    ),
    "tint": Param(
        0.0,
        type=["null", "number"],
        minimum=0,
        maximum=1,
        section="Looks",
        title="Tint",
        description="How far tiles are drawn towards the picture: 0 not at all, 1 entirely.",
    ),
    "format": Param(
        FORMATS[0],
        type="string",
        enum=list(FORMATS),
        section="Looks",
        title="Format",
        description="What it is written as. A dzi opens in a browser at any size.",
    ),
    "mode": Param(
        MODES[0],
        type="string",
        enum=list(MODES),
        section="Looks",
        title="Mode",
        description="What of a cell is compared with a tile: 3 x 3 or 2 x 2 parts, or its mean colour.",
    ),
}
LISTS = ("sources", "families")


def argument(name: str) -> str:
    """Return what hands a param on to the command line, as a template; an unset one renders to nothing."""
    said = f"(params.{name} or []) | join(',')" if name in LISTS else f"'' if params.{name} is none else params.{name}"
    return f"--{name.replace('_', '-')}={{{{ {said} }}}}"


with DAG(
    dag_id="render_mosaic",
    dag_display_name="Render mosaic",
    description="One picture, laid out with thousands of small ones.",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "tessera", "retries": 2, "retry_delay": timedelta(minutes=1)},
    params={"picture": PICTURE} | OPTIONS,
    tags=["tessera", "catalogue"],
) as render_mosaic:
    mosaic = TesseraOperator(
        task_id="mosaic",
        doc_md="Lay the picture out with tiles and draw it; the log ends with where it lies.",
        # What comes after -- is no option, whatever it looks like.
        arguments=["mosaic", *map(argument, OPTIONS), RUN_ID, "--", "{{ params.picture }}"],
        execution_timeout=timedelta(hours=6),
    )
    release = TesseraOperator(
        task_id="release",
        doc_md="Publish it, so that it can be queried.",
        arguments=["release", RUN_ID],
        execution_timeout=timedelta(hours=1),
    )
    mosaic >> release
