WITH asked AS (
    SELECT
        lower(trim(CAST(label AS VARCHAR))) AS label,
        CAST(tag AS VARCHAR) AS tag,
        CASE -- also where neither a colour nor a family is asked for
            WHEN coalesce(CAST(min_share AS DOUBLE), 0) BETWEEN 0 AND 1 THEN true
            ELSE error(
                'min_share is ' || CAST(min_share AS VARCHAR) || ', but shares lie in 0..1: 30 % is 0.3.'
            )
        END AS is_share
),
pieces AS (
    SELECT image_id FROM product_images
    UNION
    SELECT image_id FROM uploads
),
labelled AS (
    SELECT labels.image_id, list(DISTINCT labels.label_group ORDER BY labels.label_group) AS label_groups
    FROM labels
    JOIN asked ON lower(labels.label) = asked.label
    GROUP BY labels.image_id
),
tagged AS (
    SELECT *
    FROM search_by_tag((SELECT asked.tag FROM asked), 0.0, viewer)
    WHERE tag IS NOT NULL
),
near AS (
    SELECT *
    FROM images_near(coalesce(colour, '#000000'), within, min_share, viewer)
    WHERE colour IS NOT NULL
),
of_family AS (
    SELECT *
    FROM images_with_family(
        coalesce(family, (SELECT min(colour_names.family) FROM colour_names)), min_share, viewer
    )
    WHERE family IS NOT NULL
)
SELECT
    pieces.image_id,
    labelled.label_groups,
    tagged.probability,
    near.distance,
    near.hex,
    near.name,
    of_family.share AS family_share
FROM pieces
LEFT JOIN labelled ON labelled.image_id = pieces.image_id
LEFT JOIN tagged ON tagged.image_id = pieces.image_id
LEFT JOIN near ON near.image_id = pieces.image_id
LEFT JOIN of_family ON of_family.image_id = pieces.image_id
WHERE (SELECT asked.is_share FROM asked)
    AND pieces.image_id IN (SELECT image_id FROM visible_images(viewer))
    AND (label IS NULL OR labelled.image_id IS NOT NULL)
    AND (tag IS NULL OR tagged.image_id IS NOT NULL)
    AND (colour IS NULL OR near.image_id IS NOT NULL)
    AND (family IS NULL OR of_family.image_id IS NOT NULL)
ORDER BY near.distance, of_family.share DESC, tagged.probability DESC, pieces.image_id
