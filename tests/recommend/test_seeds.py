"""The lists people may edit, as files and as tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from by_definition import CLASSES
from wardrobe_lake import held, step

from pipelines.lake.errors import ContractBroken
from pipelines.lake.recipe import recipe
from pipelines.lake.store import Store
from pipelines.producers import WholeTable
from pipelines.recommend import complements, label_aliases, match_labels, outfits, similar
from pipelines.recommend.seeds import LABELS, Seed

COMPLEMENTS = """
Tee | Shorts, Hoodie, Jacket, Jeans, Sweatshorts
Tank | Shorts, Hoodie, Jacket, Jeans, Sweatshorts
Dress | Blazer, Leggings, Coat, Jacket, Cardigan
Shorts | Tee, Tank, T-Shirt, Shirt, Button-Down, V-Neck, Blouse
Skirt | Tee, Blazer, Blouse
Hoodie | Leggings, Pants, Jeans, T-Shirt, Joggers, V-Neck, Sweatpants
Jumpsuit | Jacket, Blazer, Cardigan
Sweater | Jeans, Pants, Joggers, Sweatpants, Leggings
Blazer | Dress, Skirt, Jumpsuit, V-Neck, T-Shirt, Shirt, Button-Down, Romper
Striped |
Cardigan | Jumpsuit, Jeans, Blouse, Tank, Turtleneck, V-Neck
Blouse | Cardigan, Skirt, Shorts, Jacket, Jeans, Dress
Jacket | Tee, Tank, Dress, Blouse, Jumpsuit, T-Shirt, Shirt, Button-Down, Romper, Jeans
Jeans | Tee, Tank, Hoodie, Sweater, Cardigan, Button-Down, Blazer, Jacket
Maxi | Blazer, Coat, Jacket, Cardigan
Floral | Blazer, Coat, Jacket, Cardigan
Denim | Blazer, Coat, Jacket, Cardigan
Sweatshorts | Tee, Sweater, T-Shirt
Polka |
Shawl |
Bodycon | Jacket, Cardigan, Sweater
"""
SEEDS = (match_labels, label_aliases, complements, outfits)


def test_what_goes_with_what_is_as_agreed() -> None:
    lines = [line.split(" |") for line in COMPLEMENTS.strip().splitlines()]
    assert [label for label, _ in lines] == CLASSES
    agreed = [(label, word.strip()) for label, allowed in lines for word in allowed.split(",") if word.strip()]
    assert list(complements.SEED.pairs) == agreed


def test_each_of_the_143_article_types_has_an_outfit() -> None:
    assert len(outfits.TYPES) == 143
    assert all(left != right for left, right in outfits.SEED.pairs)


def test_jeans_look_among_chinos() -> None:
    assert ("Jeans", "Chino") in label_aliases.SEED.pairs
    assert set(LABELS) >= {label for pair in label_aliases.SEED.pairs for label in pair}


@pytest.mark.parametrize("module", SEEDS)
def test_a_seed_is_a_table_that_is_written_once(module: object, tmp_path: Path) -> None:
    store, table, seed = Store(str(tmp_path)), module.TABLE, module.SEED  # type: ignore[attr-defined]
    first, again = step(store, table), step(store, table)
    assert (first.new, again.new, again.unchanged) == (len(seed.pairs), 0, len(seed.pairs))
    assert {tuple(row.values()) for row in held(store, table)} == set(seed.pairs)


def seed(folder: Path, text: str) -> Seed:
    file = folder / "complements.csv"
    file.write_text(text, encoding="utf-8")
    return Seed(file, ("label", "allowed"), left=CLASSES, right=LABELS)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Tee,Jeans\nTee,Jeanz\n", "complements.csv, line 3, names 'Jeanz' as allowed"),
        ("Teee,Jeans\n", "complements.csv, line 2, names 'Teee' as label"),
        ("Tee,Jeans\nTank,Jeans\nTee,Jeans\n", "complements.csv, line 4, says what line 2 says"),
        ("Tee\n", "complements.csv, line 2, has 1 values"),
        ("Tee,\n", "complements.csv, line 2, has 2 values, or an empty one"),
        ("Tee,Jeans,Tank\n", "complements.csv, line 2, has 3 values"),
    ],
)
def test_a_seed_that_is_not_sound_is_refused_by_its_line(text: str, why: str, tmp_path: Path) -> None:
    broken = seed(tmp_path, f"label,allowed\n{text}")
    with pytest.raises(ContractBroken, match=why):
        broken.require_sound()
    with pytest.raises(ContractBroken, match=why):
        step(Store(str(tmp_path / "lake")), broken.table("Words.", ("One.", "Other.")))


@pytest.mark.parametrize("text", [b"", b"label,allowed\n", b"allowed,label\nJeans,Tee\n", b"Tee,Jeans\n"])
def test_a_seed_has_its_header_and_rows(text: bytes, tmp_path: Path) -> None:
    broken = seed(tmp_path, "")
    broken.file.write_bytes(text)
    with pytest.raises(ContractBroken, match="line 1, is to be label,allowed, with rows below it"):
        broken.require_sound()


def test_a_seed_of_another_encoding_is_refused_when_it_is_used(tmp_path: Path) -> None:
    broken = seed(tmp_path, "")
    broken.file.write_bytes(b"\xef\xbb\xbflabel,allowed\nTee,Jeans\nTank,Je\xffns\n")
    assert len(broken.pairs) == 2
    with pytest.raises(ContractBroken, match="line 3, is no UTF-8"):
        broken.require_sound()


def test_an_edited_seed_is_written_anew_and_changes_the_recipe(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "lake"))
    tables = []
    for text in ("Tee,Jeans\n", "Tee,Jeans\nTee,Tank\n"):
        table = seed(tmp_path, f"label,allowed\n{text}").table("Words.", ("One.", "Other."))
        assert step(store, table).new == text.count("\n")
        tables.append(table)
    assert len(held(store, tables[1])) == 2
    assert recipe(tables[0]) != recipe(tables[1])


def test_what_seeds_say_is_part_of_the_recipe_of_what_is_made_with_them() -> None:
    params = similar.SimilarParams(aliases=())
    other = replace(similar.TABLE, produce=WholeTable(similar.recommend, params, version=1))
    assert recipe(other) != recipe(similar.TABLE)
