WITH pairs AS (
    FROM near_duplicates
    SELECT
        image_id, other_image_id,
        hash_distance, palette_distance, layout_distance, is_near_duplicate, is_same_picture
    UNION ALL
    FROM near_duplicates
    SELECT
        other_image_id, image_id,
        hash_distance, palette_distance, layout_distance, is_near_duplicate, is_same_picture
)
SELECT pairs.*
FROM pairs
WHERE image_id IN (SELECT image_id FROM visible_images(viewer))
    AND other_image_id IN (SELECT image_id FROM visible_images(viewer))
ORDER BY image_id, hash_distance, layout_distance, palette_distance, other_image_id
