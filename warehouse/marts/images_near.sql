WITH lowest AS (
    SELECT
        CASE
            WHEN coalesce(CAST(min_share AS DOUBLE), 0.0) BETWEEN 0 AND 1
                THEN CAST(coalesce(CAST(min_share AS DOUBLE), 0.0) AS FLOAT)
            ELSE error(
                'min_share is ' || CAST(min_share AS VARCHAR) || ', but shares lie in 0..1: 30 % is 0.3.'
            )
        END AS share
),
apart AS (
    SELECT
        palettes.image_id,
        palettes.rank,
        palettes.hex,
        palettes.name,
        palettes.share,
        CASE
            WHEN palettes.hex = asked.hex THEN 0 -- which the rounding of palettes would hide
            ELSE sqrt(
                pow(palettes.lightness - asked.lightness, 2)
                + pow(palettes.oklab_a - asked.oklab_a, 2)
                + pow(palettes.oklab_b - asked.oklab_b, 2)
            )
        END AS distance
    FROM palettes
    CROSS JOIN oklab_of(colour) AS asked
    CROSS JOIN lowest
    WHERE palettes.share >= lowest.share
)
SELECT image_id, distance, hex, name, share, rank
FROM apart
WHERE distance <= coalesce(CAST(within AS DOUBLE), 0.1)
    AND image_id IN (SELECT image_id FROM visible_images(viewer))
QUALIFY row_number() OVER (PARTITION BY image_id ORDER BY distance, rank) = 1
ORDER BY distance, image_id
