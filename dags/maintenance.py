"""Maintenance: what was deleted or replaced is removed for good.

**What it does.** `gc` removes data files no table names any more, batches of the inbox that were taken in, pins of
runs that are over, cached answers whose time is up, and releases that were replaced. Of a picture that its owner
deleted more than *keep days* ago no byte is left after it.

**Params.** *keep days* is how long what is no longer named is kept; a reader of an older release, or a run that
goes on for long, needs it.

**How to ask.**

    tessera gc --keep-days=7    # the same, without Airflow
    tessera gc --now            # of what was deleted keep nothing; earlier releases go as well
"""

from datetime import timedelta

from airflow.sdk import DAG, Param

from dags._operator import TesseraOperator

with DAG(
    dag_id="maintenance",
    dag_display_name="Maintenance",
    description="What was deleted or replaced is removed for good.",
    doc_md=__doc__,
    schedule="0 12 * * 0",
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "tessera", "retries": 2, "retry_delay": timedelta(minutes=1)},
    params={
        "keep_days": Param(
            7,
            type="number",
            minimum=1,
            maximum=3_650,
            title="Keep days",
            description="How long what is no longer named is kept. Longer than the longest run.",
        )
    },
    tags=["tessera", "maintenance"],
) as maintenance:
    gc = TesseraOperator(
        task_id="gc",
        doc_md="Remove for good what was deleted or replaced long enough ago.",
        arguments=["gc", "--keep-days={{ params.keep_days }}", "--run-id={{ run_id }}"],
        execution_timeout=timedelta(hours=2),
    )
