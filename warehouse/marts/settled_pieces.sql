WITH said AS (
    SELECT image_id, value = -1 AS is_disliked
    FROM votes
    WHERE user_id = viewer AND value <> 0
    UNION
    SELECT image_id, false
    FROM uploads
    WHERE user_id = viewer
),
shown AS (
    SELECT image_id, is_disliked
    FROM said
    UNION
    SELECT others.image_id, said.is_disliked
    FROM said
    JOIN catalogue_pieces AS mine ON mine.image_id = said.image_id
    JOIN catalogue_pieces AS others ON others.product_id = mine.product_id
),
pairs AS (
    SELECT image_id, other_image_id FROM near_duplicates WHERE is_near_duplicate OR is_same_picture
    UNION ALL
    SELECT other_image_id, image_id FROM near_duplicates WHERE is_near_duplicate OR is_same_picture
),
alike AS (
    SELECT image_id, is_disliked
    FROM shown
    UNION
    SELECT pairs.other_image_id, shown.is_disliked
    FROM shown
    JOIN pairs ON pairs.image_id = shown.image_id
),
pieces AS (
    SELECT image_id, is_disliked
    FROM alike
    UNION
    SELECT catalogue_pieces.piece_id, alike.is_disliked
    FROM alike
    JOIN catalogue_pieces ON catalogue_pieces.image_id = alike.image_id
)
SELECT image_id, bool_or(is_disliked) AS is_disliked, bool_or(NOT is_disliked) AS is_owned
FROM pieces
WHERE image_id IN (SELECT image_id FROM visible_images(viewer))
GROUP BY image_id
ORDER BY image_id
