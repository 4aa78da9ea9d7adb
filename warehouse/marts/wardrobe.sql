WITH colours AS (
    SELECT image_id, list(hex ORDER BY rank) AS palette
    FROM palettes
    GROUP BY image_id
),
likes AS (
    SELECT
        image_id,
        count(*) FILTER (value = 1) AS like_count,
        count(*) FILTER (value = -1) AS dislike_count
    FROM votes
    GROUP BY image_id
)
SELECT
    uploads.user_id,
    uploads.image_id,
    uploads.title,
    uploads.visibility,
    uploads.uploaded_at,
    colours.palette,
    coalesce(likes.like_count, 0) AS like_count,
    coalesce(likes.dislike_count, 0) AS dislike_count
FROM uploads
LEFT JOIN colours USING (image_id)
LEFT JOIN likes USING (image_id)
WHERE uploads.user_id = viewer
ORDER BY uploads.uploaded_at, uploads.image_id
