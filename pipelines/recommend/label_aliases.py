"""Label aliases: which label also looks among which other when it is asked for what resembles it."""

from pathlib import Path

from pipelines.recommend.seeds import LABELS, Seed

SEED = Seed(Path(__file__).with_suffix(".csv"), ("label", "alias"), left=LABELS, right=LABELS)
TABLE = SEED.table(
    "Labels whose pieces are also compared with pieces of another: jeans with chinos.",
    ("What the piece is.", "What its candidates may be beside that."),
)
