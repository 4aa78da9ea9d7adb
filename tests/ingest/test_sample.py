"""The built-in source keeps to the public formats, tells the truth about what it draws, and never varies."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import pickle
import pickletools
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy._core.multiarray as numpy_rebuild
import pytest

from pipelines.imaging import decode, inspect
from pipelines.ingest import sample
from pipelines.ingest.products import GENDERS, MASTER_CATEGORIES, SEASONS, USAGES
from pipelines.ingest.sample.colours import NAMED
from pipelines.ingest.sample.defects import Fault, fault_of, shown_index
from pipelines.ingest.sample.scenes import draw_scene
from pipelines.ingest.sample.wardrobe import KINDS

COUNT = 100  # from here on every fault is there
HEADER = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName"
PIECE_LABELS = {
    "Tee", "Tank", "Dress", "Shorts", "Skirt", "Hoodie", "Jumpsuit", "Sweater", "Blazer", "Striped", "Cardigan",
    "Blouse", "Jacket", "Jeans", "Maxi", "Floral", "Denim", "Sweatshorts", "Polka", "Shawl", "Bodycon",
}  # fmt: skip


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    sample.write_fashion(folder / "fashion", COUNT)
    sample.write_cifar10(folder / "cifar", per_batch=30)
    sample.write_tmdb(folder / "tmdb")
    sample.write_inbox(folder)
    return folder


@pytest.fixture(scope="module")
def rows(made: Path) -> list[list[str]]:
    with (made / "fashion" / "styles.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, quoting=csv.QUOTE_NONE))[1:]


class TestSameEveryTime:
    def test_a_piece_follows_from_seed_and_number_alone(self) -> None:
        few, more = list(sample.pieces(6)), list(sample.pieces(9))
        assert few == more[:6]
        assert [piece.image for piece in few] != [piece.image for piece in sample.pieces(6, seed=8)]

    def test_equal_arguments_give_equal_files(self, tmp_path: Path) -> None:
        one, other = sample.write_fashion_zip(tmp_path / "a.zip", 30), sample.write_fashion_zip(tmp_path / "b.zip", 30)
        assert one.read_bytes() == other.read_bytes()
        assert one.read_bytes() != sample.write_fashion_zip(tmp_path / "c.zip", 30, seed=8).read_bytes()
        inboxes = [digests(sample.write_inbox(tmp_path / name, seed)) for name, seed in (("a", 7), ("b", 7), ("c", 8))]
        assert inboxes[0] == inboxes[1] != inboxes[2]

    def test_the_process_does_not_matter(self, tmp_path: Path) -> None:
        code = (
            "import sys; from pathlib import Path; from pipelines.ingest.sample import *; at = Path(sys.argv[1]);"
            "write_fashion(at / 'f', 25); write_cifar10(at / 'c', 4); write_tmdb(at / 't', 3); write_inbox(at / 'i')"
        )
        for hash_seed in ("1", "2"):
            environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
            subprocess.run([sys.executable, "-c", code, tmp_path / hash_seed], env=environment, check=True)
        assert digests(tmp_path / "1") == digests(tmp_path / "2") != {}


class TestFashion:
    def test_zip_and_folder_are_written_as_the_real_ones(self, made: Path, tmp_path: Path) -> None:
        with zipfile.ZipFile(sample.write_fashion_zip(tmp_path / "f.zip", COUNT)) as archive:
            assert archive.namelist()[0] == "styles.csv"
            found = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
            data = archive.read("styles.csv")
        assert found == digests(made / "fashion")
        assert data.splitlines()[0].decode() == HEADER
        assert (data.count(b"\n"), data.count(b"\r"), data[-1:]) == (COUNT + 1, 0, b"\n")

    def test_faulty_rows_are_those_expected(self, rows: list[list[str]]) -> None:
        truth, widths = sample.expected(COUNT), Counter(len(row) for row in rows)
        assert truth.rows == sum(widths.values()) == COUNT
        assert truth.malformed == widths[11] + widths[12] == COUNT - widths[10]
        assert widths[11] >= 2 > widths[12] >= 1
        assert len({int(row[0]) for row in rows}) == COUNT
        sound = [dict(zip(HEADER.split(","), row, strict=True)) for row in rows if len(row) == 10]
        for column, count in truth.nulls.items():
            assert sum(row[column] in ("", "NA") for row in sound) == count >= 1
        assert sum('"' in ",".join(row) for row in rows) == truth.quoted >= 1

    def test_images_are_those_expected(self, made: Path, rows: list[list[str]]) -> None:
        truth, files = (
            sample.expected(COUNT),
            {path.stem: path.read_bytes() for path in (made / "fashion" / "images").iterdir()},
        )
        assert set(files) < {row[0] for row in rows}
        assert len(rows) - len(files) == truth.absent >= 3
        assert len(set(files.values())) == truth.distinct_images == truth.images - truth.surplus
        assert truth.surplus >= 3
        sizes = Counter((header.width, header.height) for header in map(inspect, files.values()))
        assert {inspect(data).format for data in files.values()} == {"jpeg"}
        assert sizes.pop((60, 80)) == truth.images - truth.odd_sized
        assert set(sizes) == {(53, 80), (60, 60), (60, 77)}

    def test_a_repeat_is_the_earlier_row_under_another_id(self, rows: list[list[str]]) -> None:
        for index in (index for index in range(COUNT) if fault_of(index) is Fault.REPEATED):
            assert rows[index][1:] == rows[shown_index(index)][1:]

    def test_words_are_the_catalogues(self, rows: list[list[str]]) -> None:
        years = [str(year) for year in range(2007, 2020)]
        vocabularies = {1: GENDERS, 2: MASTER_CATEGORIES, 5: NAMED, 6: SEASONS, 7: years, 8: USAGES}
        for row in rows:
            assert all(row[field] in {*words, "NA", ""} for field, words in vocabularies.items()), row

    def test_words_and_colours_are_in_the_real_catalogue(self, real_data: Path) -> None:
        with zipfile.ZipFile(real_data / "fashion-product-images-small.zip") as archive:
            real = list(csv.reader(io.TextIOWrapper(archive.open("styles.csv"), "utf-8")))
        assert ",".join(real[0]) == HEADER
        kinds = {(row[2], row[3], row[4]) for row in real}
        assert {(kind.master_category, kind.sub_category, kind.article_type) for kind in KINDS} <= kinds
        assert set(NAMED) <= {row[5] for row in real}


class TestTruth:
    def test_the_main_colour_covers_most(self) -> None:
        for piece in sample.pieces(120, seed=11):
            pixels = decode(piece.image).pixels.astype(np.float64)
            ground = np.median(np.concatenate([pixels[0], pixels[-1]]), axis=0)
            drawn = pixels[np.abs(pixels - ground).max(axis=-1) > 10]
            lit = np.multiply.outer((0.84, 0.93, 1.02), np.array(piece.colours)).reshape(-1, 3)  # in shade, in light
            away = ((drawn[:, None] - lit[None]) ** 2).sum(axis=-1)
            counts = np.bincount(away.argmin(axis=1) % len(piece.colours), minlength=len(piece.colours))
            assert counts.argmax() == 0, (piece.display_name, piece.colours, counts)

    def test_the_name_tells_the_main_colour_and_holds_no_comma(self) -> None:
        for piece in sample.pieces(60):
            assert f" {piece.base_colour} " in piece.display_name
            assert "," not in piece.display_name
            assert max(abs(np.subtract(piece.colours[0], NAMED[piece.base_colour]))) <= 6

    def test_every_piece_label_is_for_sale(self) -> None:
        named = {"Tshirts": "Tee", "Dresses": "Dress", "Skirts": "Skirt", "Tops": "Blouse", "Sweatshirts": "Hoodie"}
        words = {named.get(kind.article_type, "") for kind in KINDS}
        words |= {word for kind in KINDS for cut in kind.cuts for word in cut.noun.split()}
        words |= {motif.title() for kind in KINDS for motif in kind.prints}
        assert words >= PIECE_LABELS
        assert len({kind.article_type for kind in KINDS}) >= 12

    def test_it_is_quick(self) -> None:
        start = time.process_time()
        assert len({piece.image for piece in sample.pieces(80)}) == 80
        assert time.process_time() - start < 80 * 0.012  # 12 ms each; it takes about 3, but machines differ


class OnlyArrays(pickle.Unpickler):
    """Allows what CIFAR-10's files need and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return vars(numpy_rebuild)[name] if name == "_reconstruct" else getattr(np, name)


