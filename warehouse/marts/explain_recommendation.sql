WITH sources AS (
    SELECT CAST(source AS VARCHAR) AS image_id
    UNION
    SELECT piece_id
    FROM catalogue_pieces
    WHERE CAST(source AS VARCHAR) IN (image_id, CAST(product_id AS VARCHAR))
),
candidates AS (
    SELECT CAST(candidate AS VARCHAR) AS image_id
    UNION
    SELECT piece_id
    FROM catalogue_pieces
    WHERE CAST(candidate AS VARCHAR) IN (image_id, CAST(product_id AS VARCHAR))
),
found AS (
    SELECT *
    FROM recommended_pieces(viewer)
    WHERE source_id IN (SELECT image_id FROM sources)
        AND (candidate IS NULL OR rec_id IN (SELECT image_id FROM candidates))
),
compared AS (
    SELECT
        found.source_id,
        found.rec_id,
        found.kind,
        mine.rank,
        mine.hex AS source_hex,
        mine.name AS source_name,
        other.hex AS candidate_hex,
        other.name AS candidate_name,
        CASE found.kind WHEN 'similar' THEN mine.weight ELSE 1 END AS weight,
        CASE found.kind
            WHEN 'similar' THEN
                sqrt(pow(mine.red - other.red, 2) + pow(mine.green - other.green, 2) + pow(mine.blue - other.blue, 2))
            ELSE found.score
        END AS distance
    FROM found
    JOIN palettes AS mine
        ON mine.image_id = found.source_id AND (found.kind = 'similar' OR mine.is_dominant)
    JOIN palettes AS other
        ON other.image_id = found.rec_id
        AND other.rank = found.swatches[CASE found.kind WHEN 'similar' THEN mine.rank + 1 ELSE 1 END]
),
made_of AS (
    SELECT
        source_id,
        rec_id,
        kind,
        list(
            {
                'source_hex': source_hex,
                'source_name': source_name,
                'weight': weight,
                'candidate_hex': candidate_hex,
                'candidate_name': candidate_name,
                'distance': distance
            }
            ORDER BY rank
        ) AS swatch_pairs,
        arg_max(source_name || ' #' || source_hex, (weight, -rank)) AS source_colour,
        arg_max(candidate_name || ' #' || candidate_hex, (weight, -rank)) AS candidate_colour
    FROM compared
    GROUP BY source_id, rec_id, kind
),
told AS (
    SELECT
        found.*,
        made_of.swatch_pairs,
        'It is number ' || rank || ' of the ' || CASE
            WHEN kind = 'similar' THEN
                'most similar: the two share ' || array_to_string(labels, ', ') || ', and its colours are '
                || printf('%.2f', score) || ' away (RGB, weighted by how much each says); the source''s '
                || source_colour || ' meets its ' || candidate_colour || '.'
            ELSE
                'best matches: as ' || array_to_string(labels, ', ') || ' it goes with the source, and its '
                || candidate_colour || ' is ' || printf('%.2f', score) || ' away (RGB) from #' || colour_hex || ', '
                || CASE
                    WHEN relation LIKE 'hue%30' THEN 'the analogous colour'
                    WHEN relation LIKE 'hue%45' THEN 'the minor analogous colour'
                    WHEN relation LIKE 'hue%' THEN 'the complementary colour'
                    WHEN relation LIKE 'saturation+%' THEN 'the stronger shade'
                    WHEN relation LIKE 'saturation%' THEN 'the softer shade'
                    WHEN relation LIKE 'value+%' THEN 'the lighter shade'
                    ELSE 'the darker shade'
                END || ' (' || relation || ') of the source''s ' || source_colour || '.'
        END AS sentence
    FROM found
    JOIN made_of USING (source_id, rec_id, kind)
),
answers AS (
    SELECT source_id, rec_id AS candidate_id, kind, rank, score, block, labels, relation, colour_hex, swatch_pairs,
        NULL AS reason, sentence
    FROM told
    UNION ALL
    SELECT source_id, candidate_id, NULL, NULL, score, NULL, NULL, NULL, NULL, NULL, reason, sentence
    FROM why_not_recommended(source, candidate, viewer)
),
shown AS (
    SELECT image_id
    FROM visible_images(viewer)
    WHERE image_id IN (SELECT source_id FROM answers UNION SELECT candidate_id FROM answers)
),
said AS (
    SELECT
        labels.image_id,
        any_value({
            'source': labels.source, 'model_name': labels.model_name, 'model_version': labels.model_version
        }) AS labelled_by
    FROM labels
    WHERE labels.label_group IN ('piece', 'article_type') AND labels.image_id IN (SELECT image_id FROM shown)
    GROUP BY labels.image_id
),
own_keys AS (
    SELECT 'upload/' || user_id || '/' || image_id AS key FROM uploads WHERE visibility = 'shared' OR user_id = viewer
),
met AS (
    SELECT
        image_sources.image_id,
        list(
            {'source': image_sources.source, 'key': image_sources.key}
            ORDER BY image_sources.source, image_sources.key
        ) AS files
    FROM image_sources
    WHERE image_sources.image_id IN (SELECT image_id FROM shown)
        AND (
            image_sources.source <> 'inbox'
            OR image_sources.key IN (SELECT key FROM own_keys)
            OR image_sources.key = 'label/' || viewer || '/' || image_sources.image_id
        )
    GROUP BY image_sources.image_id
)
SELECT
    answers.source_id,
    answers.candidate_id,
    answers.kind,
    answers.reason IS NULL AS is_recommended,
    answers.reason,
    answers.sentence || CASE said_of_source.labelled_by['source']
        WHEN 'true' THEN ' The source''s labels are the catalogue''s own.'
        WHEN 'predicted' THEN
            ' The source''s labels are predicted by ' || said_of_source.labelled_by['model_name']
            || ' version ' || said_of_source.labelled_by['model_version'] || '.'
        ELSE ''
    END AS sentence,
    answers.rank,
    answers.score,
    answers.block,
    answers.labels,
    answers.swatch_pairs,
    answers.relation,
    answers.colour_hex,
    said_of_source.labelled_by['source'] AS label_source,
    said_of_source.labelled_by['model_name'] AS model_name,
    said_of_source.labelled_by['model_version'] AS model_version,
    said_of_candidate.labelled_by['source'] AS candidate_label_source,
    said_of_candidate.labelled_by['model_name'] AS candidate_model_name,
    said_of_candidate.labelled_by['model_version'] AS candidate_model_version,
    met_source.files AS source_files,
    met_candidate.files AS candidate_files
FROM answers
LEFT JOIN said AS said_of_source ON said_of_source.image_id = answers.source_id
LEFT JOIN said AS said_of_candidate ON said_of_candidate.image_id = answers.candidate_id
LEFT JOIN met AS met_source ON met_source.image_id = answers.source_id
LEFT JOIN met AS met_candidate ON met_candidate.image_id = answers.candidate_id
ORDER BY answers.source_id, answers.kind DESC, answers.rank
