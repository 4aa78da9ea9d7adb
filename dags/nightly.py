"""A night: every source taken in, features made of what is new, a release out.

**What it does.** Each source has its own `ingest` task; one that is not wanted is skipped. `gate` takes out what
users have deleted or what has expired, and audits what came in: when too much of a source is defective the night
stops here, and its report says why. Then each table makes what it lacks, and `release` publishes all of it as one
DuckDB file. A night without news costs seconds; a night that was cut short goes on where it stopped.

A source that cannot be reached fails for itself: the other sources, and the release, go on without it, and
`every_source` fails the run in the end. A source whose data broke a contract stops the night at the gate. Where `tags`
was skipped or failed, `mosaics` are made with the tags there are; a task that failed keeps the release back.

**Params.** *sources* are those to take in; `configured` means what `TESSERA_SOURCES`, `TESSERA_FASHION`,
`TESSERA_CIFAR10`, `TESSERA_BECHDEL` and `TESSERA_TMDB_TOKEN` say, and the generated sample where they say nothing.
*path* is a folder or zip of the fashion data set. *pieces* is how many the sample has. The two shares say how much
of a source may be defective, or listed without its image, before the night is refused.

**Where the results are.** Each task's log ends with its counts. The gate's report lies in the lake under
`_reports/<run id>/gate/`, the release under `TESSERA_RELEASES` (by default `.tessera/releases`).

**How to ask.**

    tessera runs --last     # the table of the night
    tessera rejects         # what could not be taken in, and why
    tessera sql "SELECT hex, count(*) FROM palettes WHERE rank = 0 GROUP BY hex ORDER BY 2 DESC LIMIT 10"
"""

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, Param, TriggerRule

from dags._operator import TesseraOperator

RUN_ID = "--run-id={{ run_id }}"
MAX_DEFECT_SHARE = "--max-defect-share={{ params.max_defect_share }}"
AMONG = (  # who names a folder wants what is in it, and not the sample that stands in for nothing
    "--among={{ 'fashion,inbox' if params.path and params.sources == ['configured'] else params.sources | join(',') }}"
)
SOURCES = {
    "sample": ["--pieces={{ params.pieces or '' }}"],
    "fashion": ["--path={{ params.path or '' }}"],
    "cifar10": [],
    "bechdel": [],
    "tmdb": [],
    "inbox": [],
}
FEATURES = {
    "thumbnails": "Make a small picture of every image that has none under the current recipe.",
    "palettes": "Work out the dominant colours of every image that has none under the current recipe.",
    "perceptual_hashes": "Work out the fingerprint of every image that has none under the current recipe.",
    "near_duplicates": "Compare the images that are new with all others, by fingerprint and colour.",
    "label_scores": "Show every fashion image and upload to the champion of fashion-labels: scores and embeddings.",
    "labels": "Put together what the catalogue says of its pieces and what the scores say of users' images.",
    "recommendations": "Choose for every piece what resembles it and what goes with it; the lists they go by, first. "
    "`similar_palettes` is brought up to date where `tessera run similar_palettes recall_checks` has made it once.",
    "tags": "Show every image to the champion of generic-tags; skipped, with the reason, where there is no such model.",
    "tag_paths": "Hang the tags on a tree: /animal/fourlegs/koala.",
    "mosaics": "Cut a tile out of every image that has none, and lay out anew each mosaic that has better tiles now.",
    "augmentations": "Make a changed copy of every fashion image that has none under the current recipe.",
}
TABLES = {  # what a task makes, where that is not the one table of its name
    "palettes": ["colour_names", "palettes"],
    "recommendations": [
        *("match_labels", "label_aliases", "similar"),
        *("complements", "outfits", "matching_colours", "complementary"),
        *("similar_palettes", "recall_checks"),
    ],
    "mosaics": ["tile_pictures", "mosaic_tiles", "mosaics"],
}


def share(default: float, title: str, description: str) -> Param:
    """Return a param that is a share, 0..1."""
    return Param(default, type="number", minimum=0, maximum=1, title=title, description=description)