def unpickled(path: Path) -> Any:
    return OnlyArrays(io.BytesIO(path.read_bytes()), encoding="bytes").load()


def opcodes(data: bytes) -> set[tuple[str, str]]:
    """Return the kinds of opcodes in a pickle, with the names of what it calls."""
    found = pickletools.genops(data)
    return {(code.name, str(value) if code.name == "GLOBAL" else "") for code, value, _ in found}


class TestCifar10:
    def test_the_batches_are_laid_out_as_the_real_ones(self, made: Path) -> None:
        rows: set[bytes] = set()
        names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
        assert sorted(path.name for path in (made / "cifar").iterdir()) == sorted([*names, "batches.meta"])
        for name in names:
            batch = unpickled(made / "cifar" / name)
            assert list(batch) == [b"batch_label", b"labels", b"data", b"filenames"]
            assert (batch[b"data"].shape, batch[b"data"].dtype) == ((30, 3_072), np.uint8)
            assert len(batch[b"labels"]) == len(batch[b"filenames"]) == 30
            rows |= {row.tobytes() for row in batch[b"data"]}
        assert len(rows) == 180
        meta = unpickled(made / "cifar" / "batches.meta")
        assert meta[b"label_names"][::9] == [b"airplane", b"truck"]
        assert (meta[b"num_cases_per_batch"], meta[b"num_vis"]) == (30, 3_072)

    def test_planes_are_red_green_blue(self, made: Path) -> None:
        batch, rng = unpickled(made / "cifar" / "data_batch_1"), Random("tessera 7 training batch 1 of 5 0")
        drawn = draw_scene(rng.randrange(10), rng)
        assert np.array_equal(batch[b"data"][0].reshape(3, 32, 32), drawn.transpose(2, 0, 1))

    def test_the_opcodes_are_those_of_the_real_files(self, made: Path, real_data: Path) -> None:
        real = opcodes((real_data / "cifar-10-batches-py" / "data_batch_2").read_bytes())
        memo = {("BINPUT", ""), ("LONG_BINPUT", "")}
        assert opcodes((made / "cifar" / "data_batch_2").read_bytes()) | memo == real | memo


