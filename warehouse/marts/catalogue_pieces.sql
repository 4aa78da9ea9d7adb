SELECT DISTINCT
    shown.product_id,
    shown.image_id,
    coalesce(thumbnails.image_id, shown.image_id) AS piece_id
FROM product_images AS shown
LEFT JOIN product_images AS thumbnails
    ON thumbnails.product_id = shown.product_id AND thumbnails.kind = 'thumbnail'
