WITH asked AS (
    SELECT
        coalesce(
            (
                SELECT arg_min(piece_id, (piece_id <> image_id, piece_id))
                FROM catalogue_pieces
                WHERE image_id = source
            ),
            source
        ) AS source_piece,
        coalesce(
            (
                SELECT arg_min(piece_id, (piece_id <> image_id, piece_id))
                FROM catalogue_pieces
                WHERE image_id = candidate
            ),
            candidate
        ) AS candidate_piece
),
visible AS (
    SELECT image_id FROM visible_images(viewer)
),
pieces AS (
    SELECT image_id, true AS is_public FROM product_images
    UNION ALL
    SELECT image_id, visibility = 'shared' FROM uploads
),
apart AS (
    SELECT
        mine.rank,
        any_value(mine.weight) * sqrt(min(
            pow(mine.red - other.red, 2) + pow(mine.green - other.green, 2) + pow(mine.blue - other.blue, 2)
        )) AS distance
    FROM asked
    JOIN palettes AS mine ON mine.image_id = asked.source_piece
    JOIN palettes AS other ON other.image_id = asked.candidate_piece
    GROUP BY mine.rank
),
facts AS (
    SELECT
        asked.*,
        source IN (SELECT image_id FROM visible) AS has_source,
        candidate IN (SELECT image_id FROM visible) AS has_candidate,
        source_piece IN (SELECT image_id FROM pieces) AS is_source,
        candidate_piece IN (SELECT image_id FROM pieces) AS is_piece,
        candidate_piece IN (SELECT image_id FROM pieces WHERE is_public) AS is_public,
        source_piece = candidate_piece
        OR EXISTS (
            FROM catalogue_pieces AS one
            JOIN catalogue_pieces AS two USING (product_id)
            WHERE one.image_id IN (source, source_piece) AND two.image_id IN (candidate, candidate_piece)
        ) AS is_same,
        EXISTS (
            FROM near_duplicates
            WHERE (is_near_duplicate OR is_same_picture)
                AND image_id = least(source_piece, candidate_piece)
                AND other_image_id = greatest(source_piece, candidate_piece)
        ) AS is_alike,
        candidate_piece IN (SELECT image_id FROM settled_pieces(viewer) WHERE is_disliked) AS is_disliked,
        EXISTS (
            FROM "similar" WHERE source_id IN (source, source_piece) AND rec_id IN (candidate, candidate_piece)
        )
        OR EXISTS (
            FROM complementary WHERE source_id IN (source, source_piece) AND rec_id IN (candidate, candidate_piece)
        ) AS is_listed,
        (SELECT count(*) FROM "similar" WHERE source_id = source_piece) AS similar_count,
        (SELECT count(*) FROM complementary WHERE source_id = source_piece) AS match_count,
        (SELECT max(score) FROM "similar" WHERE source_id = source_piece) AS furthest,
        (SELECT sum(distance) FROM apart) AS distance,
        (SELECT any_value(shared_labels) FROM "similar" WHERE source_id = source_piece AND block = 'article_type')
            AS article_types,
        (
            SELECT list(labels.label ORDER BY labels.label)
            FROM labels
            WHERE labels.label_group = 'article_type' AND labels.image_id = candidate_piece
        ) AS candidate_types
    FROM asked
),
told AS (
    SELECT
        *,
        CASE
            WHEN NOT has_source OR source IS NULL THEN 'source_unknown'
            WHEN NOT has_candidate THEN 'candidate_unknown'
            WHEN is_same THEN 'same_piece'
            WHEN is_alike THEN 'near_duplicate'
            WHEN NOT is_source THEN 'source_no_piece'
            WHEN NOT is_piece THEN 'candidate_no_piece'
            WHEN NOT is_public THEN 'private'
            WHEN is_disliked THEN 'disliked'
            WHEN distance IS NULL THEN 'no_colours'
            WHEN similar_count + match_count = 0 THEN 'no_recommendations'
            WHEN article_types IS NOT NULL AND NOT list_has_any(article_types, coalesce(candidate_types, []))
                THEN 'no_shared_label'
            WHEN similar_count < 10 OR distance < furthest - 1e-3 THEN 'no_shared_label'
            ELSE 'not_among_ten'
        END AS reason
    FROM facts
    WHERE candidate IS NOT NULL AND NOT (is_listed AND has_source AND has_candidate AND NOT is_disliked)
)
SELECT
    CAST(source AS VARCHAR) AS source_id,
    CAST(candidate AS VARCHAR) AS candidate_id,
    reason,
    'It is not recommended: ' || CASE reason
        WHEN 'source_unknown' THEN 'there is no source of that id that this viewer may see.'
        WHEN 'candidate_unknown' THEN 'there is no candidate of that id that this viewer may see.'
        WHEN 'same_piece' THEN 'both images show the same piece.'
        WHEN 'near_duplicate' THEN 'the two images are near duplicates, so it would show the same piece again.'
        WHEN 'source_no_piece' THEN 'the source is neither in the catalogue nor an upload.'
        WHEN 'candidate_no_piece' THEN 'the candidate is neither in the catalogue nor an upload.'
        WHEN 'private' THEN 'it is a private upload, and those are never recommended.'
        WHEN 'disliked' THEN 'this viewer dislikes it or a piece that looks like it.'
        WHEN 'no_colours' THEN 'the colours of one of the two are not known.'
        WHEN 'no_recommendations' THEN 'nothing is recommended for the source, which has neither a label nor an '
            || 'article type to go by, or came in after the last night.'
        WHEN 'no_shared_label' THEN 'it shares no label with the source, so its colours, '
            || printf('%.2f', distance) || ' away, do not count; nor is it among the ten that go with it.'
        ELSE 'its colours are ' || printf('%.2f', distance) || ' away and those of the furthest of the ten '
            || printf('%.2f', furthest) || '; nor is it among the ten that go with it.'
    END AS sentence,
    CASE WHEN reason IN ('no_shared_label', 'not_among_ten') THEN distance END AS score
FROM told
