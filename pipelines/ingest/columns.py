"""Columns that several tables carry, declared once: the same quantity is the same column."""

import pyarrow as pa

from pipelines.lake.table import Column

IMAGE_ID = Column("image_id", pa.string(), "SHA-256 of the image's original bytes.", pattern=r"[0-9a-f]{64}")
PRODUCT_ID = Column("product_id", pa.int64(), "The catalogue's own number of the product.", bounds=(0, 2**62))
SOURCE = Column("source", pa.string(), "Where it came from: fashion, cifar10, sample.", pattern=r"[a-z0-9_]+")
