"""The views of a release: each a query (`.sql`) beside the words that describe it (`.py`)."""

from warehouse.marts import (
    best_tags,
    catalogue_counts,
    films,
    images_under,
    label_conflicts,
    label_coverage,
    labels_above,
    look_alikes,
    products_flat,
    scored_labels,
    search_by_tag,
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
    scored_labels.VIEW,
    labels_above.VIEW,
    label_coverage.VIEW,
    best_tags.VIEW,
    search_by_tag.VIEW,
    images_under.VIEW,
)
