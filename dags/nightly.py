"""A night: new images in, palettes made, a release out.

**What it does.** `ingest` reads the source and takes in the images it has not seen, `palettes` works
out the colours of those that have none yet, and `release` publishes everything as one DuckDB file.
A night without news costs seconds; a night that was cut short goes on where it stopped.

**Params.** *source* is `configured` (what `TESSERA_SOURCE` and `TESSERA_FASHION` say), `sample`
(generated pieces, no account and no network needed) or `fashion` (the Kaggle data set). *path* is a
folder or zip of that data set; left empty it is downloaded. *pieces* is how many the sample has.
*max_defect_share* is the share of broken images above which the night is refused.

**Where the results are.** Each task's log ends with its counts. The release lies under
`TESSERA_RELEASES` (by default `.tessera/releases`); readers keep their file until they reconnect.

**How to ask.**

    tessera runs --last     # the table of the night
    tessera releases        # what has been published
    tessera sql "SELECT hex, count(*) FROM palettes WHERE rank = 0 GROUP BY hex ORDER BY 2 DESC LIMIT 10"

A task that fails because the data breaks a contract is not tried again: its log says which and why.
"""

from datetime import timedelta

from airflow.sdk import DAG, Asset, Param

from dags._operator import TesseraOperator

RUN_ID = "--run-id={{ run_id }}"
MAX_DEFECT_SHARE = "--max-defect-share={{ params.max_defect_share }}"

PARAMS = {
    "source": Param(
        "configured",
        type="string",
        enum=["configured", "sample", "fashion"],
        title="Source",
        description="Where the images come from. `configured`: as the environment says.",
    ),
    "path": Param(
        None,
        type=["null", "string"],
        maxLength=4096,
        title="Folder or zip",
        description="The Kaggle archive on this machine. Empty: download it. Only for `fashion`.",
    ),
    "pieces": Param(
        None,
        type=["null", "integer"],
        minimum=1,
        maximum=1_000_000,
        title="Pieces",
        description="How many pieces to generate. Empty: the usual number. Only for `sample`.",
    ),
    "max_defect_share": Param(
        0.1,
        type="number",
        minimum=0,
        maximum=1,
        title="Largest share of defects",
        description="With a larger share of broken images than this, nothing is published.",
    ),
}

with DAG(
    dag_id="nightly",
    dag_display_name="Nightly catalogue",
    description="New images in, palettes made, a release out.",
    doc_md=__doc__,
    schedule="0 2 * * *",
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "tessera", "retries": 2, "retry_delay": timedelta(minutes=1)},
    params=PARAMS,
    tags=["tessera", "catalogue"],
) as nightly:
    ingest = TesseraOperator(
        task_id="ingest",
        doc_md="Take in the images that are new; everything else is counted, and rejected with a reason.",
        arguments=[
            "ingest",
            "{{ '' if params.source == 'configured' else params.source }}",
            "--path={{ params.path or '' }}",
            "--pieces={{ params.pieces or '' }}",
            MAX_DEFECT_SHARE,
            RUN_ID,
        ],
        execution_timeout=timedelta(hours=6),
        outlets=[Asset("tessera://images")],
    )
    palettes = TesseraOperator(
        task_id="palettes",
        doc_md="Work out the dominant colours of every image that has none under the current recipe.",
        arguments=["run", "palettes", MAX_DEFECT_SHARE, RUN_ID],
        execution_timeout=timedelta(hours=6),
        outlets=[Asset("tessera://palettes")],
    )
    publish = TesseraOperator(
        task_id="release",
        doc_md="Build the DuckDB file beside the current one, audit it, then point the readers to it.",
        arguments=["release", RUN_ID],
        execution_timeout=timedelta(hours=1),
        outlets=[Asset("tessera://release")],
    )

    ingest >> palettes >> publish
