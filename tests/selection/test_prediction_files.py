"""The two files of predictions say the same, to the last bit of every number."""

from __future__ import annotations

import io
import json

import numpy as np
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.registry import ModelVersion
from pipelines.registry.spec import ModelSpec, Preprocessing
from pipelines.selection.answers import Answers
from pipelines.selection.prediction_files import as_parquet, count_of, request_of, write_json

WORDS = st.lists(st.text(min_size=1, max_size=8).filter(str.strip), min_size=1, max_size=4, unique=True)
PROBABILITIES = st.floats(0, 1, width=32)


def answers(count: int, **labels: list[str]) -> Answers:
    spec = ModelSpec(Preprocessing(4, 4), tuple((group, tuple(words)) for group, words in labels.items()))
    return Answers(ModelVersion("colours", 3, "", "", spec), [f"{i:04}" for i in range(count)])


@settings(max_examples=30, deadline=None)
@given(first=WORDS, second=WORDS, data=st.data())
def test_words_and_numbers_come_back_as_they_were(first: list[str], second: list[str], data: st.DataObject) -> None:
    given_, labels = answers(3, first=first, second=second), {"first": first, "second": second}
    scores = {}
    for group, words in labels.items():
        row = st.lists(PROBABILITIES, min_size=len(words), max_size=len(words))
        scores[group] = np.array(data.draw(st.lists(row, min_size=3, max_size=3)), np.float32)
        given_.take(group, ["0002", "0000", "0001"], scores[group][[2, 0, 1]])
    sink = io.BytesIO()
    write_json(as_parquet(given_, "asked"), sink)
    for row, entry in enumerate(json.loads(sink.getvalue())):
        assert (entry["image_id"], entry["model_name"], entry["model_version"]) == (f"{row:04}", "colours", 3)
        for group, words in labels.items():
            assert list(entry[group]) == words
            assert [np.float32(value) for value in entry[group].values()] == scores[group][row].tolist()


def test_long_files_are_written_in_parts_and_what_is_not_known_in_full_is_left_out() -> None:
    whole, ids = answers(2500, a=["x"], b=["y", "z"]), [f"{i:04}" for i in range(2500)]
    numbers = np.linspace(0, 1, 2500, dtype=np.float32)
    whole.take("a", ids, numbers[:, None])
    whole.take("b", ids[:-100], np.stack([numbers, 1 - numbers], axis=1)[:-100])
    data, sink = as_parquet(whole, "colours@champion"), io.BytesIO()
    write_json(data, sink)
    entries, rows = json.loads(sink.getvalue()), pq.read_table(io.BytesIO(data)).to_pylist(maps_as_pydicts="strict")
    assert len(entries) == len(rows) == count_of(data) == 2400
    assert request_of(data) == ("colours@champion", "colours/3")
    for entry, row, number in zip(entries, rows, numbers, strict=False):
        assert np.float32(entry["b"]["y"]) == np.float32(entry["a"]["x"]) == row["a"]["x"] == number


def test_no_images_are_an_empty_list() -> None:
    sink = io.BytesIO()
    write_json(as_parquet(answers(0, a=["x"]), "asked"), sink)
    assert sink.getvalue() == b"[]"
