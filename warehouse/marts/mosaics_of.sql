SELECT
    mosaics.mosaic_id,
    mosaics.image_id,
    mosaics.user_id,
    mosaic_requests.asked_at,
    mosaics.mode,
    mosaic_requests.sources,
    mosaic_requests.tag_path,
    mosaic_requests.families,
    mosaic_requests.max_uses,
    mosaic_requests.apart,
    mosaic_requests.tile_px,
    mosaic_requests.tint,
    mosaic_requests.format,
    mosaics."columns",
    mosaics."rows",
    mosaics.width_px,
    mosaics.height_px,
    mosaics.tile_count,
    mosaics.used_count,
    mosaics.most_uses,
    mosaics.distance,
    mosaics.gap,
    mosaics.error,
    mosaics.picture
FROM mosaics
JOIN mosaic_requests USING (mosaic_id)
WHERE mosaic_requests.is_wanted
    AND (
        mosaics.user_id IS NULL AND mosaics.image_id IN (SELECT image_id FROM visible_images(NULL))
        OR mosaics.user_id = viewer AND (
            mosaics.image_id IN (SELECT image_id FROM visible_images(viewer))
            -- A picture that somebody brought with a label of it is theirs too, and no upload.
            OR mosaics.image_id IN (
                SELECT image_sources.image_id
                FROM image_sources
                WHERE image_sources.source = 'inbox'
                    AND image_sources.key = 'label/' || viewer || '/' || image_sources.image_id
            )
        )
    )
ORDER BY mosaic_requests.asked_at DESC, mosaics.mosaic_id
