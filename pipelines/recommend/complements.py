"""Complements: which labels go with which. A label without a row goes with what `FALLBACK` names."""

from pathlib import Path

from pipelines.ingest.inbox.labelled_samples import CLASS_LIST_21
from pipelines.recommend.seeds import LABELS, Seed

FALLBACK = ("Cardigan", "Blazer", "Jacket")
SEED = Seed(Path(__file__).with_suffix(".csv"), ("label", "allowed"), left=CLASS_LIST_21, right=LABELS)
TABLE = SEED.table(
    "Which labels go with which; where none of a piece's labels is here, Cardigan, Blazer and Jacket do.",
    ("What the piece is.", "What may go with it."),
)
