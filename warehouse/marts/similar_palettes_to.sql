WITH asked AS (
    SELECT CAST(image AS VARCHAR) AS image_id
    UNION
    SELECT piece_id
    FROM catalogue_pieces
    WHERE CAST(image AS VARCHAR) IN (image_id, CAST(product_id AS VARCHAR))
)
SELECT source_id, rank, rec_id, distance, block, shared_labels
FROM similar_palettes
WHERE source_id IN (SELECT image_id FROM asked)
    AND source_id IN (SELECT image_id FROM visible_images(viewer))
    AND rec_id IN (SELECT image_id FROM visible_images(viewer))
    AND rec_id NOT IN (SELECT image_id FROM settled_pieces(viewer) WHERE is_disliked)
ORDER BY source_id, rank
