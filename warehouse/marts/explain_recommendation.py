"""explain_recommendation(source, candidate): why a piece is recommended for another, or what keeps it out."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from pipelines.inference import labels
from pipelines.inference.columns import MODEL_NAME, MODEL_VERSION
from pipelines.ingest import image_sources
from pipelines.lake.table import Column, Table
from warehouse.marts.recommended_pieces import BLOCK, COLOUR_HEX, KIND, LABELS, RELATION, SCORE
from warehouse.marts.recommended_pieces import VIEW as RECOMMENDED
from warehouse.marts.view import View, query_beside
from warehouse.marts.why_not_recommended import CANDIDATE_ID, REASON, SENTENCE, SOURCE_ID
from warehouse.marts.why_not_recommended import VIEW as WHY_NOT

_PAIRS = pa.list_(
    pa.struct(
        {
            "source_hex": pa.string(),
            "source_name": pa.string(),
            "weight": pa.float32(),
            "candidate_hex": pa.string(),
            "candidate_name": pa.string(),
            "distance": pa.float64(),
        }
    )
)
_FILES = pa.list_(pa.struct({"source": pa.string(), "key": pa.string()}))
_RANK = RECOMMENDED.table.columns[2]


def _maybe(column: Column, name: str = "", description: str = "") -> Column:
    """Return a column that only some rows fill."""
    words = description or column.description
    return replace(column, name=name or column.name, description=words, nullable=True)


def _labelled_by(prefix: str, piece: str) -> tuple[Column, ...]:
    """Return the columns that tell whose word a piece's labels are."""
    whose = Column(
        f"{prefix}label_source",
        pa.string(),
        f"Whose word the {piece}'s labels are: the catalogue's (true) or a model's.",
    )
    models = (replace(column, name=prefix + column.name) for column in (MODEL_NAME, MODEL_VERSION))
    return tuple(_maybe(column) for column in (whose, *models))


VIEW = View(
    Table(
        name="explain_recommendation",
        description="What makes a candidate a recommendation for a source, a row per kind, in a sentence and in "
        "columns; one row with what keeps it out where it is none. Without a candidate: all that is recommended. "
        "A product may be asked of by its number.",
        grain=("source_id", "candidate_id", "kind"),
        columns=(
            SOURCE_ID,
            CANDIDATE_ID,
            _maybe(KIND),
            Column("is_recommended", pa.bool_(), "Whether it is."),
            _maybe(REASON),
            SENTENCE,
            _maybe(_RANK),
            _maybe(SCORE),
            _maybe(BLOCK),
            _maybe(LABELS),
            Column(
                "swatch_pairs",
                _PAIRS,
                "Which colours were compared; weights times distances add up to a similar one's score.",
                nullable=True,
            ),
            RELATION,
            COLOUR_HEX,
            *_labelled_by("", "source"),
            *_labelled_by("candidate_", "candidate"),
            Column("source_files", _FILES, "Where the source was met, as far as the viewer may know.", nullable=True),
            Column("candidate_files", _FILES, "The same of the candidate.", nullable=True),
        ),
        inputs=(*RECOMMENDED.table.inputs, *WHY_NOT.table.inputs, labels.TABLE, image_sources.TABLE),
    ),
    query_beside(__file__),
    viewer=True,
    parameters=("source", "candidate := NULL"),
)
