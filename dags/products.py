"""Products by what they are: a bundle of metadata and pictures of the pieces somebody asks for.

**What it does.** `select` looks for the products that have every value that is given and a year from *start
year* to *end year*, both included, and writes them out. It reads what the lake holds when it starts; a retry
reads the same and goes on where it stopped. Nothing in the catalogue is changed.

**Params.** Every one is optional, and with none of them all products are selected. *gender*,
*master category*, *season* and *usage* are lists to choose from. *sub category*, *article type* and
*base colour* are the catalogue's own words, exactly as it writes them; of a word it does not know the task
says which ones come near, and fails. *apply model* and *apply augmentation* are off unless somebody turns
them on; *model* is a registered one, the champion of `fashion-labels` if empty.

**Where the results are.** Below `runs/<run id>/` at `TESSERA_BUNDLES` (by default `.tessera`):

    metadata.json                   a list with one entry per product
    metadata.parquet                the same rows
    images/<image_id>.jpg
    predictions.json                a list with one entry per picture: label and probability, by group
    predictions.parquet             the same rows
    augmentation/<image_id>.jpg     a changed copy of each picture

`predict` and `augment` add the last three to what `select` wrote, each only where its option is on; a picture that
cannot be decoded is left out, and stands in the rejects. Where nothing matches, the run is a success, its summary says
`empty`, `metadata.json` is `[]`, and both are skipped.

**How to ask.**

    tessera select --gender=Men --sub-category=Shoes --start-year=2012     # the same, without Airflow
    tessera select --add-to RUN_ID --apply-model --apply-augmentation      # both options, of a run that is done
    tessera select --status RUN_ID                                         # how it ended, and why
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param

from dags._operator import TesseraOperator

GENDERS = ("Men", "Women", "Unisex", "Boys", "Girls")
MASTER_CATEGORIES = ("Apparel", "Accessories", "Footwear", "Personal Care", "Free Items", "Sporting Goods", "Home")
SEASONS = ("Summer", "Fall", "Winter", "Spring")
USAGES = ("Casual", "Ethnic", "Formal", "Sports", "Smart Casual", "Travel", "Party", "Home")


def one_of(values: Sequence[str], **words: Any) -> Param:
    """Return a param with a closed vocabulary, or nothing."""
    return Param(None, type=["null", "string"], enum=[None, *values], **words)


def word(*examples: str, **words: Any) -> Param:
    """Return a param that is one of the catalogue's own words, or nothing.

    No word ends in `=`: the operator would take it for an option without a value, and select without it.
    """
    return Param(
        None, type=["null", "string"], maxLength=100, pattern="[^=]$", examples=list(examples), section="Words", **words
    )


def year(**words: Any) -> Param:
    """Return a param that is a year, or nothing."""
    return Param(None, type=["null", "integer"], minimum=1900, maximum=2100, section="Years", **words)


def option(title: str, description: str) -> Param:
    """Return a param that is a switch, off unless somebody turns it on."""
    return Param(False, type="boolean", section="Options", title=title, description=description)


FILTERS = {
    "gender": one_of(GENDERS, title="Gender", description="Whom the pieces are made for."),
    "master_category": one_of(MASTER_CATEGORIES, title="Master category", description="The coarsest kind of piece."),
    "season": one_of(SEASONS, title="Season", description="The season they were made for."),
    "usage": one_of(USAGES, title="Usage", description="The occasion they are meant for."),
    "sub_category": word(
        *("Shoes", "Topwear", "Bags"), title="Sub category", description="The kind within the master category."
    ),
    "article_type": word(
        *("Tshirts", "Watches", "Casual Shoes"), title="Article type", description="What the pieces are."
    ),
    "base_colour": word(
        *("Black", "Navy Blue", "Off White"), title="Base colour", description="The catalogue's word for the colour."
    ),
    "start_year": year(title="Start year", description="The first year of collection."),
    "end_year": year(title="End year", description="The last year of collection."),
}
OPTIONS = {
    "apply_model": option("Apply model", "Add predictions.json: what a model says of each picture."),
    "apply_augmentation": option("Apply augmentation", "Add a changed copy of each picture, for training."),
    "model": Param(
        None,
        type=["null", "string"],
        maxLength=300,
        pattern=r"^[\w. -]+([@/][\w.-]+)?$",
        examples=["fashion-labels@champion", "fashion-labels/3"],
        section="Options",
        title="Model",
        description="A registered model: name@alias or name/version. Empty: the champion of fashion-labels.",
    ),
}
PARAMS = FILTERS | OPTIONS
ADD = ["select", "--add-to={{ run_id }}"]

with DAG(
    dag_id="select_products",
    dag_display_name="Select products",
    description="A bundle of metadata and pictures of the pieces somebody asks for; predictions and copies on top.",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=4,
    default_args={"owner": "tessera", "retries": 2, "retry_delay": timedelta(minutes=1)},
    params=PARAMS,
    tags=["tessera", "catalogue"],
) as select_products:
    select = TesseraOperator(
        task_id="select",
        doc_md="Find the products asked for, and copy their metadata and pictures below `runs/<run id>/`.",
        arguments=[
            "select",
            *(f"--{name.replace('_', '-')}={{{{ params.{name} or '' }}}}" for name in FILTERS),
            "--run-id={{ run_id }}",
        ],
        execution_timeout=timedelta(hours=2),
    )
    predict = TesseraOperator(
        task_id="predict",
        doc_md="Write `predictions.json` for the pictures that were selected; skipped where nobody asked for it.",
        arguments=[
            *ADD,
            "{{ '--apply-model' if params.apply_model else '' }}",
            "{{ '--model=' ~ params.model if params.apply_model and params.model else '' }}",
        ],
        execution_timeout=timedelta(hours=6),
    )
    augment = TesseraOperator(
        task_id="augment",
        doc_md="Write a changed copy of each picture that was selected; skipped where nobody asked for it.",
        arguments=[*ADD, "{{ '--apply-augmentation' if params.apply_augmentation else '' }}"],
        execution_timeout=timedelta(hours=2),
    )

    select >> [predict, augment]
