WITH asked AS (
    SELECT rtrim('/' || trim(lower(trim(place)), '/'), '/') AS prefix
),
found AS (
    SELECT tags.image_id, tags.tag, tag_paths.path, tags.probability, tags.rank
    FROM tags
    JOIN tag_paths
        ON lower(replace(trim(tag_paths.tag), '_', ' ')) = lower(replace(trim(tags.tag), '_', ' '))
    WHERE tags.probability >= CAST(min_probability AS FLOAT)
        AND tags.rank <= max_rank
        AND tags.image_id IN (SELECT image_id FROM visible_images(viewer))
)
SELECT found.*
FROM found, asked
WHERE path = prefix OR starts_with(path, prefix || '/')
QUALIFY row_number() OVER (PARTITION BY image_id ORDER BY rank) = 1
ORDER BY probability DESC, image_id
