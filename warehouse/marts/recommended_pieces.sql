WITH both_kinds AS (
    SELECT
        source_id,
        'similar' AS kind,
        rank,
        rec_id,
        score,
        block,
        shared_labels AS labels,
        NULL AS relation,
        NULL AS colour_hex,
        nearest AS swatches
    FROM "similar"
    UNION ALL
    SELECT
        source_id,
        'complementary',
        rank,
        rec_id,
        score,
        block,
        matched_labels,
        relation,
        colour_hex,
        [swatch]
    FROM complementary
)
SELECT *
FROM both_kinds
WHERE source_id IN (SELECT image_id FROM visible_images(viewer))
    AND rec_id IN (SELECT image_id FROM visible_images(viewer))
    AND rec_id NOT IN (SELECT image_id FROM settled_pieces(viewer) WHERE is_disliked)
