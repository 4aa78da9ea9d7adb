WITH known AS (
    SELECT list(DISTINCT colour_names.family ORDER BY colour_names.family) AS families
    FROM colour_names
),
named AS (
    SELECT lower(trim(CAST(family AS VARCHAR))) AS wanted
),
asked AS (
    SELECT
        CASE
            WHEN list_contains(families, wanted) THEN wanted
            ELSE error(
                'there is no colour family ' || coalesce('"' || wanted || '"', 'NULL')
                || '. There are: ' || coalesce(array_to_string(families, ', '), 'none yet') || '.'
            )
        END AS name
    FROM known, named
),
counted AS (
    SELECT
        palettes.image_id,
        CAST(sum(palettes.share) AS FLOAT) AS share,
        list(palettes.hex ORDER BY palettes.rank) AS colours
    FROM palettes
    JOIN asked ON palettes.family = asked.name
    GROUP BY palettes.image_id
)
SELECT image_id, share, colours
FROM counted
WHERE share >= CAST(min_share AS FLOAT)
    AND image_id IN (SELECT image_id FROM visible_images(viewer))
ORDER BY share DESC, image_id
