WITH asked AS (
    SELECT CAST(image AS VARCHAR) AS image_id
    UNION
    SELECT piece_id
    FROM catalogue_pieces
    WHERE CAST(image AS VARCHAR) IN (image_id, CAST(product_id AS VARCHAR))
)
SELECT source_id, rank, rec_id, score, block, labels, relation, colour_hex
FROM recommended_pieces(viewer)
WHERE kind = 'complementary' AND source_id IN (SELECT image_id FROM asked)
ORDER BY source_id, rank
