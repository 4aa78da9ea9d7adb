"""Outfits: which article types go with which, for pieces that have no label to say it."""

from pathlib import Path

from pipelines.recommend.seeds import Seed

_FILE = Path(__file__).with_suffix(".csv")
TYPES = frozenset(left for left, _ in Seed(_FILE, ("article_type", "allowed")).pairs)
SEED = Seed(_FILE, ("article_type", "allowed"), right=TYPES)
TABLE = SEED.table(
    "Which article types go with which, for pieces without a label; the other piece is of the same gender or Unisex.",
    ("What the piece is.", "What may go with it."),
)
