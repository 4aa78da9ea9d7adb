"""Films: invented ones, as TMDB's version 3 describes a film with its credits, and their drawn posters."""

from __future__ import annotations

import hashlib
from random import Random
from typing import Any

import numpy as np

from pipelines.imaging import encode_jpeg
from pipelines.ingest.sample.colours import NAMED, vary
from pipelines.ingest.sample.drawing import Easel, box, ellipse, ink, mix, smooth

Answer = dict[str, Any]  # a JSON object of TMDB's

FIRST_ID = 9_000_001  # far above TMDB's own numbers, so that none of these is ever a real film
POSTER_WIDTH, POSTER_HEIGHT = 154, 231  # pixels, TMDB's size w154
_FIRST_PERSON = 9_500_001
_HEADS = (
    "The Lantern", "A Winter", "The Copper", "Seven", "The Last", "Under the", "A Paper", "The Quiet", "Beyond the",
    "Salt and",
)  # fmt: skip
_TAILS = (
    "Orchard", "Harbour", "Cartographer", "Sparrows", "Telescope", "Marshes", "Carousel", "Signal", "Meridian",
    "Thunder",
)  # fmt: skip
_GENRES = (
    (28, "Action"), (12, "Adventure"), (16, "Animation"), (35, "Comedy"), (80, "Crime"), (18, "Drama"),
    (14, "Fantasy"), (27, "Horror"), (10749, "Romance"), (878, "Science Fiction"), (53, "Thriller"),
)  # fmt: skip
_NAMES = {  # by TMDB's gender codes: 0 unknown, 1 female, 2 male, 3 non-binary
    0: ("Sable", "Wren", "Ember"),
    1: ("Orsolina", "Thessaly", "Marivel", "Ysolde", "Peregrine-Ann", "Calixta", "Verbena"),
    2: ("Aldwin", "Torquil", "Bartolo", "Caspian-Lee", "Lubomil", "Osgood", "Ferrand"),
    3: ("Juniper", "Solace"),
}
_SURNAMES = (
    "Quillfeather", "Ashgrovely", "Brambleton", "Copperwhistle", "Duskwater", "Elderpenny", "Foxmantle", "Gladwhinny",
    "Hollowbrook", "Inkpenner", "Larkspurling", "Mossgather",
)  # fmt: skip
_JOBS = (
    ("Directing", "Director"),
    ("Writing", "Screenplay"),
    ("Production", "Producer"),
    ("Camera", "Director of Photography"),
    ("Editing", "Editor"),
    ("Sound", "Original Music Composer"),
    ("Costume & Make-Up", "Costume Design"),
)
_FOUND = (  # what a search tells of a film
    "adult", "backdrop_path", "id", "title", "original_language", "original_title", "overview", "popularity",
    "poster_path", "release_date", "softcore", "video", "vote_average", "vote_count",
)  # fmt: skip
_COUNTRIES = (("US", "United States of America"), ("GB", "United Kingdom"), ("FR", "France"), ("IN", "India"))


def make_film(index: int, seed: int) -> Answer:
    """Return film `index` as `/3/movie/{id}?append_to_response=credits` answers.

    Of every twenty films the second has the title of the first (a remake), the sixth no credits, the tenth no poster.
    """
    rng = Random(f"tessera {seed} film {index}")
    title = _title(index - 1 if index % 20 == 1 else index)
    country, country_name = rng.choice(_COUNTRIES)
    budget = rng.choice((0, rng.randrange(1, 200) * 1_000_000))
    return {
        "adult": False,
        "backdrop_path": None,
        "belongs_to_collection": None,
        "budget": budget,
        "genres": [{"id": number, "name": name} for number, name in sorted(rng.sample(_GENRES, rng.randint(1, 3)))],
        "homepage": "",
        "id": FIRST_ID + index,
        "imdb_id": f"tt{99_000_001 + index}",
        "origin_country": [country],
        "original_language": "en",
        "original_title": title,
        "overview": f"An invented film: nobody in it, nor the story of {title}, is real.",
        "popularity": round(rng.uniform(0.5, 60), 4),
        "poster_path": None if index % 20 == 9 else _poster_path(index, seed),
        "production_companies": [
            {
                "id": 9_900_001 + index % 5,
                "logo_path": None,
                "name": f"Tessera Pictures {index % 5 + 1}",
                "origin_country": country,
            }
        ],
        "production_countries": [{"iso_3166_1": country, "name": country_name}],
        "release_date": f"{rng.randint(1975, 2024)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
        "revenue": int(budget * rng.uniform(0, 5)),
        "runtime": rng.randint(78, 165),
        "softcore": False,
        "spoken_languages": [{"english_name": "English", "iso_639_1": "en", "name": "English"}],
        "status": "Released",
        "tagline": "",
        "title": title,
        "video": False,
        "vote_average": round(rng.uniform(3.5, 8.9), 3),
        "vote_count": rng.randint(3, 20_000),
        "credits": {"cast": [], "crew": []} if index % 20 == 5 else _credits(rng),
    }


