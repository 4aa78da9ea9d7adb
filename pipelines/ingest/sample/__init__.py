"""The built-in source: a small shop, made from a seed, in the exact formats of the public sources.

With it Tessera runs, is shown and is tested without a network or an account. Nothing here is real: the pieces,
scenes and posters are drawn, the names invented. Reading the formats is the business of the sources beside it.
"""

from pipelines.ingest.sample.bechdel import write_bechdel
from pipelines.ingest.sample.catalogue import write_fashion, write_fashion_zip
from pipelines.ingest.sample.cifar10 import write_cifar10
from pipelines.ingest.sample.defects import Expected, expected
from pipelines.ingest.sample.inbox import write_inbox
from pipelines.ingest.sample.larger import write_fashion_large
from pipelines.ingest.sample.pieces import Piece, pieces
from pipelines.ingest.sample.tmdb import write_tmdb

__all__ = [
    "Expected",
    "Piece",
    "expected",
    "pieces",
    "write_bechdel",
    "write_cifar10",
    "write_fashion",
    "write_fashion_large",
    "write_fashion_zip",
    "write_inbox",
    "write_tmdb",
]
