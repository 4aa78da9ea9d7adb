WITH each_label AS (
    SELECT
        image_id,
        label_group,
        unnest(labels) AS label,
        unnest(scores) AS score,
        model_name,
        model_version
    FROM label_scores
    WHERE image_id IN (SELECT image_id FROM visible_images(viewer))
)
SELECT *
FROM each_label
ORDER BY image_id, label_group, score DESC, label
