WITH shown AS (
    SELECT
        product_id,
        max(image_id) FILTER (kind = 'photo') AS photo_id,
        max(image_id) FILTER (kind = 'thumbnail') AS thumbnail_id,
        coalesce(photo_id, thumbnail_id) AS image_id
    FROM product_images
    GROUP BY product_id
),
colours AS (
    SELECT
        image_id,
        list(hex ORDER BY rank) AS palette,
        max(hex) FILTER (is_dominant) AS dominant_hex
    FROM palettes
    GROUP BY image_id
)
SELECT
    products.*,
    shown.image_id,
    shown.photo_id,
    shown.thumbnail_id,
    images.width_px,
    images.height_px,
    colours.palette,
    colours.dominant_hex
FROM products
LEFT JOIN shown USING (product_id)
LEFT JOIN images ON images.image_id = shown.image_id
LEFT JOIN colours ON colours.image_id = shown.image_id
