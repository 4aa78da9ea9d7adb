"""films: every film with what the lists of ratings say of it."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from pipelines.ingest import movies
from pipelines.ingest.bechdel import ratings
from pipelines.lake.table import Column, Table
from warehouse.marts.view import View, query_beside

_FILM = {column.name: column for column in movies.TABLE.columns}
_RATING = {column.name: column for column in ratings.TABLE.columns}
_SHOWN = ("source", "movie_key", "imdb_id", "title", "year", "genres")

VIEW = View(
    Table(
        name="films",
        description="Every film, and how far it gets in the Bechdel test by the lists that know it.",
        grain=movies.TABLE.grain,
        columns=(
            *(_FILM[name] for name in _SHOWN),
            _FILM["cast_female_representation"],
            _FILM["crew_female_representation"],
            _FILM["poster_image_id"],
            replace(_RATING["rating"], nullable=True),
            Column("is_pass", pa.bool_(), "True from rating 2 on.", nullable=True),
            Column("is_disputed", pa.bool_(), "True where the lists do not agree.", nullable=True),
            _FILM["attribution"],
        ),
        inputs=(movies.TABLE, ratings.TABLE),
    ),
    query_beside(__file__),
)