def mappings(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def path_of(mapping: dict[str, Any]) -> str:
    return str(mapping["Request"]["Path"]["Matchers"][0]["Pattern"])


def params_of(mapping: dict[str, Any]) -> dict[str, str]:
    return {param["Name"]: param["Matchers"][0]["Pattern"] for param in mapping["Request"].get("Params", [])}


class TestTmdb:
    def test_a_search_leads_to_films_and_their_posters(self, made: Path) -> None:
        answers = {(path_of(one), *params_of(one).values()): one["Response"] for one in mappings(made / "tmdb")}
        searches = [(key, answer) for key, answer in answers.items() if key[0] == "/3/search/movie"]
        sizes = Counter(answer["BodyAsJson"]["total_results"] for _, answer in searches)
        assert sizes[0] == sizes[2] == 1
        found = [film for _, answer in searches for film in answer["BodyAsJson"]["results"]]
        assert len(found) == 20
        for film in found:
            body = answers[f"/3/movie/{film['id']}", "credits"]["BodyAsJson"]
            assert all(body[key] == value for key, value in film.items() if key != "genre_ids")
            if film["poster_path"]:
                poster = inspect((made / "tmdb" / "posters" / film["poster_path"][1:]).read_bytes())
                assert (poster.format, poster.width, poster.height) == ("jpeg", 154, 231)
        assert sum(film["poster_path"] is None for film in found) == 1

    def test_credits_hold_every_gender_and_one_film_has_none(self, made: Path) -> None:
        films = [
            one["Response"]["BodyAsJson"] for one in mappings(made / "tmdb") if "credits" in params_of(one).values()
        ]
        assert [film["status_code"] for film in films if "credits" not in film] == [34]  # the one that is not there
        casts = [film["credits"]["cast"] for film in films if "credits" in film]
        assert sum(not cast for cast in casts) == 1
        assert {person["gender"] for cast in casts for person in cast} == {0, 1, 2, 3}
        names = {(person["id"], person["name"]) for cast in casts for person in cast}
        assert len({number for number, _ in names}) == len({name for _, name in names}) == len(names)

    def test_answers_have_the_real_ones_keys(self, made: Path, real_data: Path) -> None:
        real = {path_of(one): one for one in mappings(real_data / "tmdb" / "recorded")}
        for mapping in mappings(made / "tmdb"):
            kind = "/3/movie/47964" if "append_to_response" in params_of(mapping) else path_of(mapping)
            twin = real[path_of(mapping) if mapping["Response"]["StatusCode"] == 404 else kind]
            assert set(mapping) <= set(twin)
            assert set(mapping["Request"]) <= {*twin["Request"], "Params"}
            body, real_body = mapping["Response"]["BodyAsJson"], twin["Response"]["BodyAsJson"]
            assert set(real_body) == set(body) - {"credits"}
            for result in body.get("results", []):
                assert set(result) == set(real_body["results"][0])
        recorded = json.loads((real_data / "tmdb" / "movies_with_credits_18.json").read_text(encoding="utf-8"))[0]
        film = next(
            one["Response"]["BodyAsJson"] for one in mappings(made / "tmdb") if path_of(one) == "/3/movie/9000001"
        )
        for part in ("cast", "crew"):
            assert set(film["credits"][part][0]) == set(recorded["credits"][part][0])


def said(batch: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (batch / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]


class TestInbox:
    def test_the_manifest_names_every_file_and_no_other(self, made: Path) -> None:
        for batch in (made / "incoming").iterdir():
            named = {entry["file"]: entry for entry in said(batch) if "file" in entry}
            assert {path.name for path in batch.iterdir()} == {*named, "manifest.jsonl"}
            for name, entry in named.items():
                data = (batch / name).read_bytes()
                assert (entry["size"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
                assert inspect(data).format == ("png" if name.endswith("png") else "jpeg")

    def test_what_is_said_is_said_of_uploads_in_order(self, made: Path) -> None:
        entries = [entry for batch in sorted((made / "incoming").iterdir()) for entry in said(batch)]
        assert {entry["kind"] for entry in entries} == {"upload", "label", "vote", "confirm", "mosaic", "delete"}
        times = [entry["ts"] for entry in entries]
        assert times == sorted(times)
        uploads = {entry["sha256"]: entry["visibility"] for entry in entries if entry["kind"] == "upload"}
        assert set(uploads.values()) == {"private", "shared"}
        assert {entry["image_id"] for entry in entries if "image_id" in entry} <= set(uploads)
        votes = Counter((entry["user_id"], entry["image_id"]) for entry in entries if entry["kind"] == "vote")
        assert max(votes.values()) == 2  # the last one counts
