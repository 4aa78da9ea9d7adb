SELECT
    tags.image_id,
    tags.tag,
    tag_paths.path,
    tags.probability,
    tags.model_name,
    tags.model_version
FROM tags
LEFT JOIN tag_paths
    ON lower(replace(trim(tag_paths.tag), '_', ' ')) = lower(replace(trim(tags.tag), '_', ' '))
WHERE tags.rank = 1
    AND tags.image_id IN (SELECT image_id FROM visible_images(viewer))
ORDER BY tags.image_id
