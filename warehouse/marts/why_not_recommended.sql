WITH named AS (
    SELECT CAST(source AS VARCHAR) AS source_named, CAST(candidate AS VARCHAR) AS candidate_named
),
meant AS (
    SELECT
        *,
        coalesce(
            (SELECT min(piece_id) FROM catalogue_pieces WHERE CAST(product_id AS VARCHAR) = source_named),
            source_named
        ) AS source_image,
        coalesce(
            (SELECT min(piece_id) FROM catalogue_pieces WHERE CAST(product_id AS VARCHAR) = candidate_named),
            candidate_named
        ) AS candidate_image
    FROM named
),
asked AS MATERIALIZED (
    SELECT
        *,
        coalesce(
            (
                SELECT arg_min(piece_id, (piece_id <> image_id, piece_id))
                FROM catalogue_pieces
                WHERE image_id = source_image
            ),
            source_image
        ) AS source_piece,
        coalesce(
            (
                SELECT arg_min(piece_id, (piece_id <> image_id, piece_id))
                FROM catalogue_pieces
                WHERE image_id = candidate_image
            ),
            candidate_image
        ) AS candidate_piece
    FROM meant
),
visible AS MATERIALIZED (
    SELECT image_id FROM visible_images(viewer)
),
pieces AS (
    SELECT image_id, true AS is_public FROM product_images
    UNION ALL
    SELECT image_id, visibility = 'shared' FROM uploads
),
compared AS (
    SELECT source_piece AS image_id FROM asked
    UNION
    SELECT candidate_piece FROM asked
),
types AS MATERIALIZED (
    SELECT labels.image_id, labels.label
    FROM labels
    WHERE labels.label_group = 'article_type' AND labels.image_id IN (SELECT image_id FROM compared)
),
told_labels AS MATERIALIZED (
    SELECT labels.image_id, labels.label, labels.is_fallback
    FROM labels
    WHERE labels.label_group = 'piece' AND labels.image_id IN (SELECT image_id FROM compared)
),
words AS (
    SELECT unnest([
        'Leggings', 'Coat', 'T-Shirt', 'Shirt', 'Button-Down', 'V-Neck',
        'Pants', 'Joggers', 'Sweatpants', 'Turtleneck', 'Romper', 'Chino'
    ]) AS word
),
named_pieces AS MATERIALIZED (
    SELECT
        shown.image_id,
        list_transform(
            string_split_regex(lower(products.display_name), '\s+'),
            lambda part: trim(part, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~')
        ) AS parts
    FROM product_images AS shown
    JOIN products ON products.product_id = shown.product_id
    WHERE shown.image_id IN (SELECT image_id FROM compared)
),
held AS MATERIALIZED (
    SELECT image_id, label
    FROM told_labels
    WHERE NOT is_fallback
        OR image_id NOT IN (
            SELECT image_id FROM types
            UNION ALL
            SELECT image_id FROM told_labels WHERE NOT is_fallback
        )
    UNION
    SELECT types.image_id, match_labels.label
    FROM types
    JOIN match_labels ON match_labels.article_type = types.label
    WHERE types.image_id IN (SELECT product_images.image_id FROM product_images)
    UNION
    SELECT named_pieces.image_id, words.word
    FROM named_pieces
    JOIN words ON list_contains(named_pieces.parts, lower(words.word))
),
wanted AS MATERIALIZED (
    SELECT held.label
    FROM held
    JOIN asked ON held.image_id = asked.source_piece
    UNION
    SELECT label_aliases.alias
    FROM held
    JOIN asked ON held.image_id = asked.source_piece
    JOIN label_aliases ON label_aliases.label = held.label
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
        source_image IN (SELECT image_id FROM visible) AS has_source,
        candidate_image IN (SELECT image_id FROM visible) AS has_candidate,
        source_piece IN (SELECT image_id FROM pieces) AS is_source,
        candidate_piece IN (SELECT image_id FROM pieces) AS is_piece,
        candidate_piece IN (SELECT image_id FROM pieces WHERE is_public) AS is_public,
        source_piece = candidate_piece
        OR EXISTS (
            FROM catalogue_pieces AS one
            JOIN catalogue_pieces AS two USING (product_id)
            WHERE one.image_id IN (source_image, source_piece) AND two.image_id IN (candidate_image, candidate_piece)
        ) AS is_same,
        EXISTS (
            FROM near_duplicates
            WHERE (is_near_duplicate OR is_same_picture)
                AND image_id = least(source_piece, candidate_piece)
                AND other_image_id = greatest(source_piece, candidate_piece)
        ) AS is_alike,
        candidate_piece IN (SELECT image_id FROM settled_pieces(viewer) WHERE is_disliked) AS is_disliked,
        EXISTS (
            FROM "similar"
            WHERE source_id IN (source_image, source_piece) AND rec_id IN (candidate_image, candidate_piece)
        )
        OR EXISTS (
            FROM complementary
            WHERE source_id IN (source_image, source_piece) AND rec_id IN (candidate_image, candidate_piece)
        ) AS is_listed,
        (SELECT count(*) FROM "similar" WHERE source_id = source_piece) AS similar_count,
        (SELECT count(*) FROM complementary WHERE source_id = source_piece) AS match_count,
        (SELECT max(score) FROM "similar" WHERE source_id = source_piece) AS furthest,
        (SELECT sum(distance) FROM apart) AS distance,
        EXISTS (FROM wanted) AS has_labels,
        EXISTS (
            FROM held
            JOIN wanted ON wanted.label = held.label
            WHERE held.image_id = candidate_piece
        ) AS shares_label,
        EXISTS (
            FROM types AS one
            JOIN types AS other ON other.label = one.label
            WHERE one.image_id = source_piece AND other.image_id = candidate_piece
        ) AS shares_type
    FROM asked
),
told AS (
    SELECT
        *,
        CASE
            WHEN NOT has_source OR source_named IS NULL THEN 'source_unknown'
            WHEN NOT has_candidate THEN 'candidate_unknown'
            WHEN is_same THEN 'same_piece'
            WHEN is_alike THEN 'near_duplicate'
            WHEN NOT is_source THEN 'source_no_piece'
            WHEN NOT is_piece THEN 'candidate_no_piece'
            WHEN NOT is_public THEN 'private'
            WHEN is_disliked THEN 'disliked'
            WHEN distance IS NULL THEN 'no_colours'
            WHEN similar_count + match_count = 0 THEN 'no_recommendations'
            WHEN NOT (CASE WHEN has_labels THEN shares_label ELSE shares_type END) THEN 'no_shared_label'
            WHEN similar_count >= 10 AND distance >= furthest - 1e-3 THEN 'not_among_ten'
            ELSE 'not_told'
        END AS reason
    FROM facts
    WHERE candidate_named IS NOT NULL AND NOT (is_listed AND has_source AND has_candidate AND NOT is_disliked)
)
SELECT
    CASE WHEN has_source THEN source_image ELSE source_named END AS source_id,
    CASE WHEN has_candidate THEN candidate_image ELSE candidate_named END AS candidate_id,
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
            || 'article type to go by, is alone of its kind, or came in after the last night.'
        WHEN 'no_shared_label' THEN 'it shares no '
            || CASE WHEN has_labels THEN 'label with the source'
                ELSE 'article type with the source, which has no label'
            END || ', so its colours, ' || printf('%.2f', distance) || ' away, do not count; nor is it among '
            || 'those that go with it.'
        WHEN 'not_among_ten' THEN 'its colours are ' || printf('%.2f', distance) || ' away and those of the furthest '
            || 'of the ten ' || printf('%.2f', furthest) || '; nor is it among those that go with it.'
        ELSE 'its colours are ' || printf('%.2f', distance) || ' away, and what else kept it out cannot be told from '
            || 'this release.'
    END AS sentence,
    CASE WHEN reason IN ('no_shared_label', 'not_among_ten', 'not_told') THEN distance END AS score
FROM told
