"""Columns that several tables made by models carry, declared once."""

import pyarrow as pa

from pipelines.lake.table import Column

LABEL_GROUP = Column("label_group", pa.string(), "What kind of label: piece, article_type, …", pattern=r"[a-z0-9_]+")
MODEL_NAME = Column("model_name", pa.string(), "The registered model that said so.")
MODEL_VERSION = Column("model_version", pa.int32(), "Its version in the registry.", bounds=(1, 2**31 - 1))
