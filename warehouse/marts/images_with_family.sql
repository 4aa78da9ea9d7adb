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
lowest AS (
    SELECT
        CASE
            WHEN coalesce(CAST(min_share AS DOUBLE), 0.3) BETWEEN 0 AND 1
                THEN CAST(coalesce(CAST(min_share AS DOUBLE), 0.3) AS FLOAT)
            ELSE error(
                'min_share is ' || CAST(min_share AS VARCHAR) || ', but shares lie in 0..1: 30 % is 0.3.'
            )
        END AS share
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
WHERE share >= (SELECT lowest.share FROM lowest)
    AND image_id IN (SELECT image_id FROM visible_images(viewer))
ORDER BY share DESC, image_id