def found(film: Answer) -> Answer:
    """Return a film as a result of `/3/search/movie`."""
    genre_ids = [genre["id"] for genre in film["genres"]]
    return {"genre_ids": genre_ids, **{key: value for key, value in film.items() if key in _FOUND}}


def _title(index: int) -> str:
    """Return a title of its own for every film; the hundred pairs are walked so that neighbours share no word."""
    pair, part = index % 100, index // 100
    words = f"{_HEADS[pair % 10]} {_TAILS[(pair + pair // 10) % 10]}"
    return f"{words} {part + 1}" if part else words


def _poster_path(index: int, seed: int) -> str:
    return f"/{hashlib.sha256(f'tessera {seed} poster {index}'.encode()).hexdigest()[:27]}.jpg"


def _credits(rng: Random) -> Answer:
    people = [_person(rng) for _ in range(rng.randint(5, 14))]
    cast = [
        {
            **person,
            "known_for_department": "Acting",
            "cast_id": order + 1,
            "character": rng.choice(_NAMES[1] + _NAMES[2]),
            "credit_id": _credit_id(rng),
            "order": order,
        }
        for order, person in enumerate(people)
    ]
    crew = [
        {
            **_person(rng),
            "known_for_department": department,
            "credit_id": _credit_id(rng),
            "department": department,
            "job": job,
        }
        for department, job in _JOBS[: rng.randint(2, len(_JOBS))]
    ]
    return {"cast": cast, "crew": crew}


def _person(rng: Random) -> Answer:
    """Return one of the invented people; the same name is always the same number and gender."""
    gender = rng.choices((0, 1, 2, 3), (1, 4, 5, 0.3))[0]
    first, surname = rng.randrange(len(_NAMES[gender])), rng.randrange(len(_SURNAMES))
    name = f"{_NAMES[gender][first]} {_SURNAMES[surname]}"
    return {
        "adult": False,
        "gender": gender,
        "id": _FIRST_PERSON + gender * 1_000 + first * 100 + surname,
        "name": name,
        "original_name": name,
        "popularity": round(rng.uniform(0.1, 12), 4),
        "profile_path": None,
    }


def _credit_id(rng: Random) -> str:
    return f"{rng.getrandbits(96):024x}"


def draw_poster(index: int, seed: int) -> bytes:
    """Return film `index`'s poster as a JPEG: a sky with a sun or moon, hills or towers, a bar where titles stand."""
    rng = Random(f"tessera {seed} poster {index}")
    high, low, near = (vary(rng, NAMED[name]) for name in rng.sample(list(NAMED), 3))
    width, height = POSTER_WIDTH, POSTER_HEIGHT
    easel = Easel(width, height, high)
    depth = np.linspace(0, 1, height)[:, None] * np.ones((1, width))
    easel.paint(depth, low)
    x, y, radius = rng.uniform(35, 120), rng.uniform(40, 95), rng.uniform(14, 34)
    easel.fill(ellipse(x, y, radius, radius, 60), mix(low, (255, 250, 230), 0.75))
    for layer in range(3):
        _draw_layer(easel, rng, 120 + 28 * layer, mix(near, ink(near, 0.8), layer / 2.5), is_city=index % 3 == 0)
    easel.fill(box(20, 196, 134, 204), mix(near, (255, 255, 255), 0.85))
    easel.fill(box(44, 210, 110, 213), mix(near, (255, 255, 255), 0.6))
    return encode_jpeg(easel.picture())


def _draw_layer(easel: Easel, rng: Random, top: float, colour: tuple[int, int, int], is_city: bool) -> None:
    if is_city:
        for left in range(-6, POSTER_WIDTH, 18):
            easel.cloth(box(left, top + rng.uniform(-34, 14), left + rng.uniform(11, 18), POSTER_HEIGHT), colour)
        return
    ridge = [(x, top + rng.uniform(-24, 16)) for x in range(-20, POSTER_WIDTH + 21, 22)]
    easel.cloth(smooth([*ridge, (POSTER_WIDTH + 40, POSTER_HEIGHT + 40), (-40, POSTER_HEIGHT + 40)]), colour)
