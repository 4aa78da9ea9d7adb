WITH ratings AS (
    SELECT
        imdb_id,
        arg_max(rating, (allow_training, source)) AS rating,
        count(DISTINCT rating) > 1 AS is_disputed
    FROM bechdel_ratings
    WHERE imdb_id IS NOT NULL
    GROUP BY imdb_id
)
SELECT
    movies.source,
    movies.movie_key,
    movies.imdb_id,
    movies.title,
    movies.year,
    movies.genres,
    movies.cast_female_representation,
    movies.crew_female_representation,
    movies.poster_image_id,
    ratings.rating,
    ratings.rating >= 2 AS is_pass,
    ratings.is_disputed,
    movies.attribution
FROM movies
LEFT JOIN ratings USING (imdb_id)
ORDER BY movies.source, movies.movie_key
