SELECT images.image_id
FROM images
WHERE image_id IN (SELECT image_id FROM image_sources WHERE image_sources.source <> 'inbox')
    OR image_id IN (SELECT image_id FROM uploads WHERE visibility = 'shared' OR user_id = viewer)
ORDER BY image_id
