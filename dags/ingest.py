"""One source at a time: for the first load of a large one, or a source that failed in the night.

**What it does.** The `ingest` task takes one source in; `gate` audits what came in. Nothing is made of it and
nothing published: the next night does that, for all that came in since.

**Params.** *path* is a folder or archive of the data set on this machine; empty: as configured, or downloaded. For
`ingest_tmdb`, *films* is how many of the most popular films to ask for, *ids* asks for just these instead.

**How to ask.**

    tessera runs --last     # what went in, what came of it, what it cost
    tessera rejects         # what could not be taken in, and why
"""

from datetime import timedelta

from airflow.sdk import DAG, Asset, Param

from dags._operator import TesseraOperator

RUN_ID = "--run-id={{ run_id }}"
PATH = {
    "path": Param(
        None,
        type=["null", "string"],
        maxLength=4096,
        title="Folder or archive",
        description="A copy of the data set on this machine. Empty: as configured, or downloaded.",
    ),
}
FILMS = {
    "films": Param(
        1_000,
        type="integer",
        minimum=1,
        maximum=1_000_000,
        title="Films",
        description="How many of the most popular films to ask TMDB for.",
    ),
    "ids": Param(
        None,
        type=["null", "string"],
        pattern=r"^[0-9]+(,[0-9]+)*$",
        maxLength=10_000,
        title="Only these",
        description="TMDB's numbers of the films to ask for, such as 603,604. Empty: the most popular.",
    ),
}
SOURCES = {
    "fashion": ("The fashion catalogue: products, their images and details.", PATH),
    "cifar10": ("CIFAR-10: 60,000 small labelled pictures.", PATH),
    "bechdel": ("The lists of films and how far they get in the Bechdel test.", PATH),
    "tmdb": ("TMDB: films with credits, and their posters.", FILMS),
    "inbox": ("What users dropped under incoming/ of the lake.", {}),
}


def dag_of(source: str, words: str, params: dict[str, Param]) -> DAG:
    """Return the DAG that takes one source in by hand."""
    with DAG(
        dag_id=f"ingest_{source}",
        dag_display_name=f"Ingest {source}",
        description=words,
        doc_md=__doc__,
        schedule=None,
        catchup=False,
        max_active_runs=1,
        default_args={"owner": "tessera", "retries": 2, "retry_delay": timedelta(minutes=1)},
        params=params,
        tags=["tessera", "ingest"],
    ) as dag:
        ingest = TesseraOperator(
            task_id="ingest",
            doc_md=words,
            arguments=["ingest", source, *(f"--{name}={{{{ params.{name} or '' }}}}" for name in params), RUN_ID],
            execution_timeout=timedelta(hours=12),
            outlets=[Asset(f"tessera://{source}")],
        )
        gate = TesseraOperator(
            task_id="gate",
            doc_md="Audit what came in; its report stays in the lake.",
            arguments=["gate", RUN_ID],
            execution_timeout=timedelta(hours=1),
        )
        ingest >> gate
    return dag


for name, (description, params) in SOURCES.items():
    globals()[f"ingest_{name}"] = dag_of(name, description, params)
