WITH voted AS (
    SELECT others.image_id
    FROM votes
    JOIN catalogue_pieces AS mine ON mine.image_id = votes.image_id
    JOIN catalogue_pieces AS others ON others.product_id = mine.product_id
    WHERE votes.user_id = viewer
),
pieces AS (
    SELECT catalogue_pieces.piece_id AS image_id, min(catalogue_pieces.product_id) AS product_id
    FROM catalogue_pieces
    GROUP BY catalogue_pieces.piece_id
)
SELECT
    pieces.image_id,
    products.product_id,
    products.display_name,
    products.article_type,
    products.base_colour
FROM pieces
JOIN products USING (product_id)
WHERE pieces.image_id NOT IN (SELECT image_id FROM voted)
QUALIFY row_number() OVER (ORDER BY md5(seed || ' ' || pieces.image_id), pieces.image_id) <= n
ORDER BY md5(seed || ' ' || pieces.image_id), pieces.image_id
