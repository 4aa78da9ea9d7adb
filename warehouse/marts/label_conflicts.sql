WITH said AS (
    SELECT
        task,
        image_id,
        user_id,
        list(label ORDER BY label) AS labels,
        max(labelled_at) AS labelled_at
    FROM labelled_samples
    WHERE image_id IN (SELECT image_id FROM visible_images(NULL))
    GROUP BY task, image_id, user_id
)
SELECT
    task,
    image_id,
    count(*) AS user_count,
    arg_max(labels, labelled_at) AS counting_labels,
    list(DISTINCT array_to_string(labels, ', ')) AS all_labels
FROM said
GROUP BY task, image_id
HAVING count(DISTINCT labels) > 1
ORDER BY task, image_id
