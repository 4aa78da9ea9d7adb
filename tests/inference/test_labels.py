"""Labels: the catalogue's own words for its images, a model's for users', at any threshold without asking it again."""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.inference import label_scores, labels
from pipelines.inference.labels import TABLE, LabelParams, derive
from pipelines.inference.predicted_labels import predicted_labels
from pipelines.inference.true_labels import label_map, piece_labels, require_known, true_labels
from pipelines.ingest import image_sources, products, styles
from pipelines.ingest.image_sources import Terms
from pipelines.ingest.inbox.labelled_samples import CLASS_LIST_21
from pipelines.lake.errors import ContractBroken
from pipelines.lake.materialize import remove, upsert
from pipelines.lake.recipe import Run
from pipelines.lake.rows import digest
from pipelines.lake.runs import Journal, Step
from pipelines.lake.store import Store
from pipelines.lake.table import Table
from pipelines.producers import WholeTable

Row = dict[str, Any]
MAP = dict(label_map())


def image(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


A, B, C, D = map(image, "ABCD")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lake"))


def put(store: Store, table: Table, *rows: Row) -> None:
    upsert(store, Run(), table, pa.Table.from_pylist(list(rows), table.schema))


def show(store: Store, number: int, image_id: str, **values: Any) -> None:
    """Put in a product and the image that shows it."""
    empty: Row = dict.fromkeys(("sub_category", "article_type", "base_colour", "season", "year", "usage"))
    row = {"product_id": number, "source": "sample", "gender": "Men", "master_category": "Apparel"} | empty
    put(store, products.TABLE, row | {"display_name": None, "is_repaired": False} | values)
    put(store, products.PRODUCT_IMAGES, {"product_id": number, "kind": "thumbnail", "image_id": image_id})
    meet(store, "sample", image_id)


def meet(store: Store, source: str, image_id: str) -> None:
    put(store, image_sources.TABLE, image_sources.row(source, f"key/{image_id}", "1", image_id, Terms(True)))


def scored(image_id: str, scores: dict[str, float], group: str = "piece", version: int = 1) -> Row:
    given = {"labels": list(scores), "scores": list(scores.values())}
    return {"image_id": image_id, "label_group": group, **given, "model_name": "m", "model_version": version}


def upload(store: Store, image_id: str, scores: dict[str, float], group: str = "piece") -> None:
    meet(store, "inbox", image_id)
    put(store, label_scores.TABLE, scored(image_id, scores, group))


def night(store: Store, run: Run | None = None, **params: Any) -> Step:
    journal = Journal(store, run or Run())
    derive(journal, table(**params), LabelParams(**params))
    return journal.steps[0]


def table(**params: Any) -> Table:
    return replace(TABLE, produce=WholeTable(derive, LabelParams(**params), version=1))


def held(store: Store, *columns: str) -> set[tuple[Any, ...]]:
    rows = store.snapshot(TABLE).read(list(columns or ("image_id", "label_group", "label")))
    return {tuple(row.values()) for row in rows.to_pylist()}


def predicted(threshold: float, *rows: Row) -> list[tuple[Any, ...]]:
    found = predicted_labels(pa.Table.from_pylist(list(rows), label_scores.TABLE.schema), threshold)
    return [(row["image_id"], row["label"], row["is_fallback"]) for row in found.to_pylist()]


class TestTrueLabels:
    @pytest.mark.parametrize(
        ("name", "article_type", "expected"),
        [
            ("Puma Men STRIPED Blue tee", None, {"Striped", "Tee"}),
            ("Self-Striped Shirt", None, set()),  # a part of a word is no word
            ("Jeansy Teeth Dresses", None, set()),
            ("Jeans, (Denim)", "Trousers", {"Jeans", "Denim"}),
            ("Plain", "Tshirts", {"Tee"}),
            ("Hooded", "Sweatshirts", {"Hoodie"}),
            ("Silk", "Tops", {"Blouse"}),
            ("Maxi Floral Polka Dress", "Dresses", {"Maxi", "Floral", "Polka", "Dress"}),
            ("A watch", "Watches", set()),
            (None, None, set()),
            ("", "Jeans", {"Jeans"}),
        ],
    )
    def test_words_of_the_name_and_the_article_type(
        self, name: str | None, article_type: str | None, expected: set[str]
    ) -> None:
        assert piece_labels(name, article_type, MAP) == expected

    def test_the_first_map_is_the_agreed_one(self) -> None:
        pairs = (
            "Tshirts:Tee Dresses:Dress Shorts:Shorts Skirts:Skirt Jumpsuit:Jumpsuit Sweaters:Sweater Blazers:Blazer "
            "Jackets:Jacket Jeans:Jeans Sweatshirts:Hoodie Tops:Blouse"
        )
        assert dict(pair.split(":") for pair in pairs.split()) == MAP

    @pytest.mark.parametrize(
        ("pairs", "said"),
        [((("Tights", "Trousers"),), "which is no class"), ((("Tops", "Tee"), ("Tops", "Blouse")), "twice")],
    )
    def test_a_map_that_cannot_be_is_refused(self, pairs: tuple[tuple[str, str], ...], said: str) -> None:
        with pytest.raises(ContractBroken, match=said):
            require_known(pairs)

    def test_a_value_that_is_null_is_no_label(self, store: Store) -> None:
        show(store, 1, A, display_name="Striped", article_type="Tshirts", season="Summer")
        night(store)
        assert held(store) == {
            (A, "piece", "Tee"),
            (A, "piece", "Striped"),
            (A, "article_type", "Tshirts"),
            (A, "gender", "Men"),
            (A, "season", "Summer"),
        }
        assert held(store, "score", "source", "is_fallback", "model_name") == {(None, "true", False, None)}

    def test_products_that_share_an_image_are_labelled_together_each_label_once(self, store: Store) -> None:
        show(store, 1, A, article_type="Jeans", base_colour="Blue")
        show(store, 2, A, article_type="Jeans", base_colour="Navy Blue")
        night(store)
        assert held(store) == {
            (A, "piece", "Jeans"),
            (A, "article_type", "Jeans"),
            (A, "gender", "Men"),
            (A, "base_colour", "Blue"),
            (A, "base_colour", "Navy Blue"),
        }

    def test_other_maps_give_other_labels(self, store: Store) -> None:
        show(store, 1, A, article_type="Tights")
        night(store)
        night(store, label_map=(("Tights", "Shorts"),))
        assert (A, "piece", "Shorts") in held(store)


class TestPredictedLabels:
    def test_a_label_lies_above_the_threshold_not_at_it(self) -> None:
        row = scored(A, {"Tee": 0.4, "Tank": 0.40001, "Dress": 0.9})
        assert predicted(0.4, row) == [(A, "Tank", False), (A, "Dress", False)]

    def test_where_no_piece_passes_the_best_one_counts_and_is_marked(self) -> None:
        assert predicted(0.4, scored(A, {"Tee": 0.1, "Tank": 0.3, "Dress": 0.2})) == [(A, "Tank", True)]

    def test_of_equals_the_first_in_order_counts(self) -> None:
        assert predicted(0.4, scored(A, {"Tee": 0.1, "Tank": 0.3, "Dress": 0.3})) == [(A, "Tank", True)]

    def test_only_pieces_fall_back(self) -> None:
        assert predicted(0.4, scored(A, {"Men": 0.3, "Women": 0.2}, "gender")) == []

    def test_a_row_without_one_score_per_label_is_refused(self) -> None:
        with pytest.raises(ContractBroken, match="one score for each label"):
            predicted(0.4, scored(A, {"Tee": 0.4}) | {"scores": [0.1, 0.2]})

    @given(
        st.lists(st.lists(st.floats(0, 1, width=32), max_size=5), max_size=6),
        st.floats(0, 1),
    )
    def test_it_says_what_the_words_say(self, images: list[list[float]], threshold: float) -> None:
        rows = [scored(str(i), {f"l{j}": score for j, score in enumerate(scores)}) for i, scores in enumerate(images)]
        expected = []
        for i, scores in enumerate(images):
            passing = [j for j, score in enumerate(scores) if np.float32(score) > np.float32(threshold)]
            best = [max(range(len(scores)), key=scores.__getitem__)] if scores else []
            expected += [(str(i), f"l{j}", not passing) for j in passing or best]
        assert predicted(threshold, *rows) == expected


class TestTheTable:
    def test_uploads_are_predicted_and_the_catalogue_never_is(self, store: Store) -> None:
        show(store, 1, A, article_type="Watches")  # no piece, though a model would name one
        put(store, label_scores.TABLE, scored(A, {"Tee": 0.9}))
        upload(store, B, {"Tee": 0.2, "Jeans": 0.8})
        night(store)
        assert held(store, "image_id", "label", "source", "model_name", "model_version") == {
            (A, "Watches", "true", None, None),
            (A, "Men", "true", None, None),
            (B, "Jeans", "predicted", "m", 1),
        }

    def test_an_image_of_both_carries_the_true_ones(self, store: Store) -> None:
        upload(store, A, {"Tee": 0.9})
        night(store)
        assert held(store) == {(A, "piece", "Tee")}
        show(store, 1, A, article_type="Jeans")
        night(store)
        assert held(store) == {(A, "piece", "Jeans"), (A, "article_type", "Jeans"), (A, "gender", "Men")}

    def test_images_of_other_sources_have_none(self, store: Store) -> None:
        meet(store, "tmdb", A)
        put(store, label_scores.TABLE, scored(A, {"Tee": 0.9}))
        assert night(store).rows_in == 0
        assert held(store) == set()

    def test_another_threshold_gives_other_labels_and_asks_no_model(self, store: Store) -> None:
        upload(store, A, {"Tee": 0.5, "Jeans": 0.3})
        night(store)
        before = store.snapshot(label_scores.TABLE).version
        night(store, threshold=0.2)
        assert held(store, "label", "is_fallback") == {("Tee", False), ("Jeans", False)}
        night(store, threshold=0.6)
        assert held(store, "label", "is_fallback") == {("Tee", True)}
        assert store.snapshot(label_scores.TABLE).version == before

    def test_a_quiet_night_commits_nothing_and_reads_no_rows(self, store: Store) -> None:
        show(store, 1, A, article_type="Jeans")
        upload(store, B, {"Tee": 0.5})
        first = night(store)
        assert (first.rows_in, first.new, first.unchanged) == (4, 4, 0)
        before = store.snapshot(TABLE).version
        for name in ("labels", "label_scores", "products", "product_images", "image_sources"):
            for file in Path(store.uri, name).rglob("*.parquet"):
                file.unlink()  # whoever reads one now fails
        step = night(store)
        assert (step.rows_in, step.new, step.unchanged) == (4, 0, 4)
        assert store.snapshot(TABLE).version == before

    def test_a_lost_note_costs_time_and_commits_nothing(self, store: Store) -> None:
        show(store, 1, A, article_type="Jeans")
        night(store)
        before = store.snapshot(TABLE).version
        shutil.rmtree(Path(store.uri, "_bookmarks"))
        assert night(store).unchanged == 3
        assert store.snapshot(TABLE).version == before

    def test_what_is_gone_leaves(self, store: Store) -> None:
        upload(store, A, {"Tee": 0.9})
        upload(store, B, {"Jeans": 0.9})
        night(store)
        for each in (image_sources.TABLE, label_scores.TABLE):
            remove(store, Run(), each, lambda rows: pc.equal(rows["image_id"], A))
        step = night(store)
        assert (step.rows_in, step.new, step.unchanged) == (1, 0, 1)
        assert held(store) == {(B, "piece", "Jeans")}
        remove(store, Run(), image_sources.TABLE, lambda rows: pc.equal(rows["image_id"], B))
        night(store)
        assert held(store) == set()

    def test_another_model_replaces_its_labels(self, store: Store) -> None:
        upload(store, A, {"Tee": 0.9, "Jeans": 0.1})
        night(store)
        put(store, label_scores.TABLE, scored(A, {"Tee": 0.1, "Jeans": 0.9}, version=2))
        night(store)
        assert held(store, "label", "model_version") == {("Jeans", 2)}

    def test_a_slow_night_leaves_what_a_later_one_made(self, store: Store) -> None:
        show(store, 1, A, article_type="Jeans")
        slow = Run("slow")
        for each in labels._READ:
            store.pin(slow, each, "labels")
        show(store, 2, B, article_type="Tops")
        night(store)
        before = held(store)
        night(store, slow)
        assert held(store) == before
        assert night(store).new == 0

    def test_rows_do_not_depend_on_how_they_were_cut(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for i in range(6):
            show(store, i, image(str(i // 2)), article_type=("Jeans", "Tops", "Watches")[i % 3])
        for i in range(4):
            upload(store, image(f"up{i}"), {"Tee": i / 4, "Jeans": 0.3})
        found = set()
        for size in (200_000, 3):
            monkeypatch.setattr(labels, "_PART_IMAGES", size)
            shutil.rmtree(tmp_path / "lake" / "labels", ignore_errors=True)
            night(store)
            found.add((digest(TABLE, store.snapshot(TABLE).read()), night(store).new))
        assert len(found) == 1

    def test_an_empty_lake_has_no_labels(self, store: Store) -> None:
        assert night(store).rows_in == 0
        assert night(store).rows_in == 0


# Images of the real catalogue by piece; products that show one picture count once.
REAL = dict.fromkeys(CLASS_LIST_21, 0) | {
    "Tee": 2478,
    "Blouse": 586,
    "Striped": 376,
    "Jeans": 238,
    "Shorts": 194,
    "Dress": 139,
    "Hoodie": 106,
    "Jacket": 100,
    "Sweater": 92,
    "Skirt": 49,
    "Denim": 32,
    "Floral": 18,
    "Tank": 13,
    "Jumpsuit": 11,
    "Blazer": 11,
    "Polka": 9,
    "Maxi": 2,
}


def fill_real(store: Store, archive: Path) -> int:
    """Put the real catalogue's rows into the lake, and the ids of its pictures; return the number of products."""
    with zipfile.ZipFile(archive) as packed:
        ids = {
            int(Path(name).stem): hashlib.sha256(packed.read(name)).hexdigest()
            for name in packed.namelist()
            if name.endswith(".jpg")
        }
        header, lines = styles.open_lines(io.BytesIO(packed.read("styles.csv")))
        rows: Sequence[Row] = [styles.product(header, line, True) for line in lines]
    kept = [row | {"source": "fashion"} for row in rows if row["product_id"] in ids]
    put(store, products.TABLE, *kept)
    shows = [{"product_id": n, "kind": "thumbnail", "image_id": ids[n]} for n in (row["product_id"] for row in kept)]
    put(store, products.PRODUCT_IMAGES, *shows)
    return len(kept)


def test_the_real_catalogue(real_data: Path, store: Store) -> None:
    assert fill_real(store, real_data / "fashion-product-images-small.zip") == 16_000
    night(store)
    rows = store.snapshot(TABLE).read()
    pieces = rows.filter(pc.equal(rows["label_group"], "piece"))
    named = true_labels(store.snapshot(products.TABLE).read(), MAP)
    counted = Counter(pieces["label"].to_pylist())
    assert {label: counted[label] for label in CLASS_LIST_21} == REAL
    assert len(pc.unique(rows["image_id"])) == 15_893
    assert len(pc.unique(pieces["image_id"])) == 4_289
    assert len(pc.unique(named.filter(pc.equal(named["label_group"], "piece"))["product_id"])) == 4_346
    assert night(store).new == 0
