"""The tables of Tessera, in the order in which they can be made."""

from pipelines.ingest import image_sources, images, products
from pipelines.lake import rejects, runs
from pipelines.lake.errors import CannotRun
from pipelines.lake.table import Table
from pipelines.palette import palettes

TABLES: tuple[Table, ...] = (
    images.TABLE,
    image_sources.TABLE,
    products.TABLE,
    products.PRODUCT_IMAGES,
    palettes.TABLE,
    rejects.TABLE,
    runs.TABLE,
)


def find(name: str) -> Table:
    """Return the table of that name. Raises CannotRun, naming those there are."""
    for table in TABLES:
        if table.name == name:
            return table
    raise CannotRun(f"there is no table {name!r}. The tables are: {', '.join(table.name for table in TABLES)}.")
