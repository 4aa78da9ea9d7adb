WITH colours AS (
    SELECT image_id, list(hex ORDER BY rank) AS palette
    FROM palettes
    GROUP BY image_id
),
likes AS (
    SELECT
        image_id,
        count(*) FILTER (value = 1) AS like_count,
        count(*) FILTER (value = -1) AS dislike_count
    FROM votes
    GROUP BY image_id
),
names AS (
    SELECT product_images.image_id, arg_min(products.display_name, products.product_id) AS title
    FROM product_images
    JOIN products USING (product_id)
    GROUP BY product_images.image_id
),
pieces AS (
    SELECT user_id, image_id, 'upload' AS origin, title, visibility, uploaded_at AS added_at
    FROM uploads
    WHERE user_id = viewer
    UNION ALL
    SELECT votes.user_id, image_id, 'liked', names.title, NULL, votes.voted_at
    FROM votes
    JOIN names USING (image_id)
    WHERE votes.user_id = viewer
        AND votes.value = 1
        AND image_id NOT IN (SELECT image_id FROM uploads WHERE user_id = viewer)
)
SELECT
    pieces.user_id,
    pieces.image_id,
    pieces.origin,
    pieces.title,
    pieces.visibility,
    pieces.added_at,
    colours.palette,
    coalesce(likes.like_count, 0) AS like_count,
    coalesce(likes.dislike_count, 0) AS dislike_count
FROM pieces
LEFT JOIN colours USING (image_id)
LEFT JOIN likes USING (image_id)
ORDER BY pieces.added_at, pieces.image_id