PARAMS = {
    "sources": Param(
        ["configured"],
        type="array",
        items={"type": "string", "enum": ["configured", *SOURCES]},
        minItems=1,
        examples=["configured", *SOURCES],
        title="Sources",
        description="What to take in. `configured`: as the environment says.",
    ),
    "path": Param(
        None,
        type=["null", "string"],
        maxLength=4096,
        title="Folder or zip",
        description="A copy of the fashion data set on this machine. Empty: as configured.",
    ),
    "pieces": Param(
        None,
        type=["null", "integer"],
        minimum=1,
        maximum=1_000_000,
        title="Pieces",
        description="How many pieces to generate. Empty: the usual number. Only for `sample`.",
    ),
    "max_defect_share": share(
        0.1, "Largest share of defects", "With a larger share of a source broken, nothing is made of it."
    ),
    "max_absent_share": share(
        1.0, "Largest share without image", "With a larger share of rows listed without their image, the night stops."
    ),
}

with DAG(
    dag_id="nightly",
    dag_display_name="Nightly catalogue",
    description="Every source in, features made, a release out.",
    doc_md=__doc__,
    schedule="0 2 * * *",
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "tessera", "retries": 2, "retry_delay": timedelta(minutes=1)},
    params=PARAMS,
    tags=["tessera", "catalogue"],
) as nightly:
    ingests = [
        TesseraOperator(
            task_id=f"ingest_{source}",
            doc_md="Take in what is new; everything else is counted, and rejected with a reason.",
            arguments=["ingest", source, *options, AMONG, RUN_ID],
            execution_timeout=timedelta(hours=6),
            outlets=[Asset(f"tessera://{source}")],
        )
        for source, options in SOURCES.items()
    ]
    gate = TesseraOperator(
        task_id="gate",
        doc_md="Take out what was deleted or expired; audit what came in, and stop the night where it must not go on.",
        arguments=["gate", MAX_DEFECT_SHARE, "--max-absent-share={{ params.max_absent_share }}", RUN_ID],
        trigger_rule=TriggerRule.ALL_DONE,  # a source that is away must not keep the others back
        execution_timeout=timedelta(hours=1),
    )
    features = {
        task: TesseraOperator(
            task_id=task,
            doc_md=words,
            arguments=["run", *TABLES.get(task, [task]), "--as-at-night", MAX_DEFECT_SHARE, RUN_ID],
            execution_timeout=timedelta(hours=6),
            outlets=[Asset(f"tessera://{table}") for table in TABLES.get(task, [task])],
        )
        for task, words in FEATURES.items()
    }
    tags_settled = EmptyOperator(
        task_id="tags_settled",
        doc_md="Holds the mosaics until the tags and their tree are made; skipped or failed, they keep none back.",
        trigger_rule=TriggerRule.ALL_DONE,
        execution_timeout=timedelta(minutes=5),
    )
    publish = TesseraOperator(
        task_id="release",
        doc_md="Build the DuckDB file beside the current one, audit it, then point the readers to it.",
        arguments=["release", RUN_ID],
        trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,  # what was skipped must not keep the others back
        execution_timeout=timedelta(hours=1),
        outlets=[Asset("tessera://release")],
    )

    every_source = EmptyOperator(
        task_id="every_source",
        doc_md="Fails the run when a source failed, after everything else has been done and released.",
        trigger_rule=TriggerRule.NONE_FAILED,
        execution_timeout=timedelta(minutes=5),
    )

    alone = [features[table] for table in ("thumbnails", "augmentations")]
    tags = [features[table] for table in ("tags", "tag_paths")]
    palettes, hashes, scores = (features[table] for table in ("palettes", "perceptual_hashes", "label_scores"))
    ingests >> gate >> [*alone, *tags, palettes, hashes, scores]
    [palettes, hashes] >> features["near_duplicates"]
    scores >> features["labels"]
    [features["near_duplicates"], features["labels"]] >> features["recommendations"]
    tags >> tags_settled
    [palettes, tags_settled] >> features["mosaics"]
    [*alone, *tags, features["recommendations"], features["mosaics"]] >> publish
    [*ingests, publish] >> every_source
