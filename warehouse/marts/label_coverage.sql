WITH pieces AS (
    SELECT
        'piece' AS label_group,
        unnest([
            'Tee', 'Tank', 'Dress', 'Shorts', 'Skirt', 'Hoodie', 'Jumpsuit', 'Sweater', 'Blazer', 'Striped', 'Cardigan',
            'Blouse', 'Jacket', 'Jeans', 'Maxi', 'Floral', 'Denim', 'Sweatshorts', 'Polka', 'Shawl', 'Bodycon'
        ]) AS label
),
counted AS (
    SELECT label_group, label, count(*) AS image_count
    FROM labels
    WHERE source = 'true'
    GROUP BY label_group, label
)
SELECT label_group, label, coalesce(image_count, 0) AS image_count
FROM pieces
FULL JOIN counted USING (label_group, label)
ORDER BY label_group, image_count DESC, label
