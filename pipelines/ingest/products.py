"""Products: the rows of a fashion catalogue, typed, checked and repaired; and which image shows which product."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ingest import images
from pipelines.ingest.columns import IMAGE_ID, PRODUCT_ID, SOURCE
from pipelines.lake.errors import Rejected
from pipelines.lake.store import Store
from pipelines.lake.table import Column, Table

MASTER_CATEGORIES = (
    "Apparel",
    "Accessories",
    "Footwear",
    "Personal Care",
    "Free Items",
    "Sporting Goods",
    "Home",
)
GENDERS = ("Men", "Women", "Unisex", "Boys", "Girls")
SEASONS = ("Summer", "Fall", "Winter", "Spring")
USAGES = ("Casual", "Ethnic", "Formal", "Sports", "Smart Casual", "Travel", "Party", "Home")

TABLE = Table(
    name="products",
    description="The pieces of the fashion catalogue that have an image.",
    grain=("product_id",),
    columns=(
        PRODUCT_ID,
        SOURCE,
        Column("gender", pa.string(), "Whom the piece is made for.", values=GENDERS),
        Column("master_category", pa.string(), "The coarsest kind of piece.", values=MASTER_CATEGORIES),
        Column("sub_category", pa.string(), "The kind within the master category.", nullable=True),
        Column("article_type", pa.string(), "What the piece is: Tshirts, Watches, …", nullable=True),
        Column("base_colour", pa.string(), "The catalogue's own word for the main colour.", nullable=True),
        Column("season", pa.string(), "The season it was made for.", nullable=True, values=SEASONS),
        Column("year", pa.int16(), "The year of its collection.", nullable=True, bounds=(1900, 2100)),
        Column("usage", pa.string(), "The occasion it is meant for.", nullable=True, values=USAGES),
        Column("display_name", pa.string(), "The name shown in the shop.", nullable=True),
        Column("is_repaired", pa.bool_(), "True where the row had surplus commas that were put back into the name."),
    ),
)

PRODUCT_IMAGES = Table(
    name="product_images",
    description="Which image shows which product.",
    grain=("product_id", "kind"),
    columns=(
        PRODUCT_ID,
        Column("kind", pa.string(), "The picture's part.", values=("thumbnail", "photo")),
        IMAGE_ID,
    ),
    inputs=(TABLE, images.TABLE),
)


@dataclass(frozen=True)
class Listed:
    """The products of a source by their number, with the name each is shown under; and those without an image.

    The latter are `absent`: the catalogue lists them, but `products` does not hold them.
    """

    names: dict[str, str | None]
    absent: frozenset[str]

    def require(self, number: str) -> None:
        """Raise Rejected when there is no product of this number."""
        if number not in self.names:
            why = "the catalogue holds no image of it" if number in self.absent else "the catalogue lists none"
            raise Rejected("no_product", f"there is no product {number[:20]}: {why}.")


def listed(store: Store, source: str, absent: frozenset[str]) -> Listed:
    """Return what the lake holds of a source's products."""
    held = store.snapshot(TABLE).read(["product_id", "source", "display_name"]).filter(pc.field("source") == source)
    numbers = pc.cast(held["product_id"], pa.string()).to_pylist()
    return Listed(dict(zip(numbers, held["display_name"].to_pylist(), strict=True)), absent)
