WITH written AS (
    SELECT regexp_extract(upper(trim(CAST(colour AS VARCHAR))), '^#?([0-9A-F]{6})$', 1) AS digits
),
asked AS (
    SELECT
        CASE
            WHEN digits <> '' THEN digits
            ELSE error(
                'the colour ' || coalesce('"' || colour || '"', 'NULL')
                || ' cannot be read. Write it as six hex digits, red, green and blue, like ''#8B1A1A''.'
            )
        END AS hex
    FROM written
),
channels AS (
    SELECT
        hex,
        CAST('0x' || hex[1:2] AS SMALLINT) AS red,
        CAST('0x' || hex[3:4] AS SMALLINT) AS green,
        CAST('0x' || hex[5:6] AS SMALLINT) AS blue
    FROM asked
),
light AS (
    SELECT
        *,
        list_transform(
            [red / 255.0::DOUBLE, green / 255.0::DOUBLE, blue / 255.0::DOUBLE],
            lambda part: CASE WHEN part <= 0.04045 THEN part / 12.92 ELSE pow((part + 0.055) / 1.055, 2.4) END
        ) AS rgb
    FROM channels
),
cones AS (
    SELECT
        *,
        pow(0.4122214708 * rgb[1] + 0.5363325363 * rgb[2] + 0.0514459929 * rgb[3], 1 / 3.0::DOUBLE) AS long,
        pow(0.2119034982 * rgb[1] + 0.6806995451 * rgb[2] + 0.1073969566 * rgb[3], 1 / 3.0::DOUBLE) AS medium,
        pow(0.0883024619 * rgb[1] + 0.2817188376 * rgb[2] + 0.6299787005 * rgb[3], 1 / 3.0::DOUBLE) AS short
    FROM light
)
SELECT
    hex,
    red,
    green,
    blue,
    0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short AS lightness,
    1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short AS oklab_a,
    0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short AS oklab_b
FROM cones
