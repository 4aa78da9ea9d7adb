"""Match labels: which article types mean which labels beside the 21 classes, to tell candidates apart."""

from pathlib import Path

from pipelines.recommend.seeds import LABELS, Seed

SEED = Seed(Path(__file__).with_suffix(".csv"), ("article_type", "label"), right=LABELS)
TABLE = SEED.table(
    "Which article types mean which further labels; words of a product's name mean them too.",
    ("The catalogue's article type.", "What pieces of it are."),
)
