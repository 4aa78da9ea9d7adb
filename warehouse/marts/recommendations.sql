WITH mine AS (
    SELECT image_id FROM wardrobe(viewer)
    UNION
    SELECT image_id FROM votes WHERE user_id = viewer AND value = 1
),
sources AS (
    SELECT image_id FROM mine
    UNION
    SELECT catalogue_pieces.piece_id
    FROM mine
    JOIN catalogue_pieces USING (image_id)
)
SELECT source_id, kind, rank, rec_id, score, block, labels, relation, colour_hex
FROM recommended_pieces(viewer)
WHERE source_id IN (SELECT image_id FROM sources)
    AND rec_id NOT IN (SELECT image_id FROM settled_pieces(viewer) WHERE is_owned)
ORDER BY source_id, kind DESC, rank
