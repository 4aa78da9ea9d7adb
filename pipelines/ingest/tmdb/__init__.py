"""TMDB: films, credits and posters, asked for over its API and kept for at most 180 days."""
