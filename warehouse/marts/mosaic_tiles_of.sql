SELECT
    mosaic_cells.mosaic_id,
    mosaic_tiles.tile_id,
    mosaic_tiles.label,
    mosaic_tiles.source,
    mosaic_tiles.tag_path,
    mosaic_tiles.family,
    count(*) AS use_count,
    avg(mosaic_cells.distance) AS mean_distance
FROM mosaic_cells
JOIN mosaic_tiles USING (tile_id)
WHERE mosaic_cells.mosaic_id = mosaic
    AND mosaic_cells.mosaic_id IN (SELECT mosaic_id FROM mosaics_of(viewer))
    AND mosaic_tiles.tile_id IN (SELECT image_id FROM visible_images(viewer))
GROUP BY ALL
ORDER BY use_count DESC, mean_distance, mosaic_tiles.tile_id
