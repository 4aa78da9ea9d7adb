WITH visible AS (
    SELECT *
    FROM label_scores
    WHERE image_id IN (SELECT image_id FROM visible_images(viewer))
),
each_label AS (
    SELECT
        image_id,
        label_group,
        unnest(labels) AS label,
        unnest(scores) AS score,
        model_name,
        model_version,
        false AS is_fallback
    FROM visible
),
best_piece AS (
    SELECT
        image_id,
        label_group,
        labels[list_position(scores, list_max(scores))] AS label,
        list_max(scores) AS score,
        model_name,
        model_version,
        true AS is_fallback
    FROM visible
    WHERE label_group = 'piece'
)
SELECT * FROM each_label WHERE score > CAST(threshold AS FLOAT)
UNION ALL
SELECT * FROM best_piece WHERE score <= CAST(threshold AS FLOAT)
ORDER BY image_id, label_group, score DESC, label
