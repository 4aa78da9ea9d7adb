"""The tables of Tessera, in the order in which they can be made."""

from pipelines.augment import augmentations
from pipelines.duplicates import near_duplicates, perceptual_hashes
from pipelines.inference import embeddings, label_scores, labels, tag_paths, tags
from pipelines.ingest import image_sources, images, movies, product_details, products
from pipelines.ingest.bechdel import ratings
from pipelines.ingest.cifar10 import labels as cifar10_labels
from pipelines.ingest.inbox import batches, deletions, labelled_samples, mosaic_requests, uploads, votes
from pipelines.lake import rejects, runs
from pipelines.lake.errors import CannotRun
from pipelines.lake.table import Table
from pipelines.mosaic import mosaic_cells, mosaic_tiles, mosaics, tile_pictures
from pipelines.palette import colour_names, palettes
from pipelines.recommend import (
    complementary,
    complements,
    label_aliases,
    match_labels,
    matching_colours,
    outfits,
    recall_checks,
    similar,
    similar_palettes,
)
from pipelines.thumbnails import thumbnails

TABLES: tuple[Table, ...] = (
    images.TABLE,
    image_sources.TABLE,
    products.TABLE,
    products.PRODUCT_IMAGES,
    product_details.TABLE,
    product_details.ATTRIBUTES,
    cifar10_labels.TABLE,
    movies.TABLE,
    ratings.TABLE,
    batches.TABLE,
    uploads.TABLE,
    votes.TABLE,
    mosaic_requests.TABLE,
    labelled_samples.TABLE,
    deletions.TABLE,
    thumbnails.TABLE,
    colour_names.TABLE,
    palettes.TABLE,
    perceptual_hashes.TABLE,
    near_duplicates.TABLE,
    label_scores.TABLE,
    embeddings.TABLE,
    labels.TABLE,
    match_labels.TABLE,
    label_aliases.TABLE,
    similar.TABLE,
    complements.TABLE,
    outfits.TABLE,
    matching_colours.TABLE,
    complementary.TABLE,
    similar_palettes.TABLE,
    recall_checks.TABLE,
    tags.TABLE,
    tag_paths.TABLE,
    tile_pictures.TABLE,
    mosaic_tiles.TABLE,
    mosaic_cells.TABLE,
    mosaics.TABLE,
    augmentations.TABLE,
    rejects.TABLE,
    runs.TABLE,
)


def find(name: str) -> Table:
    """Return the table of that name. Raises CannotRun, naming those there are."""
    for table in TABLES:
        if table.name == name:
            return table
    raise CannotRun(f"there is no table {name!r}. The tables are: {', '.join(table.name for table in TABLES)}.")
