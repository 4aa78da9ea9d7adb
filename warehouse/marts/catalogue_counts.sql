SELECT
    master_category,
    sub_category,
    count(*) AS product_count,
    count(photo_id) AS photo_count,
    count(palette) AS palette_count,
    count(*) FILTER (is_repaired) AS repaired_count
FROM products_flat
GROUP BY master_category, sub_category
ORDER BY master_category, sub_category
