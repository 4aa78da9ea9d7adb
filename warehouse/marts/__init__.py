"""The views of a release: each a query (`.sql`) beside the words that describe it (`.py`)."""

from warehouse.marts import (
    catalogue_counts,
    films,
    label_conflicts,
    look_alikes,
    products_flat,
    visible_images,
    wardrobe,
)
from warehouse.marts.view import View

# A new or changed query needs a higher VERSION in warehouse/manifest.py, or a quiet night will not bring it out.
VIEWS: tuple[View, ...] = (
    products_flat.VIEW,
    catalogue_counts.VIEW,
    films.VIEW,
    visible_images.VIEW,
    label_conflicts.VIEW,
    look_alikes.VIEW,
    wardrobe.VIEW,
)
