WITH asked AS (
    SELECT lower(replace(trim(wanted), '_', ' ')) AS name
),
named AS (
    SELECT lower(replace(trim(tags.tag), '_', ' ')) AS name, tags.*
    FROM tags
    WHERE probability >= CAST(min_probability AS FLOAT)
        AND image_id IN (SELECT image_id FROM visible_images(viewer))
),
known AS (
    SELECT
        lower(replace(trim(tag_paths.tag), '_', ' ')) AS name,
        list_transform(synonyms, lambda each: lower(replace(trim(each), '_', ' '))) AS synonyms
    FROM tag_paths
),
meant AS (
    SELECT name FROM asked
    UNION
    SELECT known.name
    FROM known, asked
    WHERE list_contains(known.synonyms, asked.name)
        AND asked.name NOT IN (SELECT name FROM known)
)
SELECT named.image_id, named.tag, named.probability, named.rank
FROM named
WHERE name IN (SELECT name FROM meant)
QUALIFY row_number() OVER (PARTITION BY image_id ORDER BY rank) = 1
ORDER BY probability DESC, image_id
